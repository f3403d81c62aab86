"""What purchases would earn, and why: nothing is written, and no member is needed."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from ledger.account.decide import decide
from ledger.account.events import AccountOpened, PurchasePosted
from ledger.account.state import Account, evolve
from ledger.errors import LedgerError
from ledger.money import to_minor
from ledger.program.decide import NothingToPublish
from ledger.program.state import Program, ProgramVersion
from rules.activity import EARLIEST, Purchase, check_text
from rules.errors import UnknownVersion
from rules.explain import Trace, award_sentence, explain
from rules.parse import parse
from rules.pricing import price_purchase, purchase_facts


class Priced(Struct, frozen=True):
    """What a purchase earns, and how that came about."""

    event: PurchasePosted
    """As it would be recorded."""
    trace: Trace
    text: str
    """One sentence for a cashier to read out."""


def under_draft(program: Program) -> Program:
    """
    Return the program as if its draft had always been in force.

    Raises:
        NothingToPublish: There is no draft.
    """
    if program.draft is None:
        raise NothingToPublish(f"{program.program_id!r} has no draft; write one, or simulate a published version.")
    number = program.versions[-1].version + 1 if program.versions else 1
    return replace(program, versions=[ProgramVersion(number, EARLIEST, program.draft)])


def under_version(program: Program, number: int) -> Program:
    """
    Return the program as if one of its versions had always been in force.

    Raises:
        UnknownVersion: It has no version of this number.
    """
    for version in program.versions:
        if version.version == number:
            return replace(program, versions=[replace(version, effective_from=EARLIEST)])
    count = len(program.versions)
    raise UnknownVersion(f"{program.program_id!r} has {count} published version(s), and no number {number}.")


def simulate(program: Program, purchases: Sequence[Purchase]) -> list[Priced | LedgerError]:
    """
    Price purchases one after the other, each on what the ones before it left behind.

    Args:
        program: Prices them, each under the version in force when it occurred.
        purchases: Of one member who begins with nothing; whom they name does not matter.

    Returns:
        For each what it earns, or why it would be refused.
    """
    account: Account | None = None
    priced: list[Priced | LedgerError] = []
    for purchase in purchases:
        try:
            check_text(source=purchase.source, transaction_id=purchase.transaction_id)
            command = price_purchase(purchase, to_minor(purchase.amount, purchase.currency), program)
            if account is None:
                opened = AccountOpened(program.program_id, "", command.occurred_at, command.effective_on)
                account = evolve(None, opened)
            (event,) = decide(account, command)
            assert isinstance(event, PurchasePosted)
            account = evolve(account, event)
            priced.append(explained(program, event, purchase.amount))
        except LedgerError as refusal:
            priced.append(refusal)
    return priced


def explained(program: Program, event: PurchasePosted, amount: Decimal) -> Priced:
    """
    Derive again how a purchase came to its points.

    Args:
        program: Still holds the version that priced it.
        event: As it was recorded.
        amount: Of the purchase in major units.
    """
    version = next(one for one in program.versions if one.version == event.program_version)
    earn = version.terms.earn
    point_currency = version.terms.point_currency(earn.point_currency)
    rule = parse(earn.rule, "earn")
    facts = purchase_facts(amount, event.currency, event.source)
    text = award_sentence(rule, facts, earn.rounding, point_currency.scale, point_currency.code)
    return Priced(event, explain(rule, facts), text)
