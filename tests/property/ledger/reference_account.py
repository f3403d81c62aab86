"""
An account as the design describes it: plain, slow, and independent of ours.

Nothing is ever subtracted. A lot is what was booked, a use is which lots something took how much from, and how much of
that came back. What is left of a lot is worked out from all uses, every time somebody asks.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from tests.property.ledger.reference_time import TimeOfLots

LARGEST = 10**15

Points = dict[int, int]
"""Points by the number of their lot."""

Fact = tuple[str, list[tuple[int, int]]]
"""Name of an event, and the lots that it names with their points."""

Facts = list[Fact] | str
"""What happened, or the name of the refusal."""

SPENDING = ("redeem", "hold", "transfer_out")
EARNING = ("purchase", "accrue", "transfer_in")
AFTER_CLOSING = ("reverse", "give_up", "expire", "adjust", "expire_holds")
ACTIVITY = (*SPENDING, *EARNING, "capture", "adjust")


class ReferenceAccount(TimeOfLots):
    """One member's points; every method answers with facts, or with the name of a refusal."""

    def ask(self, what: str, at: datetime, on: date, then: Callable[[], Facts]) -> Facts:
        """Let time decide first, then do what is asked; a refusal undoes nothing, for the caller keeps a copy."""
        if self.status == "closed" and what not in AFTER_CLOSING:
            return "AccountClosed"
        if self.status in ("suspended", "earn_only") and what in SPENDING:
            return "AccountSuspended"
        if self.status == "suspended" and what in EARNING:
            return "AccountSuspended"
        settled = self.end_holds(at)
        if what in ACTIVITY:
            settled += self.end_idle_lots(on)
        facts = then()
        return facts if isinstance(facts, str) else settled + facts

    def book(self, name: str, awards: list[dict[str, Any]], on: date, origin: str) -> Facts:
        """Make lots, and pay back what was owed before with them."""
        if any(award["points"] < 0 for award in awards) or sum(award["points"] for award in awards) > LARGEST:
            return "InvalidPoints"
        made: Points = {}
        for award in awards:
            if award["points"]:
                number = len(self.lots) + 1
                self.lots[number] = {"earned": on, "released": False, **award, "origin": origin}
                made[number] = award["points"]
        return [(name, [*made.items(), *self.pay_back(made)])]

    def earn(self, awards: list[dict[str, Any]], on: date, *, purchase: bool) -> Facts:
        """Book a purchase, or a gift."""
        if not purchase and not any(award["points"] for award in awards):
            return "InvalidPoints"
        name = "PurchasePosted" if purchase else "PointsAccrued"
        facts = self.book(name, awards, on, "accrued")
        self.was_active("purchase" if purchase else "accrual", on)
        return facts

    def reinstate(self, awards: list[dict[str, Any]], on: date) -> Facts:
        """Give lapsed points back."""
        return self.book("PointsReinstated", awards, on, "reinstated")

    def redeem(self, redemption_id: str, currency: str, points: int, on: date) -> Facts:
        """Spend points on a date."""
        if points < 1 or points > LARGEST:
            return "InvalidPoints"
        if redemption_id in self.redemptions:
            return "RedemptionExists"
        if points > self.available(currency, on):
            return "InsufficientPoints"
        use = self.use("redeemed", currency, self.consumed(currency, points, on))
        self.redemptions[redemption_id] = use
        self.was_active("redemption", on)
        return [("PointsRedeemed", [*use["taken"].items()])]

    def reverse(self, redemption_id: str, points: int | None) -> Facts:
        """Undo a redemption, or a part of it: what was used last comes back first."""
        use = self.redemptions.get(redemption_id)
        if use is None:
            return "UnknownRedemption"
        out = {number: part - use["back"].get(number, 0) for number, part in use["taken"].items()}
        out = {number: part for number, part in out.items() if part}
        if not out:
            return "RedemptionAlreadyReversed"
        wanted = sum(out.values()) if points is None else points
        if not 0 < wanted <= sum(out.values()):
            return "InvalidPoints"
        order = list(out) if wanted == sum(out.values()) else list(reversed(out))
        back = self.first(order, out, wanted)
        for number, part in back.items():
            use["back"][number] = use["back"].get(number, 0) + part
        return [("RedemptionReversed", [*back.items(), *self.pay_back(back)])]

    def hold(self, hold_id: str, currency: str, points: int, moments: tuple[datetime, date, datetime]) -> Facts:
        """Reserve points from one moment, and the date of it, until another."""
        at, on, until = moments
        if points < 1 or points > LARGEST:
            return "InvalidPoints"
        if hold_id in self.holds:
            return "HoldExists"
        if until <= at:
            return "InvalidExpiry"
        if points > self.available(currency, on):
            return "InsufficientPoints"
        use = self.use("held", currency, self.consumed(currency, points, on))
        self.holds[hold_id] = {"use": use, "until": until, "outcome": "open"}
        return [("PointsHeld", [*use["taken"].items()])]

    def capture(self, hold_id: str, redemption_id: str, points: int, on: date) -> Facts:
        """Redeem what a hold reserved, or a part: earliest expiry first."""
        hold = self.holds.get(hold_id)
        if hold is None:
            return "UnknownHold"
        if hold["outcome"] != "open":
            return "HoldResolved"
        if points < 1:
            return "InvalidPoints"
        held: Points = hold["use"]["taken"]
        if points > sum(held.values()):
            return "CaptureExceedsHold"
        if redemption_id in self.redemptions:
            return "RedemptionExists"
        paid = self.first(sorted(held, key=self.haste), held, points)
        rest = {number: part - paid.get(number, 0) for number, part in held.items()}
        returned = {number: part for number, part in rest.items() if part}
        self.resolve(hold, "captured")
        in_their_order = {number: paid[number] for number in held if number in paid}
        self.redemptions[redemption_id] = self.use("redeemed", hold["use"]["currency"], in_their_order)
        self.was_active("redemption", on)
        return [("HoldCaptured", [*paid.items(), *returned.items(), *self.pay_back(returned)])]

    def void(self, hold_id: str) -> Facts:
        """Release a hold."""
        hold = self.holds.get(hold_id)
        if hold is None:
            return "UnknownHold"
        if hold["outcome"] != "open":
            return "HoldResolved"
        self.resolve(hold, "voided")
        held: Points = hold["use"]["taken"]
        return [("HoldVoided", [*held.items(), *self.pay_back(held)])]

    def give_up(self, return_: dict[str, Any], losing: list[tuple[int, int]], on: date) -> Facts:
        """Undo what a purchase earned: from its lots, then from others, then as the program says."""
        takes: dict[str, Points] = {}
        asked: dict[str, int] = {}
        for number, points in losing:
            taken = takes.setdefault(self.lots[number]["currency"], {})
            part = min(points, self.left(number) - taken.get(number, 0))
            if part:
                taken[number] = taken.get(number, 0) + part
            currency = self.lots[number]["currency"]
            asked[currency] = asked.get(currency, 0) + points - part
        new_debts = []
        for currency, missing in asked.items():
            wanted = missing - min(missing, return_["lapsed"].get(currency, 0))
            taken = takes[currency]
            for number in sorted(self.present(currency, on), key=self.haste):
                part = min(wanted, self.left(number) - taken.get(number, 0))
                if part:
                    taken[number] = taken.get(number, 0) + part
                    wanted -= part
            if wanted and return_["beyond"] == "negative":
                new_debts.append(
                    {"currency": currency, "cause": return_["id"], "points": wanted, "paid": 0, "kind": "clawed"}
                )
        for currency, taken in takes.items():
            self.use("clawed", currency, taken)
        ((_, booked),) = self.book("", return_["awards"], on, "accrued")  # type: ignore[misc]  # awards are good
        self.debts += new_debts
        return [(return_["name"], [*[pair for taken in takes.values() for pair in taken.items()], *booked])]

    def adjust(self, currency: str, points: int, award: Any, cause: str, on: date, *, may_overdraw: bool) -> Facts:
        """Give or take by hand; promised points are taken last."""
        if not points or abs(points) > LARGEST:
            return "InvalidPoints"
        if points > 0:
            facts = self.book("PointsAdjusted", [award], on, "credited")
            self.was_active("adjustment", on)
            return facts
        queue = sorted(self.present(currency, on), key=lambda n: (self.lots[n]["from"] > on, self.haste(n)))
        taken = self.first(queue, {number: self.left(number) for number in queue}, -points)
        missing = -points - sum(taken.values())
        if missing and not may_overdraw:
            return "InsufficientPoints"
        self.use("debited", currency, taken)
        if missing:
            debt = {"currency": currency, "cause": cause, "points": missing, "paid": 0, "kind": "debited"}
            self.debts.append(debt)
        self.was_active("adjustment", on)
        return [("PointsAdjusted", [*taken.items()])]

    def transfer_out(self, currency: str, points: int, on: date, *, merger: bool) -> Facts:
        """Send points away; a merger sends everything."""
        if merger:
            lots = sorted(self.open_lots(currency), key=self.haste)
            taken = {number: self.left(number) for number in lots}
        elif points < 1 or points > LARGEST:
            return "InvalidPoints"
        elif points > self.available(currency, on):
            return "InsufficientPoints"
        else:
            taken = self.consumed(currency, points, on)
        self.use("transferred_out", currency, taken)
        self.was_active("transfer_out", on)
        return [("PointsTransferredOut", [*taken.items()])]

    def transfer_in(self, awards: list[dict[str, Any]], on: date) -> Facts:
        """Take points from elsewhere."""
        facts = self.book("PointsTransferredIn", awards, on, "transferred_in")
        self.was_active("transfer_in", on)
        return facts

    def suspend(self, *, may_earn: bool) -> Facts:
        """Stop the account in one way or the other."""
        wanted = "earn_only" if may_earn else "suspended"
        if self.status == wanted:
            return "AlreadySuspended"
        self.status = wanted
        return [("AccountSuspended", [])]

    def lift(self) -> Facts:
        """Let it go on."""
        if self.status == "open":
            return "NotSuspended"
        self.status = "open"
        return [("SuspensionLifted", [])]

    def close(self, *, merged: bool) -> Facts:
        """End the account; what is left lapses."""
        if any(hold["outcome"] == "open" for hold in self.holds.values()):
            return "HoldsOpen"
        if merged and any(self.owed(currency) for currency in self.currencies()):
            return "PointsOwed"
        left = {number: self.left(number) for currency in self.currencies() for number in self.open_lots(currency)}
        facts = [self.lapse(left)] if left else []
        self.status = "closed"
        return [*facts, ("AccountClosed", [])]

    def consumed(self, currency: str, points: int, on: date) -> Points:
        """Name lots that pay: earliest expiry first, then oldest, then first made."""
        queue = sorted((n for n in self.lots if self.spendable(n, currency, on)), key=self.haste)
        return self.first(queue, {number: self.left(number) for number in queue}, points)

    @staticmethod
    def first(queue: list[int], there: Points, points: int) -> Points:
        """Take points from lots in their order."""
        taken: Points = {}
        for number in queue:
            part = min(there[number], points - sum(taken.values()))
            if part:
                taken[number] = part
        return taken
