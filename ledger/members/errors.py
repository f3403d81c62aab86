"""What the directory of members refuses."""

from ledger.errors import LedgerError


class UnknownIdentifier(LedgerError):
    """The member does not have this identifier."""

    slug = "unknown-identifier"


class MemberErased(LedgerError):
    """The member was erased; nothing is known about the person any more."""

    slug = "member-erased"


class MemberMerged(LedgerError):
    """The member was merged into another, who has the profile and the identifiers now."""

    slug = "member-merged"


class ProfileChanged(LedgerError):
    """The profile is not the version that If-Match names."""

    slug = "profile-changed"
