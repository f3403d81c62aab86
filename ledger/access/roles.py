"""What can be allowed, and which role allows what."""

from enum import StrEnum


class Action(StrEnum):
    """Something a caller can be allowed to do. What is not allowed is refused."""

    POST_PURCHASES = "purchases:post"
    """Post purchases, one or many, and confirm or cancel what awaits an event."""
    RETURN_PURCHASES = "purchases:return"
    REDEEM = "points:redeem"
    """Quote, hold, capture, void, redeem, and reverse a redemption."""
    ADJUST = "points:adjust"
    """Book points without a purchase: accruals, adjustments, reinstatements."""
    TRANSFER = "points:transfer"
    READ_ACCOUNTS = "accounts:read"
    """Balances, lots, holds, tiers, purchases, statements: everything but who the member is."""
    MANAGE_ACCOUNTS = "accounts:manage"
    """Suspend, resume, close, merge, place into a tier; pools."""
    ENROL = "members:enrol"
    READ_PROFILES = "members:read-profile"
    """Names, addresses, identifiers. Every reading is recorded."""
    WRITE_PROFILES = "members:write-profile"
    ERASE = "members:erase"
    READ_PROGRAMS = "programs:read"
    """Configuration and its history; trying rules and simulating."""
    WRITE_PROGRAMS = "programs:write"
    """Create programs, and change drafts."""
    PUBLISH = "programs:publish"
    READ_TILLS = "tills:read"
    """Rule bundles for offline tills, and the report of what they promised."""
    READ_JOBS = "jobs:read"
    RUN_JOBS = "jobs:run"
    READ_WEBHOOKS = "webhooks:read"
    WRITE_WEBHOOKS = "webhooks:write"
    READ_APPROVALS = "approvals:read"
    DECIDE_APPROVALS = "approvals:decide"
    READ_ACCESS = "access:read"
    """Keys, users, and the record of who was allowed what and who read what."""
    WRITE_ACCESS = "access:write"
    READ_METRICS = "metrics:read"
    READ_BOOKS = "books:read"
    """Journal, roll-forward, liability, checkpoints and proofs."""
    CLOSE_PERIODS = "books:close"
    """Settings of accounting, closing and reopening periods, checkpoints, repair runs."""


class Role(StrEnum):
    """A set of actions that belong to one kind of work."""

    ADMIN = "admin"
    MARKETER = "marketer"
    FINANCE = "finance"
    ANALYST = "analyst"
    POS = "pos"
    PARTNER = "partner"


_A = Action

ALLOWED: dict[Role, frozenset[Action]] = {
    Role.ADMIN: frozenset(Action),
    Role.MARKETER: frozenset(
        {
            _A.READ_ACCOUNTS,
            _A.MANAGE_ACCOUNTS,
            _A.READ_PROFILES,
            _A.READ_PROGRAMS,
            _A.WRITE_PROGRAMS,
            _A.PUBLISH,
            _A.READ_TILLS,
            _A.READ_JOBS,
            _A.READ_WEBHOOKS,
            _A.READ_APPROVALS,
            _A.DECIDE_APPROVALS,
        }
    ),
    Role.FINANCE: frozenset(
        {
            _A.READ_ACCOUNTS,
            _A.ADJUST,
            _A.READ_PROGRAMS,
            _A.READ_TILLS,
            _A.READ_JOBS,
            _A.READ_APPROVALS,
            _A.DECIDE_APPROVALS,
            _A.READ_ACCESS,
            _A.READ_BOOKS,
            _A.CLOSE_PERIODS,
        }
    ),
    Role.ANALYST: frozenset({_A.READ_ACCOUNTS, _A.READ_PROGRAMS, _A.READ_TILLS, _A.READ_JOBS, _A.READ_BOOKS}),
    Role.POS: frozenset(
        {
            _A.POST_PURCHASES,
            _A.RETURN_PURCHASES,
            _A.REDEEM,
            _A.READ_ACCOUNTS,
            _A.ENROL,
            _A.READ_TILLS,
        }
    ),
    Role.PARTNER: frozenset(
        {
            _A.POST_PURCHASES,
            _A.RETURN_PURCHASES,
            _A.REDEEM,
            _A.READ_ACCOUNTS,
            _A.ENROL,
            _A.READ_TILLS,
        }
    ),
}
"""What each role allows. A key may be narrowed to fewer actions, never widened."""
