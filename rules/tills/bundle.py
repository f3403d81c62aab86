"""
A rule bundle: one version of a program as a document that a till can price by, without asking anybody.

The same version gives the same bytes for as long as it has the same successor, so that it can be cached and signed.
Nothing in it is secret or personal: what a rule may cost in all, who pays for it, and what is not about pricing stay
behind.
"""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ledger.money import minor_digits
from ledger.program.decide import UnknownVersion
from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import EarnRule, Terms

PAYLOAD_TYPE: Final = "application/vnd.khaywe.rule-bundle.v1+json"

RULE_LANGUAGE: Final = 1
"""Moves when one and the same rule could come to another result; a till prices only by the language that it knows."""


class Bundle(Struct, frozen=True, forbid_unknown_fields=True):
    """What a till needs to price by one version of a program."""

    program_id: str
    version: int
    effective_from: datetime
    valid_until: datetime | None
    """The next version takes over then; null while none was published."""
    next_version: int | None
    currency: str
    """ISO 4217, of all money in the rules."""
    minor_digits: int
    """Of the currency."""
    timezone: str
    """IANA; its calendar decides dates and hours."""
    rule_language: int
    budgeted: tuple[str, ...]
    """Earn rules that stop when their budget is empty, which only the ledger knows."""
    terms: Terms
    """Point currencies, earn and burn rules, declared attributes, and ladders. Rules are JSON in a text, so that their
    digits survive every reader."""

    def program(self) -> Program:
        """Return the program as far as the bundle tells of it."""
        version = ProgramVersion(self.version, self.effective_from, self.terms)
        return Program(self.program_id, "", self.currency, self.timezone, None, [version])


class BundleUnreadable(ValueError):
    """A bundle of another kind than this program reads."""


_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder(Bundle).decode


def bundle_of(program: Program, number: int) -> Bundle:
    """
    Return the bundle of a published version.

    Raises:
        UnknownVersion: There is none of this number.
    """
    for version, successor in zip(program.versions, [*program.versions[1:], None], strict=True):
        if version.version == number:
            return Bundle(
                program.program_id,
                version.version,
                version.effective_from,
                successor.effective_from if successor else None,
                successor.version if successor else None,
                program.currency,
                minor_digits(program.currency),
                program.timezone,
                RULE_LANGUAGE,
                tuple(rule.rule_id for rule in version.terms.earn_rules if rule.budget_points),
                _for_pricing(version.terms),
            )
    message = f"{program.program_id!r} has {len(program.versions)} published version(s), and no number {number}."
    raise UnknownVersion(message)


def written(bundle: Bundle) -> bytes:
    """Spell a bundle: JSON in UTF-8, members sorted by name, no white space."""
    return _encode(bundle)


def read(payload: bytes) -> Bundle:
    """
    Read a bundle.

    Raises:
        BundleUnreadable: It is none, or its rules are in a language that this program does not know.
    """
    try:
        bundle = _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BundleUnreadable(f"This is no rule bundle: {error}.") from None
    if bundle.rule_language != RULE_LANGUAGE:
        message = (
            f"The rules are in language {bundle.rule_language}, and this program knows {RULE_LANGUAGE}; update it."
        )
        raise BundleUnreadable(message)
    return bundle


def _for_pricing(terms: Terms) -> Terms:
    return Terms(
        terms.point_currencies,
        tuple(_public(rule) for rule in terms.earn_rules),
        terms.burn_rules or None,
        terms.attributes,
        terms.ladders,
    )


def _public(rule: EarnRule) -> EarnRule:
    defaults = EarnRule(rule.rule, rule.point_currency)
    return replace(rule, budget_points=None, funding=defaults.funding)
