"""Tiers of a program, as data: what counts, how much of it each tier takes, for how long it is held."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.program.names import Code, Name, Points
from ledger.program.timing import Months


class Counter(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something of a purchase that counts toward tiers."""

    code: Code
    of: Literal["points", "spend", "purchases", "attribute"]
    point_currency: Code | None = None
    """For ``points``: which; absent: every qualifying currency."""
    kind: Literal["all", "base"] = "all"
    """For ``points``: only those of base rules, or all."""
    attribute: Name | None = None
    """For ``attribute``: a whole number that the purchase carries, such as nights."""


class Threshold(Struct, frozen=True, forbid_unknown_fields=True):
    """So much of a counter."""

    counter: Code
    at_least: Decimal
    """In major units: points of the currency's scale, money, pieces."""


Benefit = str | int | bool
"""A number is written as a whole one, or as text such as 1.5."""


class Tier(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A level, and what it takes. One that takes nothing is held by everybody."""

    code: Code
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    min_points: Annotated[int, Meta(ge=0, le=10**15)] | None = None
    """Short for: so many points, in major units, of the ladder's first counter of points."""
    any_of: Annotated[tuple[Threshold, ...], Meta(max_length=20)] = ()
    """One of these is enough."""
    all_of: Annotated[tuple[Threshold, ...], Meta(max_length=20)] = ()
    """All of these are needed, and one of ``any_of`` if there are any."""
    benefits: Annotated[dict[Name, Benefit], Meta(max_length=100)] = {}
    """What it brings; rules read numbers, texts and yes or no as benefit_… ."""
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] | None = None
    """The higher stands above; absent: the later in the list stands above."""


class CalendarYear(Struct, frozen=True, tag_field="type", tag="calendar_year", forbid_unknown_fields=True):
    """Counts from 1 January to 31 December."""


class Anniversary(Struct, frozen=True, tag_field="type", tag="anniversary", forbid_unknown_fields=True):
    """Counts in years of membership."""


class Rolling(Struct, frozen=True, tag_field="type", tag="rolling", forbid_unknown_fields=True):
    """Counts over the last months, up to and including today."""

    months: Months


class Lifetime(Struct, frozen=True, tag_field="type", tag="lifetime", forbid_unknown_fields=True):
    """Counts for ever."""


Window = CalendarYear | Anniversary | Rolling | Lifetime


class UntilDay(Struct, frozen=True, tag_field="type", tag="until_day", forbid_unknown_fields=True):
    """Held up to and including a day of a later year: 03-31 and 2 years is 31 March of the year after next."""

    day: Annotated[str, Meta(pattern=r"^(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?![\s\S])", examples=["03-31"])]
    years: Annotated[int, Meta(ge=0, le=100)]


class ForMonths(Struct, frozen=True, tag_field="type", tag="for_months", forbid_unknown_fields=True):
    """Held for so many months from the day it is reached."""

    months: Months


class ForEver(Struct, frozen=True, tag_field="type", tag="for_ever", forbid_unknown_fields=True):
    """Held for ever once it is reached."""


Validity = UntilDay | ForMonths | ForEver


class Rollover(Struct, frozen=True, forbid_unknown_fields=True):
    """What exceeds the tier that was reached counts in the next period, once."""

    counter: Code
    maximum: Points
    """In the counter's smallest unit."""


class Ladder(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Tiers that stand above each other."""

    code: Code
    tiers: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=50)]
    """Lowest first, unless their priorities say otherwise."""
    counters: Annotated[tuple[Counter, ...], Meta(max_length=20)] = (Counter("points", "points"),)
    window: Window = CalendarYear()
    validity: Validity = UntilDay("12-31", 1)
    """Counted from the day on which the tier is reached."""
    downgrade: Literal["to_earned", "one_step", "none"] = "to_earned"
    """Where a member falls when a tier ends: to what was qualified for meanwhile; one tier at a time, but not below
    that; or nowhere."""
    grace_days: Annotated[int, Meta(ge=0, le=3_660)] = 0
    """Days for which a tier is held beyond its end."""
    rollover: Rollover | None = None

    @property
    def ranked(self) -> tuple[Tier, ...]:
        """The tiers, lowest first."""
        places = {tier.code: place for place, tier in enumerate(self.tiers)}
        return tuple(
            sorted(self.tiers, key=lambda one: (one.priority if one.priority is not None else 0, places[one.code]))
        )
