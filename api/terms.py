"""A program's terms as the outside writes them: the rules are JSON, not text that holds JSON."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ledger.errors import InvalidInput
from ledger.program.consistency import check_terms, placed
from ledger.program.terms import BurnRule, EarnRule, Terms
from rules.pricing.checking import check_rules


class EarnBody(EarnRule, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """How many points a purchase earns."""

    rule: Raw  # type: ignore[assignment]  # the same rule, written as JSON instead of text
    condition: Raw | UnsetType = UNSET  # type: ignore[assignment]  # likewise; beside null it would not be raw


class BurnBody(BurnRule, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What points are worth, in the program's currency, when a member spends them."""

    rule: Raw  # type: ignore[assignment]  # the same rule, written as JSON instead of text
    condition: Raw | UnsetType = UNSET  # type: ignore[assignment]  # likewise; beside null it would not be raw


class TermsBody(Terms, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What a version of a program lays down."""

    earn: EarnBody | tuple[EarnBody, ...]
    """One rule, or several in their order; see /v1/rules/variables for what they can read."""
    burn: BurnBody | tuple[BurnBody, ...] | None = None
    """What points are worth. Absent where points cannot be spent."""


def read_terms(body: TermsBody, currency: str, at: str) -> Terms:
    """
    Turn what was sent into terms that can be published.

    Args:
        body: As sent.
        currency: Of the program.
        at: JSON pointer of the terms within the body of the request.

    Raises:
        InvalidInput: The terms contradict themselves.
        InvalidRule: A rule has problems; their pointers are those of the body.
    """
    terms = taken_terms(body, at)
    check_terms(terms, currency, at)
    check_rules(terms, currency, at)
    return terms


def taken_terms(body: TermsBody, at: str) -> Terms:
    """
    Return terms just as they were sent, for whoever checks them later.

    Raises:
        InvalidInput: A rule is not in UTF-8.
    """
    terms: Terms = _rewritten(
        body, Terms, earn=_read(body.earn, EarnRule, f"{at}/earn"), burn=_read(body.burn, BurnRule, f"{at}/burn")
    )
    return terms


def written_terms(terms: Terms) -> TermsBody:
    """Return terms as the outside writes them."""
    written: TermsBody = _rewritten(
        terms, TermsBody, earn=_write(terms.earn, EarnBody), burn=_write(terms.burn, BurnBody)
    )
    return written


def _read(written: Any, kind: type[Any], at: str) -> Any:
    read = [
        _rewritten(rule, kind, rule=_text(rule.rule, pointer) or "null", condition=_text(rule.condition, pointer))
        for rule, pointer in placed(written, at)
    ]
    return _as_written(written, read)


def _write(rules: Any, kind: type[Any]) -> Any:
    written = [
        _rewritten(rule, kind, rule=Raw(rule.rule), condition=Raw(rule.condition) if rule.condition else UNSET)
        for rule, _ in placed(rules, "")
    ]
    return _as_written(rules, written)


def _as_written(given: Any, made: list[Any]) -> Any:
    if isinstance(given, tuple):
        return tuple(made)
    return made[0] if made else None


def _rewritten(given: Any, kind: type[Any], **changes: Any) -> Any:
    fields = {name: getattr(given, name) for name in kind.__struct_fields__}
    return kind(**(fields | changes))


def _text(raw: Raw | UnsetType, pointer: str) -> str | None:
    if raw is UNSET or bytes(raw) == b"null":
        return None
    try:
        # Without the blanks in which it was written: a document that was indented for people holds the same rules.
        return msgspec.json.format(bytes(raw), indent=-1).decode()
    except UnicodeDecodeError:
        raise InvalidInput("A rule must be in UTF-8.", pointer=pointer) from None


decode_terms = msgspec.json.Decoder(TermsBody).decode
"""Read terms from the bytes of a request."""
