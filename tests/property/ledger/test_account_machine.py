"""The account against the reference, through any history that Hypothesis can think of."""

import copy
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.account.books import Book, Lot
from ledger.account.commands import (
    MAX_POINTS,
    AccountCommand,
    Accrue,
    Award,
    OpenAccount,
    PostPurchase,
    Redeem,
    ReverseRedemption,
)
from ledger.account.decide import decide
from ledger.account.events import (
    AccountEvent,
    AccountOpened,
    Accrual,
    LotPoints,
    PointsAccrued,
    PointsRedeemed,
    PurchasePosted,
    RedemptionReversed,
)
from ledger.account.state import Account
from ledger.errors import LedgerError
from ledger.posting.cache import Entry
from ledger.store.codec import decode, encode, topic_bytes
from ledger.streams import ACCOUNT
from tests.property.ledger.reference_account import Points, ReferenceAccount

START = date(2024, 2, 1)
NOON = datetime(2024, 2, 1, 12, tzinfo=UTC)
CURRENCIES = ("points", "miles")

encode_state = msgspec.json.encode

currencies = st.sampled_from(CURRENCIES)
days_back = st.sampled_from([0, 0, 0, 1, 5, 30, 90])
some_points = st.integers(1, 200)
bad_points = st.sampled_from([-(2**63), -1, 0, MAX_POINTS + 1, 2**64])
awards = st.lists(
    st.fixed_dictionaries(
        {
            "currency": currencies,
            "points": some_points | st.sampled_from([0, MAX_POINTS]),
            "delay": st.sampled_from([0, 0, 0, 1, 14, 60]),
            "lifetime": st.none() | st.sampled_from([30, 60, 61]) | st.integers(1, 120),
        },
    ),
    min_size=1,
    max_size=5,
)


class AccountMachine(RuleBasedStateMachine):
    """
    One account, asked for anything in any order.

    Every command is decided by the account as it was folded so far, by one that was restored from a snapshot or a copy
    at some point and has followed since, and by the reference.
    """

    def __init__(self) -> None:
        """Nothing has happened yet."""
        super().__init__()
        self.today = START
        self.live = Entry(ACCOUNT)
        self.restored = Entry(ACCOUNT)
        self.recorded: list[tuple[AccountEvent, bytes]] = []
        self.reference = ReferenceAccount()
        self.nonsense_after = 0
        """Facts before the next nonsense, so that most steps of a history mean something."""

    def ask(self, command: AccountCommand, expected: Points | str) -> None:
        """Decide, compare with what the reference says, and record."""
        answer = answered(self.live.state, command)
        assert answer == answered(self.restored.state, command)
        if isinstance(answer, str):
            assert expected == answer
            return
        assert [*expected.items()] == moved(answer)  # type: ignore[union-attr]  # in the same order, too
        for event in answer:
            self.recorded.append((event, encode(event)))
            self.live.fold(event)
            self.restored.fold(event)

    @initialize(wanted=awards)
    def open(self, wanted: list[dict[str, Any]]) -> None:
        """Join, and get a welcome gift; before that, nothing else is possible."""
        self.ask(Redeem("shop", "r", NOON, self.today, "points", 1, 1, "EUR", 1), "AccountNotOpen")
        self.ask(Accrue("desk", "a", NOON, self.today, "gift", ()), "AccountNotOpen")
        self.ask(OpenAccount("club", "m", NOON, self.today), {})
        assert [AccountOpened("club", "m", NOON, self.today)] == [event for event, _ in self.recorded]
        self.accrue(wanted, 0)

    @rule(wanted=awards | st.just([]), back=days_back)
    def purchase(self, wanted: list[dict[str, Any]], back: int) -> None:
        """Buy something, today or long ago."""
        on = self.today - timedelta(days=back)
        dated = [dates(award, on) for award in wanted]
        command = PostPurchase("shop", "t", NOON, on, 100, "EUR", 1, commanded(dated))
        self.ask(command, self.reference.accrue(dated, on, purchase=True))

    @rule(wanted=awards, back=days_back)
    def accrue(self, wanted: list[dict[str, Any]], back: int) -> None:
        """Get a gift, today or long ago."""
        on = self.today - timedelta(days=back)
        dated = [dates(award, on) for award in wanted]
        command = Accrue("desk", "a", NOON, on, "gift", commanded(dated))
        self.ask(command, self.reference.accrue(dated, on, purchase=False))

    @precondition(lambda self: len(self.recorded) >= self.nonsense_after)
    @rule(wanted=awards, points=bad_points, currency=currencies, purchase=st.booleans())
    def ask_for_nonsense(self, wanted: list[dict[str, Any]], points: int, currency: str, *, purchase: bool) -> None:
        """Join again, book a bad award among good ones, spend a bad number of points, undo what never was."""
        self.nonsense_after = len(self.recorded) + 5
        self.ask(OpenAccount("club", "m", NOON, self.today), {})
        nonsense = {"currency": currency, "points": points or -7, "delay": 0, "lifetime": None}
        dated = [dates(award, self.today) for award in [*wanted, nonsense]]
        booked = commanded(dated)
        self.ask(
            PostPurchase("shop", "t", NOON, self.today, 100, "EUR", 1, booked)
            if purchase
            else Accrue("desk", "a", NOON, self.today, "gift", booked),
            self.reference.accrue(dated, self.today, purchase=purchase),
        )
        self.spend("bad", currency, points, self.today)
        self.ask(ReverseRedemption("shop", "never", NOON, self.today, "regret"), self.reference.reverse("never"))

    @rule(number=st.integers(0, 9), currency=currencies, points=some_points, back=days_back)
    def redeem(self, number: int, currency: str, points: int, back: int) -> None:
        """Spend any number of points, today or back then, under an id that may be taken."""
        self.spend(f"r{number}", currency, points, self.today - timedelta(days=back))

    @precondition(lambda self: self.reference.lots)
    @rule(currency=currencies, quarters=st.integers(1, 4), off=st.sampled_from([0, 0, -1, 1]), back=days_back)
    def redeem_a_good_part(self, currency: str, quarters: int, off: int, back: int) -> None:
        """Spend what is available, or a good part of it, or a point more."""
        on = self.today - timedelta(days=back)
        points = self.reference.available(currency, on) * quarters // 4 + off
        self.spend(f"n{len(self.recorded)}", currency, points, on)

    def spend(self, redemption_id: str, currency: str, points: int, on: date) -> None:
        """Ask for a redemption."""
        command = Redeem("shop", redemption_id, NOON, on, currency, points, max(points, 0), "EUR", 1)
        self.ask(command, self.reference.redeem(redemption_id, currency, points, on))

    @precondition(lambda self: self.reference.redemptions)
    @rule(pick=st.integers(0, 99), forward=st.integers(0, 10))
    def reverse(self, pick: int, forward: int) -> None:
        """Undo a redemption, one that may be undone already."""
        redemptions = list(self.reference.redemptions)
        redemption_id = redemptions[pick % len(redemptions)]
        command = ReverseRedemption("shop", redemption_id, NOON, self.today + timedelta(days=forward), "regret")
        self.ask(command, self.reference.reverse(redemption_id))

    @rule(days=st.sampled_from([1, 5, 20, 40]))
    def wait(self, days: int) -> None:
        """Let time pass; no event says so."""
        self.today += timedelta(days=days)

    @rule(by_snapshot=st.booleans())
    def restore(self, *, by_snapshot: bool) -> None:
        """Go on with what a snapshot, or the copy an all-or-nothing batch keeps, gives back."""
        state = self.live.state
        restored = msgspec.json.decode(encode_state(state), type=Account) if by_snapshot else copy.deepcopy(state)
        self.restored = Entry(ACCOUNT, restored, self.live.version)

    @invariant()
    def agrees_with_the_reference(self) -> None:
        """Lots, totals and what can be spent are what the design says."""
        account: Account = self.live.state
        for currency in CURRENCIES:
            book = account.books.get(currency, Book())
            assert self.reference.open_lots(currency) == {number: lot.points for number, lot in book.lots.items()}
            assert self.reference.totals(currency) == (
                book.accrued_points,
                book.redeemed_points,
                book.reversed_points,
            )
            for days in (-30, 0, 30):
                on = self.today + timedelta(days=days)
                assert self.reference.available(currency, on) == book.available_points(on) <= book.balance_points

    @invariant()
    def keeps_its_books(self) -> None:
        """What the lots hold is the balance, and every lot is as it was made."""
        account: Account = self.live.state
        for currency, book in account.books.items():
            assert sum(lot.points for lot in book.lots.values()) == book.balance_points
            assert book.accrued_points - book.redeemed_points + book.reversed_points == book.balance_points
            for number, lot in book.lots.items():
                made = self.reference.lots[number]
                assert 0 < lot.points <= made["points"]
                expected = Lot(number, lot.points, made["earned"], made["from"], made["until"])
                assert (currency, expected) == (made["currency"], lot)
        assert len(self.reference.lots) == account.lot_count

    @invariant()
    def remembers_redemptions(self) -> None:
        """What each took from its lots is what it was about."""
        account: Account = self.live.state
        assert list(self.reference.redemptions) == list(account.redemptions)
        for redemption_id, redemption in account.redemptions.items():
            made = self.reference.redemptions[redemption_id]
            assert made["taken"] == {lot.lot: lot.points for lot in redemption.taken}
            assert redemption.points == sum(lot.points for lot in redemption.taken)
            assert (made["currency"], made["undone"]) == (redemption.point_currency, redemption.is_reversed)

    @invariant()
    def tells_its_balances(self) -> None:
        """The newest fact carries the balances after it."""
        account: Account = self.live.state
        event = self.recorded[-1][0]
        told = {} if isinstance(event, AccountOpened) else event.balances
        assert told == account.balances()
        assert told == {currency: book.balance_points for currency, book in account.books.items()}

    @invariant()
    def replays(self) -> None:
        """From the stored bytes, with versions one after the other, the same state comes about."""
        replayed = Entry(ACCOUNT)
        for event, stored in self.recorded:
            read = decode(topic_bytes(event).decode(), stored)
            assert event == read
            assert stored == encode(read)
            replayed.fold(read)
        assert len(self.recorded) == replayed.version == self.live.version == self.restored.version
        assert encode_state(replayed.state) == encode_state(self.live.state) == encode_state(self.restored.state)
        assert replayed.state == self.live.state == self.restored.state


def answered(state: Account | None, command: AccountCommand) -> list[AccountEvent] | str:
    """Return the facts, or the name of the refusal; either way, deciding leaves the state alone."""
    before = encode_state(state)
    try:
        return decide(state, command)
    except LedgerError as refusal:
        return type(refusal).__name__
    finally:
        assert before == encode_state(state)


def moved(events: list[AccountEvent]) -> list[tuple[int, int]]:
    """Return the lots that the facts name, with the points that moved."""
    parts: list[LotPoints | Accrual] = []
    for event in events:
        match event:
            case PurchasePosted() | PointsAccrued():
                parts += event.accruals
            case PointsRedeemed():
                parts += event.taken
            case RedemptionReversed():
                parts += event.returned
            case AccountOpened():
                pass
    return [(part.lot, part.points) for part in parts]


def dates(award: dict[str, Any], on: date) -> dict[str, Any]:
    """Return the award with days instead of delays."""
    lifetime = award["lifetime"]
    return {
        "currency": award["currency"],
        "points": award["points"],
        "from": on + timedelta(days=award["delay"]),
        "until": on + timedelta(days=lifetime) if lifetime else None,
    }


def commanded(dated: list[dict[str, Any]]) -> tuple[Award, ...]:
    """Return the awards as a command carries them."""
    return tuple(Award(award["currency"], award["points"], award["from"], award["until"]) for award in dated)


TestAccountMachine = AccountMachine.TestCase
TestAccountMachine.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
)
