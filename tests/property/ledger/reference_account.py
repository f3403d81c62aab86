"""
An account as the design describes it: plain, slow, and independent of ours.

Nothing is ever subtracted. A lot is what was booked, a redemption is which lots it took how much from, and what is left
of a lot is worked out from all of them, every time somebody asks.
"""

from datetime import date, timedelta
from typing import Any

LARGEST = 10**15

Points = dict[int, int]
"""Points by the number of their lot."""


class ReferenceAccount:
    """One member's points; every method answers with facts, or with the name of a refusal."""

    def __init__(self) -> None:
        """Nothing was booked."""
        self.lots: dict[int, dict[str, Any]] = {}
        self.redemptions: dict[str, dict[str, Any]] = {}

    def accrue(self, awards: list[dict[str, Any]], on: date, *, purchase: bool) -> Points | str:
        """Book awards (``currency``, ``points``, ``from``, ``until``) earned on a date."""
        if any(award["points"] < 0 for award in awards) or sum(award["points"] for award in awards) > LARGEST:
            return "InvalidPoints"
        booked: dict[int, dict[str, Any]] = {}
        for award in awards:
            if award["points"] > 0:
                number = 1 + len(self.lots) + len(booked)
                booked[number] = award | {"earned": on}
        if not booked and not purchase:
            return "InvalidPoints"
        self.lots.update(booked)
        return {number: lot["points"] for number, lot in booked.items()}

    def redeem(self, redemption_id: str, currency: str, points: int, on: date) -> Points | str:
        """Spend points on a date: earliest expiry first, then oldest, then first made."""
        if points < 1 or points > LARGEST:
            return "InvalidPoints"
        if redemption_id in self.redemptions:
            return "RedemptionExists"
        if points > self.available(currency, on):
            return "InsufficientPoints"
        taken: Points = {}
        queue = [number for number in self.lots if self.spendable(number, currency, on)]
        while points > sum(taken.values()):
            number = min((n for n in queue if n not in taken), key=self.haste)
            taken[number] = min(self.left(number), points - sum(taken.values()))
        self.redemptions[redemption_id] = {"currency": currency, "taken": taken, "undone": False}
        return taken

    def reverse(self, redemption_id: str) -> Points | str:
        """Undo a redemption, once."""
        redemption = self.redemptions.get(redemption_id)
        if redemption is None:
            return "UnknownRedemption"
        if redemption["undone"]:
            return "RedemptionAlreadyReversed"
        redemption["undone"] = True
        taken: Points = redemption["taken"]
        return taken

    def left(self, number: int) -> int:
        """What a lot still holds."""
        spent: int = sum(one["taken"].get(number, 0) for one in self.redemptions.values() if not one["undone"])
        booked: int = self.lots[number]["points"]
        return booked - spent

    def open_lots(self, currency: str) -> Points:
        """The lots of a currency that hold anything."""
        ours = (number for number, lot in self.lots.items() if lot["currency"] == currency)
        return {number: self.left(number) for number in ours if self.left(number) != 0}

    def spendable(self, number: int, currency: str, on: date) -> bool:
        """Tell whether a lot can pay on a date: from the day it is available to the day before it expires."""
        lot = self.lots[number]
        last_day = lot["until"] - timedelta(days=1) if lot["until"] else date.max
        return lot["currency"] == currency and self.left(number) > 0 and lot["from"] <= on <= last_day

    def available(self, currency: str, on: date) -> int:
        """What can be spent on a date."""
        return sum(self.left(number) for number in self.lots if self.spendable(number, currency, on))

    def haste(self, number: int) -> tuple[bool, date, date, int]:
        """Sort lots into the order in which they are spent."""
        lot = self.lots[number]
        return lot["until"] is None, lot["until"] or date.max, lot["earned"], number

    def totals(self, currency: str) -> tuple[int, int, int]:
        """What was ever accrued, redeemed, and given back by reversals."""
        ours = [one for one in self.redemptions.values() if one["currency"] == currency]
        return (
            sum(lot["points"] for lot in self.lots.values() if lot["currency"] == currency),
            sum(sum(one["taken"].values()) for one in ours),
            sum(sum(one["taken"].values()) for one in ours if one["undone"]),
        )
