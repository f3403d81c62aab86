"""What all accounts of a what-if come to together."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from rules.pricing.whatif import Compared, Outcome

STEPS: Final = (1, 10, 100, 1_000, 10_000, 100_000)
"""Where the classes of the distribution begin, in smallest units of the point currency."""


class CurrencyTotals(Struct):
    """One point currency."""

    awarded_base_points: int = 0
    awarded_bonus_points: int = 0
    hypothetical_base_points: int = 0
    hypothetical_bonus_points: int = 0
    repaired_points: int = 0
    """Given or taken by earlier repairs of the window."""
    lapsed_points: int = 0
    """Of the difference, what makes none today."""
    balance_points: int = 0
    """Of all accounts that were looked at."""
    change_points: int = 0
    """By how much their balances would be more."""
    winner_count: int = 0
    winner_points: int = 0
    loser_count: int = 0
    loser_points: int = 0
    """Below zero."""
    unchanged_count: int = 0
    distribution: dict[str, int] = {}
    """Accounts by class of their change: ``-100`` is from -999 to -100, ``0`` no change, ``10`` from 10 to 99."""
    uncovered_count: int = 0
    """Redemptions for which points would have been missing."""
    uncovered_points: int = 0

    @property
    def difference_points(self) -> int:
        """What purchases would have earned more."""
        awarded = self.awarded_base_points + self.awarded_bonus_points
        return self.hypothetical_base_points + self.hypothetical_bonus_points - awarded

    def take(self, one: Compared) -> None:
        """Take an account in."""
        self.awarded_base_points += one.awarded.base
        self.awarded_bonus_points += one.awarded.bonus
        self.hypothetical_base_points += one.hypothetical.base
        self.hypothetical_bonus_points += one.hypothetical.bonus
        self.repaired_points += one.repaired_points
        self.lapsed_points += one.lapsed_points
        self.balance_points += one.balance_points
        change = one.change_points
        self.change_points += change
        if change > 0:
            self.winner_count += 1
            self.winner_points += change
        elif change < 0:
            self.loser_count += 1
            self.loser_points += change
        else:
            self.unchanged_count += 1
        _add(self.distribution, {class_of(change): 1})


class Totals(Struct):
    """Everything that was counted so far."""

    account_count: int = 0
    """With a history."""
    different_count: int = 0
    purchase_count: int = 0
    """Gone through again, also before and after the window."""
    window_count: int = 0
    """Of them those in the window."""
    kept_count: int = 0
    """Of those the ones that the version would have refused; they keep what they were given."""
    currencies: dict[str, CurrencyTotals] = {}
    tiers: dict[str, int] = {}
    """Accounts whose tier would be another, by ladder and both tiers: ``status: silver -> gold``."""
    budgets: dict[str, int] = {}
    """Points by rule that would be drawn from budgets that are not enforced."""

    def take(self, outcome: Outcome) -> None:
        """Take an account in."""
        self.account_count += 1
        self.different_count += not outcome.is_same
        self.purchase_count += outcome.purchase_count
        self.window_count += outcome.window_count
        self.kept_count += outcome.kept_count
        for one in outcome.currencies:
            self.of(one.point_currency).take(one)
        for redemption in outcome.uncovered:
            of = self.of(redemption.point_currency)
            of.uncovered_count += 1
            of.uncovered_points += redemption.short_points
        for tier in outcome.tiers:
            if tier.tier != tier.hypothetical_tier:
                _add(self.tiers, {f"{tier.ladder}: {tier.tier or 'none'} -> {tier.hypothetical_tier or 'none'}": 1})
        _add(self.budgets, outcome.budgets)

    def add(self, more: "Totals") -> None:
        """Add what was counted elsewhere."""
        for name in ("account_count", "different_count", "purchase_count", "window_count", "kept_count"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        for code, one in more.currencies.items():
            of = self.of(code)
            for name in one.__struct_fields__:
                if name != "distribution":
                    setattr(of, name, getattr(of, name) + getattr(one, name))
            _add(of.distribution, one.distribution)
        _add(self.tiers, more.tiers)
        _add(self.budgets, more.budgets)

    def of(self, code: str) -> CurrencyTotals:
        """Return the totals of a point currency."""
        found = self.currencies.get(code)
        if found is None:
            found = self.currencies[code] = CurrencyTotals()
        return found


def class_of(change_points: int) -> str:
    """Return the class of the distribution that a change falls in."""
    reached = [step for step in STEPS if abs(change_points) >= step]
    if not reached:
        return "0"
    return str(reached[-1] if change_points > 0 else -reached[-1])


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count
