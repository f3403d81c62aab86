"""What activity is worth under a program: purchases into awards, points into money."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from ledger.account.commands import PostPurchase, Redeem
from ledger.account.events import Count, Promised, PurchaseLine
from ledger.account.state import Account
from ledger.budget.events import BudgetDrawn
from ledger.budget.state import Budgets
from ledger.dates import as_utc, local_date
from ledger.program.decide import UnknownProgram
from ledger.program.state import Program, ProgramVersion
from rules.activity import Promise, Purchase, Redemption
from rules.errors import CurrencyMismatch, NoVersionInForce
from rules.pricing.attributes import check_attributes
from rules.pricing.burning import price_burn
from rules.pricing.earning import Outcome, awards_of, earn
from rules.pricing.facts import Bought
from rules.pricing.plans import Plan, plan_of
from rules.tiers.changing import TierCommand, after_counting
from rules.tiers.counting import Counted, counts_of


class Priced(Struct, frozen=True, gc=False):
    """A purchase with everything that the rules made of it."""

    command: PostPurchase
    outcomes: Sequence[Outcome]
    tiers: Sequence[TierCommand] = ()
    """What becomes of the member's tiers."""

    def draws(self) -> list[BudgetDrawn]:
        """Return what is taken from the program's budgets."""
        command = self.command
        return [
            BudgetDrawn(one.plan.terms.rule_id, one.points, command.source, command.transaction_id, command.occurred_at)
            for one in self.outcomes
            if one.plan.terms.budget_points and one.points
        ]


class CheckedPurchase(Struct, frozen=True, gc=False):
    """A purchase whose amounts are known to be money."""

    purchase: Purchase
    amount_minor: int
    lines: tuple[PurchaseLine, ...] = ()


def price_purchase(
    checked: CheckedPurchase,
    program: Program | None,
    account: Account | None,
    budgets: Budgets | None = None,
) -> Priced:
    """
    Price a purchase under the version in force when it occurred.

    Args:
        checked: As reported.
        program: The program's state.
        account: As it was before.
        budgets: What the program's budgets have paid for before.

    Raises:
        UnknownProgram: There is no such program.
        CurrencyMismatch: The purchase is not in the program's currency.
        NoVersionInForce: Nothing was published for that moment.
        InvalidAttributes: It carries something that this version does not declare, or not as declared.
    """
    program = existing(program)
    purchase = checked.purchase
    if purchase.currency != program.currency:
        message = f"This program counts in {program.currency}, and the amount is in {purchase.currency}."
        raise CurrencyMismatch(message, pointer="/currency", program_currency=program.currency)
    occurred_at = as_utc(purchase.occurred_at)
    plan = plan_of(program, version_in_force(program, occurred_at))
    _check_attributes(plan, checked)
    effective_on = local_date(occurred_at, plan.zone)
    bought = Bought(
        purchase.amount,
        purchase.currency,
        purchase.source,
        occurred_at,
        effective_on,
        plan.zone,
        account,
        checked.lines,
        purchase.attributes,
    )
    outcomes = earn(plan, bought, budgets)
    counts = _counts(plan, bought, outcomes, checked.amount_minor) if plan.ladders else ()
    command = PostPurchase(
        purchase.source,
        purchase.transaction_id,
        occurred_at,
        effective_on,
        checked.amount_minor,
        purchase.currency,
        plan.version.version,
        awards_of(outcomes, effective_on),
        checked.lines,
        purchase.attributes,
        counts,
        promised=_promised(purchase.promised) if purchase.promised else None,
    )
    if counts and account is not None:
        return Priced(command, outcomes, after_counting(plan.ladders, account, counts, occurred_at, effective_on))
    return Priced(command, outcomes)


def _promised(promise: Promise) -> Promised:
    """Return a promise as it is stored."""
    priced_at = as_utc(promise.priced_at) if promise.priced_at else None
    return Promised(promise.bundle_version, promise.points, priced_at)


def _counts(plan: Plan, bought: Bought, outcomes: Sequence[Outcome], amount_minor: int) -> tuple[Count, ...]:
    """Return what a purchase adds to the counters of tiers."""
    given = [(one.plan.terms.point_currency, one.plan.terms.kind, one.points) for one in outcomes if one.points]
    activity = Counted(bought.effective_on, amount_minor, given, bought.attributes)
    return counts_of(plan.ladders, bought.account, activity, plan.version.terms.point_currencies)


def _check_attributes(plan: Plan, checked: CheckedPurchase) -> None:
    if plan.attributes or checked.purchase.attributes:
        check_attributes(checked.purchase.attributes, plan.attributes, "/attributes")
    for index, line in enumerate(checked.lines):
        if plan.line_attributes or line.attributes:
            check_attributes(line.attributes, plan.line_attributes, f"/lines/{index}/attributes")


def price_redemption(
    redemption: Redemption,
    program: Program | None,
    account: Account | None = None,
    *,
    is_captured: bool = False,
) -> Redeem:
    """
    Price a redemption under the version in force when it occurred.

    Args:
        redemption: As reported.
        program: The program's state.
        account: As it was before.
        is_captured: It comes out of a hold, which was held to minimum and step when it was made.

    Raises:
        UnknownProgram: There is no such program.
        NoVersionInForce: Nothing was published for that moment.
        UnknownPointCurrency: And the further refusals of `price_burn`.
    """
    program = existing(program)
    plan = plan_of(program, version_in_force(program, redemption.occurred_at))
    return price_burn(plan, program, redemption, account, is_captured=is_captured)


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
