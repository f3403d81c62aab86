"""Roll-forwards: what a month began with, what came and went, and what it ended with."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from ledger.bookkeeping.events import CohortFigures
from projections.books.cohorts import cohort_of, new_cohort

LEAVING: Final = frozenset({"redeemed", "expired", "clawed_back", "recovered", "service_rendered"})
"""Columns that lessen what there is; every other one adds to it."""


class Row(Struct, frozen=True):
    """One line of a roll-forward, in points or minor units."""

    name: str
    opening: int
    movements: dict[str, int]
    """By column; one that is `LEAVING` is subtracted."""

    @property
    def signed(self) -> dict[str, int]:
        """The movements with what leaves below zero."""
        return {column: -amount if column in LEAVING else amount for column, amount in self.movements.items()}

    @property
    def closing(self) -> int:
        """What is there at the end: opening and movements, nothing else."""
        return self.opening + sum(self.signed.values())


def total(name: str, rows: Iterable[Row]) -> Row:
    """Return the sum of rows, column by column."""
    opening, movements = 0, dict[str, int]()
    for row in rows:
        opening += row.opening
        for column, amount in row.movements.items():
            movements[column] = movements.get(column, 0) + amount
    return Row(name, opening, movements)


class CohortRoll(Struct, frozen=True):
    """A cohort over a month: its points, its value without service, and service to its partner."""

    points: Row
    value: Row
    service: Row


def roll(before: Iterable[CohortFigures], after: Iterable[CohortFigures]) -> list[CohortRoll]:
    """Return the roll-forward between two closings, a cohort a row, in the order of their keys."""
    opening = {one.cohort: one for one in before}
    return [_cohort(opening.get(one.cohort) or CohortFigures(one.cohort), one) for one in after]


def _cohort(before: CohortFigures, after: CohortFigures) -> CohortRoll:
    is_service = "service_issued", "service_rendered"
    value, service = _changes(before.values_minor, after.values_minor), {}
    for name in is_service:
        if name in value:
            service[name] = value.pop(name)
    points = _changes(before.points, after.points)
    old = cohort_of(before) if before.points else new_cohort(before.cohort)
    return CohortRoll(
        Row(after.cohort, old.open_points, points),
        Row(after.cohort, old.liability(0) + old.liability(1), value),
        Row(after.cohort, old.liability(2), service),
    )


def _changes(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    names = [name for name in (*before, *after) if after.get(name, 0) != before.get(name, 0)]
    return {name: after.get(name, 0) - before.get(name, 0) for name in sorted(set(names))}
