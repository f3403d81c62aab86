"""What points are worth: the burn rule that applies, its limits, and the money it comes to."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from ledger.account.commands import Redeem
from ledger.account.state import Account
from ledger.dates import as_utc, local_date
from ledger.money import minor_digits, to_minor
from ledger.program.state import Program
from ledger.program.terms import BurnRule, Terms
from rules.activity import Redemption
from rules.emit.arithmetic import CONTEXT
from rules.errors import (
    AmountRequired,
    BelowMinimum,
    NotInSteps,
    NotRedeemable,
    ShareExceeded,
    UnknownPointCurrency,
)
from rules.pricing.plans import BurnPlan, Plan
from rules.rounding import round_to_units


def price_burn(
    plan: Plan,
    program: Program,
    redemption: Redemption,
    account: Account | None,
    *,
    is_captured: bool = False,
) -> Redeem:
    """
    Find out what the points of a redemption are worth.

    Args:
        plan: Of the version in force.
        program: Whose version it is.
        redemption: As reported.
        account: As it was before.
        is_captured: It comes out of a hold, which was held to minimum and step when it was made.

    Raises:
        UnknownPointCurrency: The program does not have these points.
        NotRedeemable: No burn rule applies.
        BelowMinimum: It asks for fewer points than the rule's minimum.
        NotInSteps: The points are no multiple of the rule's step.
        AmountRequired: The rule limits the share of an amount, and there is none.
        ShareExceeded: The points are worth more than that share.
    """
    occurred_at = as_utc(redemption.occurred_at)
    on = local_date(occurred_at, plan.zone)
    facts = _facts(plan, redemption, account, on)
    burn, facts = _applicable(plan, redemption, facts)
    terms = burn.terms
    if not is_captured:
        _check_points(terms, redemption.points)
    worth: Any = burn.worth.evaluate(facts)
    digits = minor_digits(program.currency)
    value_minor = max(0, round_to_units(worth, mode=terms.rounding, scale=digits))
    if terms.maximum_share is not None:
        _check_share(terms, redemption, value_minor, program.currency)
    return Redeem(
        redemption.source,
        redemption.redemption_id,
        occurred_at,
        on,
        terms.point_currency,
        redemption.points,
        value_minor,
        program.currency,
        plan.version.version,
    )


def worth_minor(plan: Plan, program: Program, point_currency: str, points: int, account: Account | None) -> int:
    """
    Return what points are worth by the first burn rule of their currency, whatever its condition; 0 without one.

    Args:
        plan: Of the version that says.
        program: Whose money it is.
        point_currency: Of the points.
        points: In its smallest unit.
        account: Whose they are.

    Returns:
        Minor units of the program's currency.
    """
    burn = next((one for one in plan.burn if one.point_currency.code == point_currency), None)
    if burn is None:
        return 0
    on = account.last_purchase_on or account.opened_on if account else date.min
    facts = {name: read(account, on) for name, read in plan.account_readers.items()}
    facts |= {"transaction_amount": None, "points_requested": Decimal(points).scaleb(-burn.point_currency.scale)}
    worth: Any = burn.worth.evaluate(facts)
    return max(0, round_to_units(worth, mode=burn.terms.rounding, scale=minor_digits(program.currency)))


def _facts(plan: Plan, redemption: Redemption, account: Account | None, on: date) -> dict[str, Any]:
    facts = {name: read(account, on) for name, read in plan.account_readers.items()}
    facts["transaction_amount"] = redemption.amount
    return facts


def _applicable(plan: Plan, redemption: Redemption, facts: dict[str, Any]) -> tuple[BurnPlan, dict[str, Any]]:
    """Return the first burn rule that applies, and the facts with the points in the unit of its currency."""
    wanted, terms = redemption.point_currency, plan.version.terms
    if wanted and all(found.code != wanted for found in terms.point_currencies):
        known = ", ".join(found.code for found in terms.point_currencies)
        message = f"The program has no point currency {wanted!r}; it has {known}."
        raise UnknownPointCurrency(message, pointer="/point_currency")
    if not plan.burn:
        raise NotRedeemable("This program has no burn rule, so its points cannot be spent.")
    wanted = wanted or plan.burn[0].point_currency.code
    candidates = [one for one in plan.burn if one.point_currency.code == wanted]
    if not candidates:
        message = f"{_burn_rules(terms)}; {wanted!r} cannot be spent."
        raise NotRedeemable(message, pointer="/point_currency")
    facts["points_requested"] = Decimal(redemption.points).scaleb(-candidates[0].point_currency.scale)
    for burn in candidates:
        if burn.condition is None or burn.condition.evaluate(facts):
            return burn, facts
    names = ", ".join(one.terms.rule_id for one in candidates)
    raise NotRedeemable(f"The conditions of the burn rules ({names}) are not met.")


def _burn_rules(terms: Terms) -> str:
    codes: Sequence[str] = sorted({rule.point_currency for rule in terms.burn_rules})
    if len(codes) == 1:
        return f"The burn rule is about {codes[0]!r}"
    return f"The burn rules are about {', '.join(codes)}"


def _check_points(terms: BurnRule, points: int) -> None:
    minimum, step = terms.minimum_points, terms.step_points
    if minimum and points < minimum:
        message = f"At least {minimum} points are redeemed at once, and {points} were asked for."
        raise BelowMinimum(message, pointer="/points", minimum_points=minimum)
    if step and points % step:
        below = points - points % step
        message = f"Points are redeemed in steps of {step}; ask for {below} or {below + step}."
        raise NotInSteps(message, pointer="/points", step_points=step)


def _check_share(terms: BurnRule, redemption: Redemption, value_minor: int, currency: str) -> None:
    assert terms.maximum_share is not None
    if redemption.amount is None:
        message = f"Points may pay at most {terms.maximum_share:%} of a purchase; send its amount with the redemption."
        raise AmountRequired(message, pointer="/amount")
    amount_minor = to_minor(redemption.amount, currency)
    share = CONTEXT.multiply(Decimal(amount_minor), terms.maximum_share)
    allowed_minor = int(share.to_integral_value(ROUND_FLOOR))
    if value_minor > allowed_minor:
        message = (
            f"Points may pay at most {terms.maximum_share:%} of the amount, which is {allowed_minor} in minor units of "
            f"{currency}; these are worth {value_minor}."
        )
        raise ShareExceeded(
            message, pointer="/points", maximum_value_minor=allowed_minor, requested_value_minor=value_minor
        )
