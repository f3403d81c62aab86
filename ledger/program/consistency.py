"""Whether terms agree with themselves. What their rules say is checked by `rules`, before."""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import TypeVar

from ledger.errors import InvalidInput
from ledger.money import InvalidAmount, to_minor
from ledger.program.ladder_consistency import ladder_checks
from ledger.program.naming import refuse_twice
from ledger.program.state import Program
from ledger.program.terms import Attribute, BurnRule, Conversion, EarnRule, PointCurrency, Terms
from ledger.program.timing import After, Expiry

_Rule = TypeVar("_Rule", EarnRule, BurnRule)


def check_terms(terms: Terms, currency: str, at: str = "/terms") -> None:
    """
    Refuse terms that contradict themselves.

    Args:
        terms: To be drafted.
        currency: ISO 4217 code of the program's money.
        at: JSON pointer of the terms in what was sent.

    Raises:
        InvalidInput: Something is named twice, named and not there, or bounded from both sides to nothing.
    """
    for problem in inconsistencies(terms, currency, at):
        raise problem


def inconsistencies(terms: Terms, currency: str, at: str = "/terms") -> Iterator[InvalidInput]:
    """Give everything by which terms contradict themselves, in the order of the checks; see `check_terms`."""
    for check in _checks(terms, currency, at):
        try:
            check()
        except InvalidInput as problem:
            yield problem


def _checks(terms: Terms, currency: str, at: str) -> Iterator[Callable[[], None]]:
    """Give the checks in their order. Each tells the first thing it finds, and needs nothing of the others."""
    for index, one in enumerate(terms.point_currencies):
        yield partial(_check_currency, one, currency, f"{at}/point_currencies/{index}")
    codes = [one.code for one in terms.point_currencies]
    yield partial(refuse_twice, codes, "point currency", at + "/point_currencies/{}/code")
    for index, attribute in enumerate(terms.attributes):
        yield partial(_check_attribute, attribute, f"{at}/attributes/{index}")
    names = [(one.of, one.name) for one in terms.attributes]
    yield partial(refuse_twice, names, "attribute", at + "/attributes/{}/name")
    for rule, pointer in placed(terms.earn, f"{at}/earn"):
        yield partial(_check_earn_rule, terms, rule, pointer)
    yield partial(refuse_twice, [one.rule_id for one in terms.earn_rules], "earn rule", at + "/earn/{}/rule_id")
    yield partial(_check_groups, terms, f"{at}/earn")
    for burn, pointer in placed(terms.burn, f"{at}/burn"):
        yield partial(_check_burn_rule, terms, burn, pointer)
    yield partial(refuse_twice, [one.rule_id for one in terms.burn_rules], "burn rule", at + "/burn/{}/rule_id")
    yield from ladder_checks(terms, currency, f"{at}/ladders")
    yield partial(_check_transfers, terms, f"{at}/transfers")
    yield partial(_check_holds, terms, f"{at}/holds")
    yield partial(refuse_twice, terms.adjustment_reasons, "reason", at + "/adjustment_reasons/{}")


def check_scales(program: Program, terms: Terms, at: str = "/terms") -> None:
    """
    Refuse to count points that members hold in another unit: every balance would be worth something else.

    Raises:
        InvalidInput: A point currency was published with another scale.
    """
    published = {one.code: one.scale for version in program.versions for one in version.terms.point_currencies}
    for index, one in enumerate(terms.point_currencies):
        if one.scale != published.get(one.code, one.scale):
            message = (
                f"{one.code!r} was published with scale {published[one.code]}, which members' points are counted in; "
                "take a new code for another scale."
            )
            raise InvalidInput(message, pointer=f"{at}/point_currencies/{index}/scale")


def _check_holds(terms: Terms, at: str) -> None:
    if terms.holds.default_minutes > terms.holds.maximum_minutes:
        message = "A hold lasts no longer by default than at most."
        raise InvalidInput(message, pointer=f"{at}/default_minutes")


def placed(written: _Rule | tuple[_Rule, ...] | None, at: str) -> Iterator[tuple[_Rule, str]]:
    """Give each rule with its JSON pointer, whether one is written or a list of them."""
    if isinstance(written, tuple):
        yield from ((rule, f"{at}/{index}") for index, rule in enumerate(written))
    elif written is not None:
        yield written, at


def _check_transfers(terms: Terms, at: str) -> None:
    codes = [one.code for one in terms.point_currencies]
    for index, one in enumerate(terms.transfers):
        pointer = f"{at}/{index}"
        if one.point_currency not in codes:
            message = f"There is no point currency {one.point_currency!r} to transfer; there is {', '.join(codes)}."
            raise InvalidInput(message, pointer=f"{pointer}/point_currency")
        for name in ("out_per_year", "in_per_year"):
            most = getattr(one, name)
            if most is not None and max(one.minimum_points or 1, one.step_points or 1) > most:
                message = "Fewer points may be transferred in a year than at once, so that none ever are."
                raise InvalidInput(message, pointer=f"{pointer}/{name}")
    refuse_twice([one.point_currency for one in terms.transfers], "transfer of", at + "/{}/point_currency")


def _check_conversion(conversion: Conversion, currency: str, pointer: str) -> None:
    try:
        is_money = to_minor(conversion.step_value, currency) > 0
    except InvalidAmount:
        is_money = False
    if not is_money:
        message = f"What a step is worth is a sum of {currency} above zero, with no more digits than {currency} has."
        raise InvalidInput(message, pointer=f"{pointer}/step_value")


def _check_currency(currency: PointCurrency, money: str, pointer: str) -> None:
    if currency.conversion is not None:
        _check_conversion(currency.conversion, money, f"{pointer}/conversion")
    if currency.expiry_months and currency.expiry:
        message = "expiry_months is short for an expiry; give one of the two."
        raise InvalidInput(message, pointer=f"{pointer}/expiry_months")
    _check_expiry(currency.expiry, f"{pointer}/expiry")


def _check_expiry(expiry: Expiry | None, pointer: str) -> None:
    if isinstance(expiry, After) and not (expiry.months or expiry.days):
        raise InvalidInput("An expiry after some time says how many months or days.", pointer=pointer)


def _check_attribute(attribute: Attribute, pointer: str) -> None:
    is_number = attribute.type in {"decimal", "int"}
    if attribute.enum and attribute.type != "str":
        raise InvalidInput("Only a text can be one of a few.", pointer=f"{pointer}/enum")
    if attribute.null_as is not None and not (is_number and attribute.null_as.is_finite()):
        raise InvalidInput("What an absent number counts as is a number, of a number.", pointer=f"{pointer}/null_as")
    if attribute.unit != "none" and not is_number:
        raise InvalidInput("Only a number has a unit.", pointer=f"{pointer}/unit")


def _check_named(terms: Terms, rule: EarnRule | BurnRule, kind: str, pointer: str) -> None:
    codes = [one.code for one in terms.point_currencies]
    if rule.point_currency not in codes:
        message = f"The {kind} rule names the point currency {rule.point_currency!r}; there is {', '.join(codes)}."
        raise InvalidInput(message, pointer=f"{pointer}/point_currency")


def _check_earn_rule(terms: Terms, rule: EarnRule, pointer: str) -> None:
    _check_named(terms, rule, "earn", pointer)
    scale = terms.point_currency(rule.point_currency).scale
    if rule.rounding_scale is not None and rule.rounding_scale > scale:
        message = f"{rule.point_currency!r} keeps {scale} decimal places, so no more than these can be rounded to."
        raise InvalidInput(message, pointer=f"{pointer}/rounding_scale")
    if rule.valid_from and rule.valid_until and rule.valid_from >= rule.valid_until:
        message = "valid_until is the first date on which the rule no longer applies; it comes after valid_from."
        raise InvalidInput(message, pointer=f"{pointer}/valid_until")
    refuse_twice([one.period for one in rule.caps], "cap per", pointer + "/caps/{}/period")
    _check_expiry(rule.expiry, f"{pointer}/expiry")


def _check_groups(terms: Terms, pointer: str) -> None:
    """Only points of one currency and kind can be compared."""
    kinds = {(rule.group, rule.point_currency, rule.kind) for rule in terms.earn_rules if rule.group}
    for group, count in Counter(group for group, _, _ in kinds).items():
        if count > 1:
            message = f"The rules of group {group!r} give points of several currencies or kinds, which cannot compete."
            raise InvalidInput(message, pointer=pointer)


def _check_burn_rule(terms: Terms, rule: BurnRule, pointer: str) -> None:
    _check_named(terms, rule, "burn", pointer)
    if not terms.point_currency(rule.point_currency).redeemable:
        message = f"The burn rule names {rule.point_currency!r}, which is not redeemable."
        raise InvalidInput(message, pointer=f"{pointer}/point_currency")
    share = rule.maximum_share
    if share is not None and not (share.is_finite() and Decimal(0) < share <= Decimal(1)):
        message = "The largest share of an amount is more than 0 and at most 1: 0.5 is half of it."
        raise InvalidInput(message, pointer=f"{pointer}/maximum_share")
