"""Values at the edge of what can be counted, dated or named."""

from datetime import datetime
from decimal import Decimal, localcontext

import msgspec
import pytest

from ledger.account.commands import MAX_POINTS
from ledger.account.errors import InvalidPoints
from ledger.dates import as_utc, time_zone
from ledger.errors import InvalidInput
from ledger.money import MAX_AMOUNT_MINOR, to_major, to_minor
from ledger.program.terms import PointCurrency, Terms
from ledger.streams import ACCOUNT, PROGRAM
from tests.spec import spec
from tests.unit.ledger.account.facts import OPENED, accrued, award, lot, post_purchase, redeem
from tests.unit.ledger.program import facts as program

account = spec(ACCOUNT).given(OPENED)


def test_the_largest_amount_fits_every_currency() -> None:
    """A currency without minor units takes the same largest number of units as any other."""
    assert to_minor(Decimal(10**15), "JPY") == MAX_AMOUNT_MINOR


def test_zero_is_zero_however_it_is_spelled() -> None:
    """An exponent on a zero does not make it large."""
    assert to_minor(Decimal("0E+20"), "CHF") == 0


def test_money_ignores_the_callers_decimal_context() -> None:
    """A thread with three digits of precision still sees every digit of an amount."""
    with localcontext() as context:
        context.prec = 3
        assert str(to_major(123456789, "CHF")) == "1234567.89"


@pytest.mark.parametrize("value_minor", [-1, MAX_AMOUNT_MINOR + 1, 2**63])
def test_the_value_of_a_redemption_is_bounded(value_minor: int) -> None:
    """A burn rule that runs away is refused before it is recorded."""
    command = msgspec.structs.replace(redeem(1), value_minor=value_minor)
    account.given(accrued(lot(1, 1))).when(command).refuses(InvalidPoints)


def test_one_command_moves_at_most_the_largest_number_of_points() -> None:
    """The bound is on the command, not on each of its awards."""
    account.when(post_purchase(award(MAX_POINTS), award(1))).refuses(InvalidPoints)


def test_the_scale_of_a_published_point_currency_does_not_change() -> None:
    """Members' points are counted in it: another scale needs another code."""
    finer = Terms((PointCurrency("points", "Points", scale=2),), program.EARN, program.BURN)
    story = spec(PROGRAM).given(program.CREATED, program.drafted(program.TERMS))
    story.given(program.published(1, program.JANUARY, program.TERMS)).when(program.draft(finer)).refuses(InvalidInput)


def test_a_code_has_no_line_break() -> None:
    """A line break at the end is a character like any other."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"code":"points\\n","name":"P"}', type=PointCurrency)


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory"])
def test_a_time_zone_does_not_depend_on_the_machine(name: str) -> None:
    """What a zone database calls local is no zone of a program."""
    with pytest.raises(InvalidInput):
        time_zone(name)


def test_an_instant_outside_the_calendar_is_refused() -> None:
    """The first day of the year 1, east of Greenwich, has no UTC."""
    with pytest.raises(InvalidInput):
        as_utc(datetime.fromisoformat("0001-01-01T00:00:00+14:00"))
