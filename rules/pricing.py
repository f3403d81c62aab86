"""What activity is worth under a program: purchases into awards, points into money."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from ledger.account.commands import Award, PostPurchase, Redeem
from ledger.account.events import ORDINARY
from ledger.dates import add_months, as_utc, local_date, time_zone
from ledger.errors import LedgerError
from ledger.money import minor_digits
from ledger.program.decide import UnknownProgram
from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import BurnRule, PointCurrency
from rules.activity import Purchase, Redemption
from rules.errors import CurrencyMismatch, NotRedeemable, NoVersionInForce, UnknownPointCurrency
from rules.evaluate import compiled
from rules.rounding import round_to_units, rounding_to_units


def price_purchase(purchase: Purchase, amount_minor: int, program: Program | None) -> PostPurchase:
    """
    Price a purchase under the version in force when it occurred.

    Args:
        purchase: As reported.
        amount_minor: Its amount in minor units of its currency.
        program: The program's state.

    Raises:
        UnknownProgram: There is no such program.
        CurrencyMismatch: The purchase is not in the program's currency.
        NoVersionInForce: Nothing was published for that moment.
    """
    program = existing(program)
    if purchase.currency != program.currency:
        message = f"This program counts in {program.currency}, and the amount is in {purchase.currency}."
        raise CurrencyMismatch(message, pointer="/currency", program_currency=program.currency)
    occurred_at = as_utc(purchase.occurred_at)
    plan = _earn_plan(program, version_in_force(program, occurred_at))
    effective_on = local_date(occurred_at, plan.zone)
    points = plan.to_units(plan.evaluate(purchase_facts(purchase.amount, purchase.currency, purchase.source)))
    months = plan.expiry_months
    award = Award(
        plan.point_currency,
        # A rule that comes out negative takes nothing away: earning never costs points.
        max(0, points),
        effective_on,
        add_months(effective_on, months) if months else None,
        ORDINARY,
        plan.rule_id,
    )
    return PostPurchase(
        purchase.source,
        purchase.transaction_id,
        occurred_at,
        effective_on,
        amount_minor,
        purchase.currency,
        plan.version.version,
        (award,),
    )


def purchase_facts(amount: Decimal, currency: str, source: str) -> dict[str, object]:
    """Return what an earn rule can read of a purchase."""
    return {"transaction_amount": amount, "currency": currency, "source": source}


class _EarnPlan(Struct, frozen=True):
    """What pricing a purchase needs of a program version, found once instead of for every purchase."""

    version: ProgramVersion
    zone: ZoneInfo
    evaluate: Callable[[Mapping[str, object]], Any]
    to_units: Callable[[Decimal | None], int]
    point_currency: str
    expiry_months: int | None
    rule_id: str


_earn_plans: dict[tuple[str, int], _EarnPlan] = {}


def _earn_plan(program: Program, version: ProgramVersion) -> _EarnPlan:
    key = (program.program_id, version.version)
    plan = _earn_plans.get(key)
    # The same number may stand for other terms where one process works with several ledgers.
    if plan is None or plan.version is not version:
        rule = version.terms.earn
        point_currency = version.terms.point_currency(rule.point_currency)
        plan = _earn_plans[key] = _EarnPlan(
            version,
            time_zone(program.timezone),
            compiled(rule.rule, "earn"),
            rounding_to_units(rule.rounding, point_currency.scale),
            rule.point_currency,
            point_currency.expiry_months,
            rule.rule_id,
        )
    return plan


def price_redemption(redemption: Redemption, program: Program | None) -> Redeem:
    """
    Price a redemption under the version in force when it occurred.

    Raises:
        UnknownProgram: There is no such program.
        NoVersionInForce: Nothing was published for that moment.
        NotRedeemable: The program has no burn rule, or not for these points.
        UnknownPointCurrency: The program does not have these points.
    """
    program = existing(program)
    version = version_in_force(program, redemption.occurred_at)
    burn, point_currency = _burn(version, redemption.point_currency)
    facts = {"points_requested": Decimal(redemption.points).scaleb(-point_currency.scale)}
    worth = compiled(burn.rule, "burn")(facts)
    assert worth is None or isinstance(worth, Decimal)
    return Redeem(
        redemption.source,
        redemption.redemption_id,
        as_utc(redemption.occurred_at),
        local_date(redemption.occurred_at, time_zone(program.timezone)),
        burn.point_currency,
        redemption.points,
        max(0, round_to_units(worth, mode=burn.rounding, scale=minor_digits(program.currency))),
        program.currency,
        version.version,
    )


def existing(program: Program | None) -> Program:
    """
    Return the program.

    Raises:
        UnknownProgram: There is none.
    """
    if program is None:
        raise UnknownProgram("There is no such program; create it first.")
    return program


def version_in_force(program: Program, instant: datetime) -> ProgramVersion:
    """
    Return the version that prices what happens at ``instant``.

    Raises:
        NoVersionInForce: Nothing was published for that moment.
    """
    version = program.version_at(instant)
    if version is None:
        first = program.versions[0].effective_from.isoformat() if program.versions else None
        message = (
            f"The first version of {program.program_id!r} takes effect at {first}, after {instant.isoformat()}."
            if first
            else f"Program {program.program_id!r} has published nothing yet."
        )
        raise NoVersionInForce(message, pointer="/occurred_at", first_effective_from=first)
    return version


def _burn(version: ProgramVersion, wanted: str | None) -> tuple[BurnRule, PointCurrency]:
    if wanted and all(found.code != wanted for found in version.terms.point_currencies):
        known = ", ".join(found.code for found in version.terms.point_currencies)
        message = f"The program has no point currency {wanted!r}; it has {known}."
        raise UnknownPointCurrency(message, pointer="/point_currency")
    burn = version.terms.burn
    refusal: LedgerError | None = None
    if burn is None:
        refusal = NotRedeemable("This program has no burn rule, so its points cannot be spent.")
    elif wanted not in (None, burn.point_currency):
        message = f"The burn rule is about {burn.point_currency!r}; {wanted!r} cannot be spent."
        refusal = NotRedeemable(message, pointer="/point_currency")
    if refusal or burn is None:
        assert refusal
        raise refusal
    return burn, version.terms.point_currency(burn.point_currency)
