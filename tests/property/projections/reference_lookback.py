"""
What an account was on a date, computed the long way round from the stored JSON.

Every part of every event is one line with the day from which it counts: that of the event, and not before the lot,
hold, redemption or debt that it is about has come. All figures are sums over the lines of the days until then.
"""

import calendar
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

Told = dict[str, Any]
"""One stored event: its topic, without prefix and version, and what is in it."""

TOTALS = {
    "purchase_posted": "accrued",
    "points_accrued": "accrued",
    "purchase_returned": "accrued",
    "purchase_repriced": "accrued",
    "points_reinstated": "reinstated",
    "points_adjusted": "credited",
    "points_transferred_in": "transferred_in",
}
TAKEN = {
    "purchase_returned": "clawed_back",
    "purchase_repriced": "clawed_back",
    "points_redeemed": "redeemed",
    "points_adjusted": "debited",
    "points_transferred_out": "transferred_out",
}
GIVES_BACK = ("hold_captured", "hold_voided", "hold_expired")
ACTIVE = {
    "purchase_posted": "purchase",
    "points_accrued": "accrual",
    "points_redeemed": "redemption",
    "hold_captured": "redemption",
    "points_adjusted": "adjustment",
    "points_transferred_in": "transfer_in",
    "points_transferred_out": "transfer_out",
}


def day_of(told: Told) -> date:
    """Return when an event takes effect."""
    return date.fromisoformat(told["effective_on"])


class Reference:
    """All lines of one account."""

    def __init__(self, story: list[Told]) -> None:
        """Date everything that others wait for, then make the lines."""
        self.story = story
        self.came: dict[int, date] = {}
        self.code: dict[int, str] = {}
        self.made: dict[tuple[str, ...], date] = {}
        for told in story:
            for accrual in told.get("accruals", []):
                self.came[accrual["lot"]], self.code[accrual["lot"]] = day_of(told), accrual["point_currency"]
            day = self.counts_on(told)
            if told["topic"] == "points_held":
                self.made["hold", told["hold_id"]] = day
            if told["topic"] in {"points_redeemed", "hold_captured"}:
                self.made["redemption", told["redemption_id"]] = day
            for code in told.get("debts", {}):
                self.made["debt", code, self.cause(told)] = day
        self.lines: list[tuple[date, str, str, int, int, int, int, int]] = []
        for told in story:
            self.add(told)

    def cause(self, told: Told) -> str:
        """Return what a debt is called by."""
        return str(told.get("return_id") or told.get("adjustment_id") or told["cause"])

    def counts_on(self, told: Told) -> date:
        """Return from when a whole event counts."""
        day = day_of(told)
        if told["topic"] in GIVES_BACK:
            day = max(day, self.made["hold", told["hold_id"]])
        if told["topic"] == "redemption_reversed":
            day = max(day, self.made["redemption", told["redemption_id"]])
        return day

    def line(self, day: date, lot: int, *moved: int, total: str = "", points: int = 0) -> None:
        """Note what a part moves: in its lot, of what is held, of what is owed."""
        in_lot, held, owed = (*moved, 0, 0)[:3]
        self.lines.append((max(day, self.came[lot]), self.code[lot], total, points, in_lot, held, owed, lot))

    def add(self, told: Told) -> None:
        """Make the lines of an event."""
        topic, day = told["topic"], self.counts_on(told)
        for accrual in told.get("accruals", []):
            self.line(day, accrual["lot"], accrual["points"], total=TOTALS[topic], points=accrual["points"])
        for part in told.get("taken", []):
            lot, points = part["lot"], part["points"]
            if topic == "points_held":
                self.line(day, lot, -points, points)
            elif topic == "hold_captured":
                self.line(day, lot, 0, -points, total="redeemed", points=points)
            else:
                self.line(day, lot, -points, total=TAKEN[topic], points=points)
        for part in told.get("returned", []):
            points = part["points"]
            if topic in GIVES_BACK:
                self.line(day, part["lot"], points, -points)
            else:
                self.line(day, part["lot"], points, total="reversed", points=points)
        for part in told["lots"] if topic == "lots_expired" else ():
            self.line(day, part["lot"], -part["points"], total="expired", points=part["points"])
        self.add_debts(told, day)
        if topic == "voucher_issued":
            self.lines.append((day, told["point_currency"], "", 0, 0, 0, 0, 0))

    def add_debts(self, told: Told, day: date) -> None:
        """Make the lines of what is owed from then on, and of what pays debts back."""
        for code, points in told.get("debts", {}).items():
            total = "debited" if told["topic"] == "points_adjusted" else "clawed_back"
            self.lines.append((day, code, total, points, 0, 0, points, 0))
        for part in told.get("repaid", []):
            since = max(day, self.made["debt", part["point_currency"], part["debt"]])
            self.line(since, part["lot"], -part["points"], 0, -part["points"])

    def timed_out(self, on: date, moment: datetime) -> None:
        """Make the lines of holds that had ended, and nobody had said so."""
        resolved = {
            told["hold_id"] for told in self.story if told["topic"] in GIVES_BACK and self.counts_on(told) <= on
        }
        for told in self.story:
            if told["topic"] == "points_held" and day_of(told) <= on and told["hold_id"] not in resolved:
                ended = datetime.fromisoformat(told["expires_at"]) <= moment
                for part in told["taken"] if ended else ():
                    self.line(day_of(told), part["lot"], part["points"], -part["points"])

    def lapses_on(self, number: int, on: date) -> tuple[date, date | None]:
        """Return when a lot becomes available, and when it lapses."""
        effective = [told for told in self.story if self.counts_on(told) <= on or told["topic"] == "expiry_changed"]
        (lot,) = [
            accrual | {"earned_on": accrual.get("earned_on") or told["effective_on"]}
            for told in effective
            for accrual in told.get("accruals", [])
            if accrual["lot"] == number
        ]
        available_from, awaits = date.fromisoformat(lot["available_from"]), lot.get("awaits")
        for told in effective:
            for part in told.get("lots", []):
                if part["lot"] == number and told["topic"] == "lots_released":
                    available_from, awaits = min(available_from, day_of(told)), None
                if part["lot"] == number and told["topic"] == "expiry_changed":
                    lot = {"earned_on": lot["earned_on"], "cancels_on": lot.get("cancels_on")} | part
        days = [lot.get("expires_on"), lot.get("cancels_on") if awaits else None]
        lapses = [date.fromisoformat(day) for day in days if day]
        if lot.get("idle_months"):
            lapses.append(self.idle_on(lot, effective))
        return available_from, min(lapses, default=None)

    def idle_on(self, lot: Told, effective: list[Told]) -> date:
        """Return the day after the anniversary of the last activity, or of when the points came."""
        kinds = lot.get("activities") or ("purchase", "accrual", "redemption")
        last = [day_of(told) for told in effective if ACTIVE.get(told["topic"]) in kinds]
        came = [day_of(told) for told in effective if ACTIVE.get(told["topic"]) in {"adjustment", "transfer_in"}]
        came_on = max([date.fromisoformat(lot["earned_on"]), *came])
        if last and came_on < (day := months_after(max(last), lot["idle_months"])):
            return day
        return months_after(came_on, lot["idle_months"])

    def balances(self, on: date) -> dict[str, dict[str, Any]]:
        """Return the figures of every point currency."""
        found: dict[str, dict[str, Any]] = {}
        lots: dict[int, int] = defaultdict(int)
        for day, code, total, points, in_lot, held, owed, lot in self.lines:
            if day <= on:
                book = found.setdefault(code, defaultdict(int))
                book[total] += points
                book["held"] += held
                book["owed"] += owed
                book["balance"] += in_lot + held - owed
                lots[lot] += in_lot
        for lot, points in lots.items():
            if points:
                available_from, lapses_on = self.lapses_on(lot, on)
                book = found[self.code[lot]]
                if lapses_on is not None and lapses_on <= on:
                    book["lapsed"] += points
                    continue
                book["spendable" if available_from <= on else "promised"] += points
                if lapses_on is not None:
                    book["next_expiry_on"] = min(book["next_expiry_on"] or lapses_on, lapses_on)
        for book in found.values():
            book["available"] = max(0, book["spendable"] - book["owed"])
        return found


def months_after(day: date, months: int) -> date:
    """Return the day after the same day some months later."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last)) + timedelta(days=1)
