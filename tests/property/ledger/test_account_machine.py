"""The account against the reference, through any history that Hypothesis can think of."""

import copy
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ledger.account import commands as to
from ledger.account.commands import MAX_POINTS, AccountCommand
from ledger.account.events import AccountEvent, AccountOpened, LotMove, NewDates
from ledger.account.state import Account
from ledger.posting.cache import Entry
from ledger.store.codec import encode
from ledger.streams import ACCOUNT
from tests.property.ledger.account_laws import AccountLaws
from tests.property.ledger.reference_account import Facts, ReferenceAccount
from tests.property.ledger.telling import answered, at, commanded, dates, ordered, told

START = date(2024, 2, 1)
CURRENCIES = ("points", "miles")
OTHER = "another"

currencies = st.sampled_from(CURRENCIES)
days_back = st.sampled_from([0, 0, 0, 1, 5, 30, 90])
some_points = st.integers(1, 200)
bad_points = st.sampled_from([-(2**63), -1, 0, MAX_POINTS + 1, 2**64])
numbers = st.integers(0, 9)
one_award = st.fixed_dictionaries(
    {
        "currency": currencies,
        "points": some_points | st.sampled_from([0, MAX_POINTS]),
        "delay": st.sampled_from([0, 0, 0, 1, 14, 60]),
        "lifetime": st.none() | st.sampled_from([30, 60, 61]) | st.integers(1, 120),
        "awaits": st.sampled_from(["", "", "", "stay"]),
        "patience": st.sampled_from([0, 10, 40]),
        "idle": st.sampled_from([0, 0, 0, 1, 2]),
        "kinds": st.sampled_from([(), (), ("redemption",), ("adjustment", "transfer_in", "transfer_out")]),
        "converts": st.booleans(),
    },
)
awards = st.lists(one_award, min_size=1, max_size=5)


class AccountMachine(AccountLaws, RuleBasedStateMachine):
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

    def ask(self, what: str, command: AccountCommand, then: Callable[[ReferenceAccount], Facts]) -> bool:
        """Decide, compare with what the reference says, and record; tell whether it was let through."""
        trial = copy.deepcopy(self.reference)
        expected = trial.ask(what, command.occurred_at, command.effective_on, lambda: then(trial))
        answer = answered(self.live.state, command)
        assert answer == answered(self.restored.state, command)
        if isinstance(answer, str) or isinstance(expected, str):
            assert expected == answer
            return False
        assert [ordered(fact) for fact in expected] == told(answer)
        self.reference = trial
        self.record(answer)
        return True

    def record(self, events: list[AccountEvent]) -> None:
        """Fold what has happened."""
        for event in events:
            self.recorded.append((event, encode(event)))
            self.live.fold(event)
            self.restored.fold(event)
            self.follow(event)

    def when(self, back: int = 0) -> tuple[datetime, date]:
        """Return noon of a day, and the day."""
        day = self.today - timedelta(days=back)
        return at(day), day

    @initialize(wanted=awards)
    def open(self, wanted: list[dict[str, Any]]) -> None:
        """Join, and get a welcome gift; before that, nothing else is possible."""
        when = self.when()
        for command in (
            to.Redeem("shop", "r", *when, "points", 1, 1, "EUR", 1),
            to.Accrue("desk", "a", *when, "gift", ()),
            to.LiftSuspension("desk", *when, "fine"),
        ):
            assert answered(None, command) == "AccountNotOpen"
        self.record(answered(None, to.OpenAccount("club", "m", *when)))  # type: ignore[arg-type]  # it is let through
        assert [AccountOpened("club", "m", *when)] == [event for event, _ in self.recorded]
        self.accrue(wanted, 0)

    @rule(wanted=awards | st.just([]), back=days_back)
    def purchase(self, wanted: list[dict[str, Any]], back: int) -> None:
        """Buy something, today or long ago."""
        when = self.when(back)
        dated = [dates(award, when[1]) for award in wanted]
        command = to.PostPurchase("shop", "t", *when, 100, "EUR", 1, commanded(dated))
        self.ask("purchase", command, lambda account: account.earn(dated, when[1], purchase=True))

    @rule(wanted=awards, back=days_back)
    def accrue(self, wanted: list[dict[str, Any]], back: int) -> None:
        """Get a gift, today or long ago."""
        when = self.when(back)
        dated = [dates(award, when[1]) for award in wanted]
        command = to.Accrue("desk", "a", *when, "gift", commanded(dated))
        self.ask("accrue", command, lambda account: account.earn(dated, when[1], purchase=False))

    @precondition(lambda self: len(self.recorded) >= self.nonsense_after)
    @rule(award=one_award, points=bad_points, currency=currencies, purchase=st.booleans())
    def ask_for_nonsense(self, award: dict[str, Any], points: int, currency: str, *, purchase: bool) -> None:
        """Join again, book a bad award after a good one, move a bad number of points, undo what never was."""
        self.nonsense_after = len(self.recorded) + 5
        when = self.when()
        assert answered(self.live.state, to.OpenAccount("club", "m", *when)) == []
        dated = [dates(one, when[1]) for one in (award, award | {"points": points or -7, "currency": currency})]
        if purchase:
            command: AccountCommand = to.PostPurchase("shop", "t", *when, 100, "EUR", 1, commanded(dated))
        else:
            command = to.Accrue("desk", "a", *when, "gift", commanded(dated))
        what = "purchase" if purchase else "accrue"
        self.ask(what, command, lambda account: account.earn(dated, when[1], purchase=purchase))
        self.spend("bad", currency, points, 0)
        self.reserve("bad", currency, points, (0, 1))
        self.reserve("late", currency, 1, (0, 0))
        self.send(currency, points, 0)
        self.ask("capture", to.CaptureHold("shop", "never", "r", *when, 1, 1, "EUR", 1), lambda _: "UnknownHold")
        self.ask("void", to.VoidHold("shop", "never", *when, "regret"), lambda _: "UnknownHold")
        self.ask("adjust", self.adjustment(currency, 0), lambda _: "InvalidPoints")
        if self.reference.status == "open":
            assert answered(self.live.state, to.LiftSuspension("desk", *when, "fine")) == "NotSuspended"
        self.ask("reverse", to.ReverseRedemption("shop", "never", *when, "x"), lambda _: "UnknownRedemption")

    @rule(number=numbers, currency=currencies, points=some_points, back=days_back)
    def redeem(self, number: int, currency: str, points: int, back: int) -> None:
        """Spend any number of points, today or back then, under an id that may be taken."""
        self.spend(f"r{number}", currency, points, back)

    @precondition(lambda self: self.reference.lots)
    @rule(currency=currencies, quarters=st.integers(1, 4), off=st.sampled_from([0, 0, -1, 1]), back=days_back)
    def redeem_a_good_part(self, currency: str, quarters: int, off: int, back: int) -> None:
        """Spend what is available, or a good part of it, or a point more."""
        points = self.reference.available(currency, self.today - timedelta(days=back)) * quarters // 4 + off
        self.spend(f"n{len(self.recorded)}", currency, points, back)

    def spend(self, redemption_id: str, currency: str, points: int, back: int) -> None:
        """Ask for a redemption; asked again, it is refused."""
        when = self.when(back)
        command = to.Redeem("shop", redemption_id, *when, currency, points, max(min(points, 10**12), 0), "EUR", 1)
        if self.ask("redeem", command, lambda account: account.redeem(redemption_id, currency, points, when[1])):
            assert answered(self.live.state, command) == "RedemptionExists"

    @precondition(lambda self: self.reference.redemptions)
    @rule(pick=st.integers(0, 99), points=st.none() | st.integers(0, 60), forward=st.integers(0, 10))
    def reverse(self, pick: int, points: int | None, forward: int) -> None:
        """Undo a redemption or a part of it, one that may be undone already."""
        redemptions = list(self.reference.redemptions)
        redemption_id = redemptions[pick % len(redemptions)]
        when = self.when(-forward)
        command = to.ReverseRedemption("shop", redemption_id, *when, "regret", points)
        if self.ask("reverse", command, lambda account: account.reverse(redemption_id, points)) and points is None:
            assert answered(self.live.state, command) == "RedemptionAlreadyReversed"

    @rule(
        number=numbers, currency=currencies, points=some_points, back=days_back, days=st.sampled_from([1, 6, 30, 200])
    )
    def hold(self, number: int, currency: str, points: int, back: int, days: int) -> None:
        """Reserve points for a while."""
        self.reserve(f"h{number}", currency, points, (back, days))

    @precondition(lambda self: self.reference.lots)
    @rule(currency=currencies, quarters=st.integers(1, 4), back=days_back, days=st.sampled_from([1, 30, 200]))
    def hold_a_good_part(self, currency: str, quarters: int, back: int, days: int) -> None:
        """Reserve what is available, or a part of it."""
        points = self.reference.available(currency, self.today - timedelta(days=back)) * quarters // 4
        self.reserve(f"p{len(self.recorded)}", currency, points, (back, days))

    def reserve(self, hold_id: str, currency: str, points: int, times: tuple[int, int]) -> None:
        """Ask for a hold; asked again, it is refused."""
        when = self.when(times[0])
        until = when[0] + timedelta(days=times[1])
        command = to.HoldPoints("shop", hold_id, *when, currency, points, until)
        if self.ask("hold", command, lambda account: account.hold(hold_id, currency, points, (*when, until))):
            assert answered(self.live.state, command) == "HoldExists"

    @precondition(lambda self: self.reference.holds)
    @rule(pick=st.integers(0, 99), quarters=st.integers(0, 5), number=numbers, back=days_back, void=st.booleans())
    def resolve(self, pick: int, quarters: int, number: int, back: int, *, void: bool) -> None:
        """Capture a hold or a part of it, or void it; it may be resolved already, and asked again, it is refused."""
        holds = list(self.reference.holds)
        hold_id, redemption_id, when = holds[-1 - pick % len(holds)], f"r{number}", self.when(back)
        points = sum(self.reference.holds[hold_id]["use"]["taken"].values()) * quarters // 4
        if void:
            command: AccountCommand = to.VoidHold("shop", hold_id, *when, "regret")
            passed = self.ask("void", command, lambda account: account.void(hold_id))
        else:
            command = to.CaptureHold("shop", hold_id, redemption_id, *when, points, points, "EUR", 1)
            passed = self.ask(
                "capture", command, lambda account: account.capture(hold_id, redemption_id, points, when[1])
            )
        if passed:
            assert answered(self.live.state, command) == "HoldResolved"

    @precondition(lambda self: self.reference.lots)
    @rule(
        picks=st.lists(st.tuples(st.integers(0, 99), some_points), min_size=1, max_size=3),
        beyond=st.sampled_from(["negative", "within_balance", "waterfall"]),
        lapsed=st.sampled_from([{}, {"points": 30}]),
        wanted=st.just([]) | st.lists(one_award.filter(lambda award: award["points"] < MAX_POINTS), max_size=2),
        back=days_back,
        late=st.booleans(),
    )
    def give_up(self, picks: Any, beyond: Any, lapsed: Any, wanted: Any, back: int, *, late: bool) -> None:
        """Return a purchase, or let it earn less: lots lose points, which may be spent already."""
        when, cause = self.when(back), f"x{len(self.recorded)}"
        dated = [dates(award, when[1]) for award in wanted]
        losing = [(1 + pick % len(self.reference.lots), points) for pick, points in picks]
        moves = tuple(LotMove(lot, self.reference.lots[lot]["currency"], points) for lot, points in losing)
        shared = (moves, lapsed, commanded(dated), (), beyond)
        command: AccountCommand
        if late:
            command = to.RepricePurchase("shop", "t", *when, cause, (), *shared)
        else:
            refund = ("too small", 500, "EUR", 1, (), ())
            worth = dict.fromkeys(CURRENCIES, 1000)
            command = to.ReturnPurchase("shop", cause, "shop", "t", *when, *refund, *shared, worth)
        name = "PurchaseRepriced" if late else "PurchaseReturned"
        what = {"name": name, "id": cause, "lapsed": lapsed, "awards": dated, "beyond": beyond}
        self.ask("give_up", command, lambda account: account.give_up(what, losing, when[1]))

    @rule(award=one_award, points=st.integers(-60, -1), given=st.booleans(), back=days_back, may_overdraw=st.booleans())
    def adjust(self, award: dict[str, Any], points: int, back: int, *, given: bool, may_overdraw: bool) -> None:
        """Give or take by hand; what is taken and not there may be owed."""
        when, cause, currency = self.when(back), f"j{len(self.recorded)}", award["currency"]
        dated = dates(award, when[1]) if given else None
        if dated:
            points = dated["points"]
        command = msgspec.structs.replace(
            self.adjustment(currency, points),
            adjustment_id=cause,
            occurred_at=when[0],
            effective_on=when[1],
            award=commanded([dated])[0] if dated else None,
            may_overdraw=may_overdraw,
        )
        self.ask(
            "adjust",
            command,
            lambda account: account.adjust(currency, points, dated, cause, when[1], may_overdraw=may_overdraw),
        )

    def adjustment(self, currency: str, points: int) -> to.AdjustPoints:
        """Return an adjustment of today."""
        return to.AdjustPoints("desk", "j", *self.when(), "reason", "", currency, points, None, may_overdraw=False)

    @rule(wanted=awards)
    def reinstate(self, wanted: list[dict[str, Any]]) -> None:
        """Give lapsed points back."""
        when = self.when()
        dated = [award for award in (dates(award, when[1]) for award in wanted) if award["points"]]
        command = to.ReinstatePoints("desk", "i", *when, "sorry", commanded(dated))
        facts = (lambda account: account.reinstate(dated, when[1])) if dated else lambda _: "InvalidPoints"
        self.ask("reinstate", command, facts)

    @rule(currency=currencies, points=some_points, back=days_back)
    def transfer_out(self, currency: str, points: int, back: int) -> None:
        """Send points to somebody, but not to oneself."""
        self.send(currency, points, back)
        to_oneself = to.TransferOut("app", "f", *self.when(), currency, points, "m")
        if self.reference.status == "open":
            assert answered(self.live.state, to_oneself) == "SameAccount"

    def send(self, currency: str, points: int, back: int, *, merger: bool = False) -> None:
        """Ask for a transfer."""
        when = self.when(back)
        command = to.TransferOut("app", "f", *when, currency, points, OTHER, merger)
        self.ask(
            "transfer_out", command, lambda account: account.transfer_out(currency, points, when[1], merger=merger)
        )

    @rule(award=one_award, age=st.sampled_from([0, 40, 400]))
    def transfer_in(self, award: dict[str, Any], age: int) -> None:
        """Take points that were earned elsewhere, some time ago."""
        when = self.when()
        dated = [dates(award, when[1]) | {"earned": when[1] - timedelta(days=age)}]
        command = to.TransferIn("app", "f", *when, award["currency"], OTHER, commanded(dated))
        self.ask("transfer_in", command, lambda account: account.transfer_in(dated, when[1]))

    @rule(days=st.sampled_from([1, 5, 20, 40]))
    def wait(self, days: int) -> None:
        """Let time pass; no event says so."""
        self.today += timedelta(days=days)

    @rule(back=days_back, step=st.sampled_from([1, 50, 500]), kinds=st.sets(currencies))
    def let_time_be_recorded(self, back: int, step: int, kinds: set[str]) -> None:
        """Record what has ended, lapsed or become available; asked again, there is nothing left to record."""
        when = self.when(back)
        conversions = {code: to.Conversion(step, 1, "EUR", when[1]) for code in kinds}
        expire = to.ExpireLots(*when, conversions, f"v{len(self.recorded)}")
        released = self.ask("release", to.ReleaseLots(*when), lambda account: account.release(when[1]))
        self.ask("expire_holds", to.ExpireHolds(*when), lambda _: [])
        self.ask("expire", expire, lambda account: account.expire(when[1], dict.fromkeys(kinds, step)))
        assert [answered(self.live.state, again) for again in (expire, to.ExpireHolds(*when))] == [[], []]
        assert not released or answered(self.live.state, to.ReleaseLots(*when)) == []

    @rule(back=days_back, come=st.booleans())
    def hear_of_what_was_awaited(self, back: int, *, come: bool) -> None:
        """A stay was completed, or cancelled."""
        when = self.when(back)
        if come:
            confirm = to.ConfirmLots("hotel", "s", "stay", (), *when)
            self.ask("confirm", confirm, lambda account: account.confirm("stay", when[1]))
        else:
            cancel = to.CancelLots("hotel", "s", "stay", (), *when)
            self.ask("cancel", cancel, lambda account: account.cancel("stay", when[1]))

    @precondition(lambda self: self.reference.lots)
    @rule(
        picks=st.sets(st.integers(0, 99), max_size=3),
        days=st.none() | st.integers(-20, 100),
        idle=st.sampled_from([0, 2]),
    )
    def change_expiry(self, picks: set[int], days: int | None, idle: int) -> None:
        """A newer policy for some lots, also for what was taken from them and may come back."""
        until = None if days is None else self.today + timedelta(days=days)
        lots = sorted({1 + pick % len(self.reference.lots) for pick in picks})
        changes = tuple(NewDates(lot, self.reference.lots[lot]["currency"], until, idle) for lot in lots)
        command = to.ChangeExpiry(*self.when(), 2, changes)
        self.ask("redate", command, lambda account: account.redate(lots, until, idle))

    @precondition(lambda self: len(self.recorded) >= self.nonsense_after)
    @rule(may_earn=st.booleans())
    def suspend(self, *, may_earn: bool) -> None:
        """Stop the account, wholly or for spending; asked again, it is refused."""
        self.nonsense_after = len(self.recorded) + 8
        command = to.SuspendAccount("desk", *self.when(), "review", may_earn)
        if self.ask("suspend", command, lambda account: account.suspend(may_earn=may_earn)):
            assert answered(self.live.state, command) == "AlreadySuspended"

    @precondition(lambda self: self.reference.status in ("suspended", "earn_only"))
    @rule()
    def lift(self) -> None:
        """Let it go on."""
        self.ask("lift", to.LiftSuspension("desk", *self.when(), "fine"), lambda account: account.lift())

    @precondition(lambda self: len(self.recorded) >= 30)
    @rule(merged=st.booleans())
    def close(self, *, merged: bool) -> None:
        """End it, or merge it into another; a merger sends everything first."""
        if merged and not any(self.reference.owed(currency) for currency in CURRENCIES):
            for currency in CURRENCIES:
                self.send(currency, 0, 0, merger=True)
        command = to.CloseAccount("desk", *self.when(), "left", OTHER if merged else "")
        self.ask("close", command, lambda account: account.close(merged=merged))

    @rule(tier=st.sampled_from(["", "silver", "gold"]), days=st.none() | st.integers(1, 90), retained=st.booleans())
    def keep_tier(self, tier: str, days: int | None, *, retained: bool) -> None:
        """Hold a tier, or hold it for longer; end a period. None of it moves points."""
        when = self.when()
        until = None if days is None else self.today + timedelta(days=days)
        change = to.ChangeTier("status", tier, *when, "assigned", until, "2024", ("gold",))
        keep = to.RetainTier("status", tier, *when, until, "2024")
        end = to.CloseQualifyingPeriod("status", "2024", *when, {"nights": 1}, {}, tier)
        command, name = (keep, "TierRetained") if retained else (change, "TierChanged")
        self.ask("tier", command, lambda _: [(name, [])])
        self.ask("tier", end, lambda _: [("QualifyingPeriodClosed", [])])

    @rule(by_snapshot=st.booleans())
    def restore(self, *, by_snapshot: bool) -> None:
        """Go on with what a snapshot, or the copy an all-or-nothing batch keeps, gives back."""
        state = self.live.state
        stored = msgspec.json.encode(state)
        restored = msgspec.json.decode(stored, type=Account) if by_snapshot else copy.deepcopy(state)
        self.restored = Entry(ACCOUNT, restored, self.live.version)


TestAccountMachine = AccountMachine.TestCase
TestAccountMachine.settings = settings(
    max_examples=120,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    database=None,
)
