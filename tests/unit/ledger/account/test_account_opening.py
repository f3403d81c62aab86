from datetime import date

import msgspec
import pytest

from ledger.account.commands import MAX_POINTS, AccountCommand
from ledger.account.errors import AccountNotOpen
from ledger.account.events import AccountOpened
from ledger.account.state import Account
from ledger.streams import ACCOUNT
from tests.spec import spec
from tests.unit.ledger.account.facts import (
    MEMBER,
    NOON,
    OPEN,
    OPENED,
    TODAY,
    accrue,
    accrued,
    award,
    lot,
    post_purchase,
    redeem,
    reverse,
)


def test_a_member_who_joins_gets_an_account() -> None:
    """The fact names the program and the member, and nothing personal."""
    spec(ACCOUNT).when(OPEN).then(AccountOpened("club", MEMBER, NOON, TODAY))


def test_a_new_account_holds_nothing() -> None:
    """There is no book before the first points."""
    assert Account("club", MEMBER, TODAY) == spec(ACCOUNT).given(OPENED).state()


def test_opening_again_changes_nothing() -> None:
    """Whoever joins twice has joined."""
    later = msgspec.structs.replace(OPEN, effective_on=date(2027, 1, 1))
    spec(ACCOUNT).given(OPENED, accrued(lot(1, 100))).when(later).then()


@pytest.mark.parametrize(
    "command",
    [
        post_purchase(award(1)),
        post_purchase(award(-1)),
        accrue(award(1)),
        accrue(),
        redeem(1),
        redeem(0),
        redeem(MAX_POINTS + 1),
        reverse(),
    ],
)
def test_nothing_else_is_done_before_the_account_is_open(command: AccountCommand) -> None:
    """That the account is missing is told first, whatever else is wrong."""
    spec(ACCOUNT).when(command).refuses(AccountNotOpen, pointer=None)
