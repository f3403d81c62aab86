"""Everything that is wrong with a program's terms, and what may not have been meant, at once."""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from ledger.errors import InvalidInput
from ledger.program.consistency import check_scales, inconsistencies, placed
from ledger.program.state import Program
from ledger.program.terms import Terms
from rules.pricing.checking import check_rules, rule_warnings
from rules.problems import InvalidRule


class Finding(Struct, frozen=True):
    """One thing wrong, or only remarkable."""

    code: str
    pointer: str
    """JSON pointer within the terms."""
    message: str
    suggestion: str | None = None
    """The name that was probably meant."""


class TermsVerdict(Struct, frozen=True):
    """What there is to say about terms."""

    problems: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def judge(terms: Terms, program: Program, in_force: Terms | None, today: date, at: str = "") -> TermsVerdict:
    """
    Check terms of a program, without stopping at the first fault.

    Args:
        terms: To be drafted.
        program: Whose draft they would be.
        in_force: What prices now, if anything does.
        today: On the program's calendar.
        at: JSON pointer of the terms in what was sent.
    """
    found = [Finding(one.slug, one.pointer or at, one.detail) for one in _inconsistencies(terms, program, at)]
    # What an absent number counts as must be a number before anything can be calculated with it.
    if not any(one.pointer.startswith(f"{at}/attributes") for one in found):
        try:
            check_rules(terms, program.currency, at)
        except InvalidRule as refusal:
            found += [Finding(one.code, one.pointer, one.message, one.suggestion) for one in refusal.problems]
    if found:
        return TermsVerdict(tuple(found), ())
    warnings = [Finding(one.code, one.pointer, one.message) for one in rule_warnings(terms, program.currency, at)]
    return TermsVerdict((), (*warnings, *_remarks(terms, in_force, today, at)))


def _inconsistencies(terms: Terms, program: Program, at: str) -> Iterator[InvalidInput]:
    yield from inconsistencies(terms, program.currency, at)
    try:
        check_scales(program, terms, at)
    except InvalidInput as problem:
        yield problem


def _remarks(terms: Terms, in_force: Terms | None, today: date, at: str) -> Iterator[Finding]:
    for rule, pointer in placed(terms.earn, f"{at}/earn"):
        if rule.valid_until and rule.valid_until <= today:
            message = f"this rule is over since {rule.valid_until}; it earns only what arrives late"
            yield Finding("rule_over", f"{pointer}/valid_until", message)
    spent = {one.point_currency for one in terms.burn_rules}
    for index, currency in enumerate(terms.point_currencies):
        if currency.redeemable and currency.code not in spent:
            message = f"{currency.code!r} is redeemable, and no burn rule says what it is worth"
            yield Finding("no_burn_rule", f"{at}/point_currencies/{index}", message)
    if in_force is not None:
        yield from _missing(terms, in_force, at)


def _missing(terms: Terms, in_force: Terms, at: str) -> Iterator[Finding]:
    """Tell what members have that these terms do not name any more, or name otherwise."""
    codes = [one.code for one in terms.point_currencies]
    for one in in_force.point_currencies:
        if one.code not in codes:
            message = f"{one.code!r} is in force, and members may hold such points; nothing prices them any more"
            yield Finding("currency_removed", f"{at}/point_currencies", message)
        elif one.lapses != terms.point_currency(one.code).lapses:
            message = f"points of {one.code!r} that were earned before keep their expiry; see expiry-migrations"
            yield Finding("expiry_changed", f"{at}/point_currencies/{codes.index(one.code)}", message)
    tiers = {(ladder.code, tier.code) for ladder in terms.ladders for tier in ladder.tiers}
    for ladder in in_force.ladders:
        for tier in ladder.tiers:
            if (ladder.code, tier.code) not in tiers:
                message = f"tier {tier.code!r} of ladder {ladder.code!r} is in force, and members may hold it"
                yield Finding("tier_removed", f"{at}/ladders", message)
