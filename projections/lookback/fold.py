"""The events of one account, folded as of a date."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, assert_never

from ledger.account import events as happened
from ledger.account.books import Lot
from ledger.account.events import Accrual, LotMove, LotPoints, Repayment
from ledger.account.movements import ACTIVITY, Moved
from ledger.account.state import Account
from projections.lookback.parts import PastHold, PastLot, PastTier


class Past:
    """
    An account as of a date, from the events it is given in their order.

    What touches a lot, hold, redemption or debt that has not come by the date is left out until it has.
    So every figure is a sum of whole moves, and ``balance = open lots + held - owed`` holds for every date.
    """

    def __init__(self, on: date) -> None:
        """
        Args:
            on: Program-local; entries that take effect later do not count.
        """
        self.on = on
        self.version = 0
        """Of the last event looked at, whether it counts or not."""
        self.state: Account | None = None
        """Who and since when, status, and the last date of each kind of activity; nothing else of it is used."""
        self.books: dict[str, Moved] = {}
        self.lots: dict[int, PastLot] = {}
        self.holds: dict[str, PastHold] = {}
        self.tiers: dict[str, PastTier] = {}
        self._redemptions: set[str] = set()
        self._debts: set[tuple[str, str]] = set()

    def take(self, version: int, event: Any) -> None:
        """Take in the next event. Total: never raises on a recorded fact."""
        self.version = version
        kind = type(event)
        if kind is happened.AccountOpened:
            # Whoever is enrolled late still had the account on the days of what is uploaded then.
            self.state = Account(event.program_id, event.member_id, event.effective_on)
        elif kind is happened.ExpiryChanged or event.effective_on <= self.on:
            # A migration moves no points: it says which dates lots have, and so what of them had lapsed on any day.
            self._count(event)
            if kind in ACTIVITY and (kind is not happened.HoldCaptured or event.hold_id in self.holds):
                self._active(ACTIVITY[kind], event.effective_on)

    def end_holds(self, moment: datetime) -> None:
        """Give back what is held by holds whose time was up, and nobody has said so."""
        for hold in self.holds.values():
            if hold.status == "open" and hold.expires_at <= moment:
                self._give_back(hold, [LotPoints(lot, points) for lot, points in hold.taken.items()])
                hold.status, hold.resolved_at = "expired", hold.expires_at

    def book(self, point_currency: str) -> Moved:
        """Return the figures of a point currency."""
        book = self.books.get(point_currency)
        if book is None:
            book = self.books[point_currency] = Moved()
        return book

    def _count(self, event: Any) -> None:
        match event:
            case happened.PurchasePosted() | happened.PointsAccrued():
                self._come(event.accruals, event.effective_on, "accrued_points")
                self._repay(event.repaid)
            case happened.PurchaseReturned() | happened.PurchaseRepriced():
                self._repriced(event)
            case happened.PointsRedeemed():
                self._redemptions.add(event.redemption_id)
                self._lose(event.taken, "redeemed_points")
            case happened.RedemptionReversed():
                self._reversed(event)
            case happened.PointsHeld() | happened.HoldCaptured() | happened.HoldVoided() | happened.HoldExpired():
                self._hold(event)
            case happened.LotsReleased() | happened.LotsExpired() | happened.ExpiryChanged() | happened.VoucherIssued():
                self._time(event)
            case _:
                self._count_further(event)

    def _count_further(self, event: Any) -> None:
        match event:
            case happened.PointsReinstated():
                self._come(event.accruals, event.effective_on, "reinstated_points")
                self._repay(event.repaid)
            case happened.PointsAdjusted():
                self._come(event.accruals, event.effective_on, "credited_points")
                self._lose(event.taken, "debited_points")
                self._owe(event.debts, event.adjustment_id, "debited_points")
                self._repay(event.repaid)
            case happened.PointsTransferredIn():
                self._come(event.accruals, event.effective_on, "transferred_in_points")
                self._repay(event.repaid)
            case happened.PointsTransferredOut():
                self._lose(event.taken, "transferred_out_points")
            case happened.TierChanged():
                self.tiers[event.ladder] = PastTier(event.tier, event.effective_on, event.valid_until)
            case happened.TierRetained():
                held = self.tiers.get(event.ladder)
                if held is not None and held.tier == event.tier:
                    held.valid_until = event.valid_until
            case _:
                self._stand(event)

    def _stand(self, event: Any) -> None:
        assert self.state is not None
        match event:
            case happened.AccountSuspended():
                self.state.status = "earn_only" if event.may_earn else "suspended"
            case happened.SuspensionLifted():
                self.state.status = "open"
            case happened.AccountClosed():
                self.state.status, self.state.merged_into = "closed", event.merged_into
            case _:
                pass  # It is about neither points nor standing.

    def _hold(
        self, event: happened.PointsHeld | happened.HoldCaptured | happened.HoldVoided | happened.HoldExpired
    ) -> None:
        match event:
            case happened.PointsHeld():
                self._reserve(event)
            case happened.HoldCaptured():
                self._capture(event)
            case happened.HoldVoided() | happened.HoldExpired():
                hold = self.holds.get(event.hold_id)
                if hold is not None:
                    self._give_back(hold, event.returned)
                    self._repay(event.repaid)
                    hold.status = "voided" if isinstance(event, happened.HoldVoided) else "expired"
                    hold.resolved_at = event.occurred_at
            case _:
                assert_never(event)

    def _time(
        self, event: happened.LotsReleased | happened.LotsExpired | happened.ExpiryChanged | happened.VoucherIssued
    ) -> None:
        match event:
            case happened.LotsReleased():
                for part in event.lots:
                    if (past := self.lots.get(part.lot)) is not None:
                        past.lot.available_from = min(past.lot.available_from, event.effective_on)
                        past.lot.awaits, past.lot.is_released = "", True
            case happened.LotsExpired():
                self._lose(event.lots, "expired_points")
            case happened.ExpiryChanged():
                for dates in event.lots:
                    if (past := self.lots.get(dates.lot)) is not None:
                        past.lot.expires_on = dates.expires_on
                        past.lot.idle_months, past.lot.activities = dates.idle_months, dates.activities
            case happened.VoucherIssued():
                self.book(event.point_currency)
            case _:
                assert_never(event)

    def _active(self, kind: str, on: date) -> None:
        assert self.state is not None
        last = self.state.last_active.get(kind)
        if last is None or last < on:
            self.state.last_active[kind] = on

    def _come(self, accruals: Iterable[Accrual], on: date, total: str) -> None:
        for accrual in accruals:
            book = self.book(accrual.point_currency)
            setattr(book, total, getattr(book, total) + accrual.points)
            lot = Lot(
                accrual.lot,
                accrual.points,
                accrual.earned_on or on,
                accrual.available_from,
                accrual.expires_on,
                accrual.kind,
                accrual.funding,
                accrual.awaits,
                accrual.cancels_on,
                accrual.idle_months,
                accrual.activities,
                accrual.converts,
            )
            self.lots[accrual.lot] = PastLot(lot, accrual.point_currency, accrual.points, accrual.rule, self.version)

    def _lose(self, parts: Iterable[LotMove | LotPoints], total: str) -> None:
        """Let lots lose points, each part as far as its lot has come."""
        for part in parts:
            lot = self.lots.get(part.lot)
            if lot is not None:
                lot.lot.points -= part.points
                book = self.book(lot.point_currency)
                setattr(book, total, getattr(book, total) + part.points)

    def _owe(self, debts: dict[str, int], cause: str, total: str) -> None:
        for code, points in debts.items():
            book = self.book(code)
            book.owed_points += points
            setattr(book, total, getattr(book, total) + points)
            self._debts.add((code, cause))

    def _repay(self, repaid: Iterable[Repayment]) -> None:
        for part in repaid:
            lot = self.lots.get(part.lot)
            if lot is not None and (part.point_currency, part.debt) in self._debts:
                lot.lot.points -= part.points
                self.book(part.point_currency).owed_points -= part.points

    def _repriced(self, event: happened.PurchaseReturned | happened.PurchaseRepriced) -> None:
        cause = event.return_id if isinstance(event, happened.PurchaseReturned) else event.cause
        self._lose(event.taken, "clawed_back_points")
        self._owe(event.debts, cause, "clawed_back_points")
        self._come(event.accruals, event.effective_on, "accrued_points")
        self._repay(event.repaid)

    def _reversed(self, event: happened.RedemptionReversed) -> None:
        if event.redemption_id in self._redemptions:
            for part in event.returned:
                lot = self.lots.get(part.lot)
                if lot is not None:
                    lot.lot.points += part.points
                    self.book(lot.point_currency).reversed_points += part.points
            self._repay(event.repaid)

    def _reserve(self, event: happened.PointsHeld) -> None:
        taken = {part.lot: part.points for part in event.taken if part.lot in self.lots}
        self._lose(event.taken, "held_points")
        self.holds[event.hold_id] = PastHold(
            event.hold_id,
            event.point_currency,
            event.points,
            event.occurred_at,
            event.expires_at,
            self.version,
            taken,
        )

    def _capture(self, event: happened.HoldCaptured) -> None:
        hold = self.holds.get(event.hold_id)
        if hold is None:
            return
        self._redemptions.add(event.redemption_id)
        book = self.book(hold.point_currency)
        for part in event.taken:
            if part.lot in hold.taken:
                book.held_points -= part.points
                book.redeemed_points += part.points
        self._give_back(hold, event.returned)
        self._repay(event.repaid)
        hold.status, hold.captured_points, hold.resolved_at = "captured", event.points, event.occurred_at

    def _give_back(self, hold: PastHold, parts: Iterable[LotPoints]) -> None:
        book = self.book(hold.point_currency)
        for part in parts:
            if part.lot in hold.taken:
                self.lots[part.lot].lot.points += part.points
                book.held_points -= part.points
