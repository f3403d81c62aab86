from collections.abc import Iterator

from ledger.account import errors as _account  # imported so that the family is complete
from ledger.errors import InvalidInput, LedgerError
from ledger.members import directory as _directory
from ledger.money import InvalidAmount
from ledger.posting import instruction as _instruction
from ledger.program import decide as _program

FAMILY_HOMES = (_account, _directory, _instruction, _program)


def family(refusal: type[LedgerError] = LedgerError) -> Iterator[type[LedgerError]]:
    """Return every refusal of the ledger."""
    if refusal.__module__.startswith("ledger."):
        yield refusal
    for kind in refusal.__subclasses__():
        yield from family(kind)


def test_every_refusal_has_its_own_slug() -> None:
    """Slugs end URIs, so they are lower-case words with hyphens."""
    slugs = [refusal.slug for refusal in family()]
    assert len(slugs) == len(set(slugs)) > 10
    assert all(slug.replace("-", "").isalpha() and slug == slug.lower() for slug in slugs)


def test_every_refusal_has_a_title() -> None:
    """One line that a person reads, without the full stop."""
    assert LedgerError.title() == "The ledger refused"
    assert InvalidInput.title() == "A field of the input has a value that cannot be accepted"
    for refusal in family():
        title = refusal.title()
        assert title
        assert title == title.strip()
        assert not title.endswith(".")
        assert "\n" not in title


def test_a_refusal_says_what_was_wrong_where() -> None:
    """The detail is its text, the rest is for machines."""
    refusal = InvalidAmount("Too fine.", pointer="/amount", minor_digits=2)
    assert (
        str(refusal),
        refusal.detail,
        refusal.pointer,
        refusal.members,
    ) == ("Too fine.", "Too fine.", "/amount", {"minor_digits": 2})
    assert (LedgerError("No.").pointer, LedgerError("No.").members) == (None, {})
