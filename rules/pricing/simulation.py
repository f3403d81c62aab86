"""What purchases would earn, and why: nothing is written, and no member is needed."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from ledger.account.decide import decide
from ledger.account.deciding.standing import tier_event
from ledger.account.events import AccountOpened, PurchasePosted
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.budget import state as budget
from ledger.budget.state import Budgets
from ledger.dates import as_utc, local_date, time_zone
from ledger.errors import LedgerError
from ledger.money import to_minor
from ledger.program.decide import NothingToPublish
from ledger.program.state import Program, ProgramVersion
from rules.activity import EARLIEST, Purchase, check_text
from rules.instructions import checked_lines
from rules.pricing.earning import earn
from rules.pricing.facts import recorded
from rules.pricing.plans import numbered, plan_of
from rules.pricing.price import CheckedPurchase, price_purchase
from rules.pricing.trace import PurchaseTrace, trace_purchase


class Simulated(Struct, frozen=True):
    """What a purchase earns, and how that came about."""

    event: PurchasePosted
    """As it would be recorded, or was."""
    trace: PurchaseTrace


def under_draft(program: Program) -> Program:
    """
    Return the program as if its draft had always been in force.

    Raises:
        NothingToPublish: There is no draft.
    """
    if program.draft is None:
        raise NothingToPublish(f"{program.program_id!r} has no draft; write one, or simulate a published version.")
    return replace(program, versions=[ProgramVersion(program.next_number, EARLIEST, program.draft)])


def under_version(program: Program, number: int) -> Program:
    """
    Return the program as if one of its versions had always been in force.

    Raises:
        UnknownVersion: It has no version of this number.
    """
    return replace(program, versions=[replace(numbered(program, number), effective_from=EARLIEST)])


def simulate(
    program: Program,
    purchases: Sequence[Purchase],
    account: Account | None = None,
    budgets: Budgets | None = None,
) -> list[Simulated | LedgerError]:
    """
    Price purchases one after the other, each on what the ones before it left behind.

    Args:
        program: Prices them, each under the version in force when it occurred.
        purchases: Of one member; whom they name does not matter.
        account: As it is before the first; changed in place. ``None``: of a member who joins with the first purchase.
        budgets: What the program's budgets have paid for before; changed in place.

    Returns:
        For each what it earns, or why it would be refused.
    """
    simulated: list[Simulated | LedgerError] = []
    for purchase in purchases:
        try:
            check_text(source=purchase.source, transaction_id=purchase.transaction_id)
            amount_minor = to_minor(purchase.amount, purchase.currency)
            checked = CheckedPurchase(purchase, amount_minor, checked_lines(purchase))
            if account is None:
                account = joined(program, purchase)
            priced = price_purchase(checked, program, account, budgets)
            *settled, event = decide(account, priced.command)
            assert isinstance(event, PurchasePosted)
            for before in settled:
                account = evolve(account, before)
            simulated.append(explained(program, event, account, budgets))
            tiers = [tier_event(account, command, event.balances) for command in priced.tiers]
            for made in (event, *tiers):
                account = evolve(account, made)
            for draw in priced.draws():
                budgets = budget.evolve(budgets, draw)
        except LedgerError as refusal:
            simulated.append(refusal)
    return simulated


def explained(
    program: Program,
    event: PurchasePosted,
    account: Account | None,
    budgets: Budgets | None = None,
) -> Simulated:
    """
    Derive again how a purchase came to its points.

    Args:
        program: Still holds the version that priced it.
        event: As it was recorded.
        account: As it was before.
        budgets: As they were before, if that is known. Where it is not, what is missing in the event was cut by them.
    """
    plan = plan_of(program, numbered(program, event.program_version))
    bought = recorded(event, plan.zone, account)
    given = {accrual.rule: accrual.points for accrual in event.accruals}
    return Simulated(event, trace_purchase(plan, bought, earn(plan, bought, budgets), given))


def joined(program: Program, purchase: Purchase) -> Account:
    """Return the account of somebody who joins with a purchase."""
    occurred_at = as_utc(purchase.occurred_at)
    on = local_date(occurred_at, time_zone(program.timezone))
    return evolve(None, AccountOpened(program.program_id, "", occurred_at, on))
