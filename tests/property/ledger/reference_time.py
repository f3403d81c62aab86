"""What the reference knows of lots, and of what time does to them."""

from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Any

USUAL = ("purchase", "accrual", "redemption")


def day_after_months(since: date, months: int) -> date:
    """The day after the same day so many months later."""
    year, month = since.year + (since.month - 1 + months) // 12, (since.month - 1 + months) % 12 + 1
    return date(year, month, min(since.day, monthrange(year, month)[1])) + timedelta(days=1)


class TimeOfLots:
    """Lots, what took from them, debts and holds; what is left, available or lapsed on a day."""

    def __init__(self) -> None:
        """Nothing was booked."""
        self.lots: dict[int, dict[str, Any]] = {}
        self.uses: list[dict[str, Any]] = []
        self.debts: list[dict[str, Any]] = []
        self.redemptions: dict[str, dict[str, Any]] = {}
        self.holds: dict[str, dict[str, Any]] = {}
        self.active: dict[str, date] = {}
        self.vouchers: list[int] = []
        self.status = "open"

    def use(self, kind: str, currency: str, taken: dict[int, int]) -> dict[str, Any]:
        """Note what takes from lots."""
        use = {"kind": kind, "currency": currency, "taken": taken, "back": {}}
        self.uses.append(use)
        return use

    def was_active(self, kind: str, on: date) -> None:
        """Note an activity."""
        self.active[kind] = max(on, self.active.get(kind, on))

    def currencies(self) -> list[str]:
        """All that ever were."""
        return sorted({lot["currency"] for lot in self.lots.values()} | {debt["currency"] for debt in self.debts})

    def left(self, number: int) -> int:
        """What a lot still holds."""
        spent = sum(use["taken"].get(number, 0) - use["back"].get(number, 0) for use in self.uses)
        booked: int = self.lots[number]["points"]
        return booked - spent

    def owed(self, currency: str) -> int:
        """What is owed."""
        return sum(debt["points"] - debt["paid"] for debt in self.debts if debt["currency"] == currency)

    def held(self, currency: str) -> int:
        """What holds have reserved."""
        uses = [use for use in self.uses if use["kind"] == "held" and use["currency"] == currency]
        return sum(sum(use["taken"].values()) - sum(use["back"].values()) for use in uses)

    def open_lots(self, currency: str) -> dict[int, int]:
        """The lots of a currency that hold anything."""
        ours = (number for number, lot in self.lots.items() if lot["currency"] == currency)
        return {number: self.left(number) for number in ours if self.left(number) != 0}

    def idle_day(self, number: int) -> date | None:
        """The first day on which inactivity has taken a lot, which came while the member was active, or else alone."""
        lot = self.lots[number]
        if not lot.get("idle"):
            return None
        gifts = [self.active[kind] for kind in ("adjustment", "transfer_in") if kind in self.active]
        came = max([lot["earned"], *gifts])
        acts = [self.active[kind] for kind in lot["kinds"] or USUAL if kind in self.active]
        if acts and came < (end := day_after_months(max(acts), lot["idle"])):
            return end
        return day_after_months(came, lot["idle"])

    def own_end(self, number: int) -> date:
        """The first day on which a lot's own dates end it."""
        lot = self.lots[number]
        return min(lot["until"] or date.max, (lot.get("cancels") if lot.get("awaits") else None) or date.max)

    def end(self, number: int) -> date:
        """The first day on which anything ends it; the end of the calendar if nothing does."""
        return min(self.own_end(number), self.idle_day(number) or date.max)

    def present(self, currency: str, on: date) -> list[int]:
        """Open lots that have not lapsed."""
        return [number for number in self.open_lots(currency) if on < self.end(number)]

    def spendable(self, number: int, currency: str, on: date) -> bool:
        """Tell whether a lot can pay on a date: from the day it is available to the day before it ends."""
        lot = self.lots[number]
        return lot["currency"] == currency and self.left(number) > 0 and lot["from"] <= on < self.end(number)

    def available(self, currency: str, on: date) -> int:
        """What can be spent on a date, less what is owed."""
        there = sum(self.left(number) for number in self.lots if self.spendable(number, currency, on))
        return max(0, there - self.owed(currency))

    def haste(self, number: int) -> tuple[bool, date, date, int]:
        """Sort lots into the order in which they are spent."""
        lot = self.lots[number]
        return lot["until"] is None, lot["until"] or date.max, lot["earned"], number

    def resolve(self, hold: dict[str, Any], outcome: str) -> None:
        """End a hold: everything goes back, and what was captured is a use of its own."""
        hold["outcome"] = outcome
        hold["use"]["back"] = dict(hold["use"]["taken"])

    def lapse(self, lots: dict[int, int]) -> tuple[str, list[tuple[int, int]]]:
        """Let lots end."""
        by_currency: dict[str, dict[int, int]] = {}
        for number, points in lots.items():
            by_currency.setdefault(self.lots[number]["currency"], {})[number] = points
        for currency, taken in by_currency.items():
            self.use("expired", currency, taken)
        return "LotsExpired", sorted(lots.items())

    def end_holds(self, at: datetime) -> list[tuple[str, list[tuple[int, int]]]]:
        """Release the holds whose time is up."""
        ended = [hold for hold in self.holds.values() if hold["outcome"] == "open" and hold["until"] <= at]
        facts = []
        for hold in ended:
            self.resolve(hold, "expired")
            held = hold["use"]["taken"]
            facts.append(("HoldExpired", [*held.items(), *self.pay_back(held)]))
        return facts

    def pay_back(self, came: dict[int, int]) -> list[tuple[int, int]]:
        """Pay the oldest debt first, with what came to the first lot first."""
        paid = []
        for number, left in came.items():
            for debt in self.debts:
                part = min(left, debt["points"] - debt["paid"])
                if debt["currency"] == self.lots[number]["currency"] and part:
                    debt["paid"] += part
                    left -= part  # noqa: PLW2901  # what is left of it
                    self.use("repaid", debt["currency"], {number: part})
                    paid.append((number, part))
        return paid

    def end_idle_lots(self, on: date) -> list[tuple[str, list[tuple[int, int]]]]:
        """Let lapse what inactivity took before something happens, day by day."""
        days: dict[date, dict[int, int]] = {}
        for currency in self.currencies():
            for number, points in self.open_lots(currency).items():
                day = self.idle_day(number)
                if day is not None and day <= on and day < self.own_end(number):
                    days.setdefault(day, {})[number] = points
        return [self.lapse(lots) for _, lots in sorted(days.items())]

    def expire(self, on: date, converting: dict[str, int]) -> list[tuple[str, list[tuple[int, int]]]]:
        """Record what has lapsed by a day, by day and reason; whole steps of aged points become vouchers."""
        groups: dict[tuple[date, str], dict[int, int]] = {}
        aged: dict[str, int] = {}
        for currency in self.currencies():
            for number, points in self.open_lots(currency).items():
                lot, day = self.lots[number], self.end(number)
                if day > on:
                    continue
                reason = "unconfirmed"
                if self.idle_day(number) == day:
                    reason = "inactivity"
                if lot["until"] == day:
                    reason = "age"
                if reason == "age" and lot.get("converts") and currency in converting:
                    reason = "converted"
                    aged[currency] = aged.get(currency, 0) + points
                groups.setdefault((day, reason), {})[number] = points
        facts = [self.lapse(lots) for _, lots in sorted(groups.items())]
        for currency, points in aged.items():
            if points >= converting[currency]:
                self.vouchers.append(points // converting[currency])
                facts.append(("VoucherIssued", []))
        return facts

    def release(self, on: date) -> list[tuple[str, list[tuple[int, int]]]]:
        """Record promised lots whose day has come."""
        days: dict[date, dict[int, int]] = {}
        for currency in self.currencies():
            for number, points in self.open_lots(currency).items():
                lot = self.lots[number]
                if not lot["released"] and not lot.get("awaits") and lot["earned"] < lot["from"] <= on:
                    days.setdefault(lot["from"], {})[number] = points
                    lot["released"] = True
        return [("LotsReleased", sorted(lots.items())) for _, lots in sorted(days.items())]

    def awaiting(self, awaited: str, on: date) -> dict[int, int]:
        """Open lots that await an event which may still come."""
        lots = {number: points for currency in self.currencies() for number, points in self.open_lots(currency).items()}
        return {n: p for n, p in lots.items() if self.lots[n].get("awaits") == awaited and on < self.own_end(n)}

    def confirm(self, awaited: str, on: date) -> list[tuple[str, list[tuple[int, int]]]] | str:
        """What was awaited has come."""
        lots = self.awaiting(awaited, on)
        for number in lots:
            lot = self.lots[number]
            lot |= {"from": min(lot["from"], on), "awaits": "", "released": True}
        return [("LotsReleased", sorted(lots.items()))] if lots else "NothingAwaits"

    def cancel(self, awaited: str, on: date) -> list[tuple[str, list[tuple[int, int]]]] | str:
        """What was awaited will not come."""
        lots = self.awaiting(awaited, on)
        return [self.lapse(lots)] if lots else "NothingAwaits"

    def redate(self, numbers: list[int], until: date | None, idle: int) -> list[tuple[str, list[tuple[int, int]]]]:
        """Give open lots other dates."""
        changed = [number for number in numbers if self.left(number)]
        for number in changed:
            self.lots[number] |= {"until": until, "idle": idle, "kinds": ()}
        return [("ExpiryChanged", [(number, 0) for number in changed])] if changed else []

    def totals(self, currency: str) -> dict[str, int]:
        """Everything that ever moved, by what it was."""
        lots = [lot for lot in self.lots.values() if lot["currency"] == currency]
        uses = [use for use in self.uses if use["currency"] == currency]
        debts = [debt for debt in self.debts if debt["currency"] == currency]

        def made(origin: str) -> int:
            return sum(lot["points"] for lot in lots if lot["origin"] == origin)

        def used(kind: str, part: str = "taken") -> int:
            return sum(sum(use[part].values()) for use in uses if use["kind"] == kind)

        def owing(kind: str) -> int:
            return sum(debt["points"] for debt in debts if debt["kind"] == kind)

        return {
            "accrued": made("accrued"),
            "redeemed": used("redeemed"),
            "reversed": used("redeemed", "back"),
            "expired": used("expired"),
            "reinstated": made("reinstated"),
            "clawed_back": used("clawed") + owing("clawed"),
            "credited": made("credited"),
            "debited": used("debited") + owing("debited"),
            "transferred_in": made("transferred_in"),
            "transferred_out": used("transferred_out"),
        }
