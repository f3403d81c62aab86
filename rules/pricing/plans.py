"""What pricing needs of a program version, found once instead of for every purchase."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from ledger.account.commands import Award
from ledger.account.events import OWN
from ledger.dates import time_zone
from ledger.program.decide import UnknownVersion
from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import BurnRule, EarnRule, PointCurrency, Terms
from ledger.program.timing import Availability, Expiry, available_from, awaited, expires_on
from rules.catalog import Catalog, Variable
from rules.evaluate import Evaluate, compile_rule
from rules.ir import Var, walk
from rules.parse import Rule, parse
from rules.pricing.catalogs import ProgramCatalogs, balance_variable, declared, line_variable, program_catalogs
from rules.pricing.facts import (
    ReadAccount,
    Reader,
    ReadLine,
    account_readers,
    line_reader,
    purchase_readers,
)
from rules.rounding import rounding_to_units
from rules.tiers.facts import tier_readers
from rules.tiers.plans import LadderPlan, ladder_plans

_REMEMBERED_DAYS: Final = 4096
PERIOD_LENGTH: Final = {"purchase": 0, "day": 10, "month": 7, "year": 4}
"""How much of a date, as ISO text, names the period."""


class Formula(Struct, frozen=True):
    """A rule, and the function that it was compiled to."""

    rule: Rule
    evaluate: Evaluate

    def reads(self) -> set[str]:
        """Return the variables that the rule reads."""
        return {node.variable.name for node in walk(self.rule.root) if isinstance(node, Var)}


class LotPolicy(Struct, frozen=True):
    """When points of a rule, or given by hand, become available and lapse; bound to their lot when they are earned."""

    availability: Availability | None
    expiry: Expiry | None
    idle_months: int
    activities: tuple[str, ...]
    converts: bool
    days: dict[date, tuple[date, date | None, str, date | None]]
    """Remembered answers of `dates`."""

    def dates(self, earned_on: date) -> tuple[date, date | None, str, date | None]:
        """
        Return the dates of points earned on a day.

        Returns:
            From when they can be spent, and from when no longer; the business event that they await, and from when they
            are lost without it.
        """
        found = self.days.get(earned_on)
        if found is None:
            if len(self.days) >= _REMEMBERED_DAYS:
                self.days.clear()
            found = (
                available_from(self.availability, earned_on),
                expires_on(self.expiry, earned_on),
                *awaited(self.availability, earned_on),
            )
            self.days[earned_on] = found
        return found

    def award(
        self,
        point_currency: str,
        points: int,
        earned_on: date,
        *,
        kind: str,
        rule: str = "",
        funding: str = OWN,
        cap_periods: tuple[str, ...] = (),
    ) -> Award:
        """Return points with everything that becomes of them by themselves."""
        available, expires, awaits, cancels = self.dates(earned_on)
        return Award(
            point_currency,
            points,
            available,
            expires,
            kind,
            rule,
            funding,
            cap_periods,
            None,
            awaits,
            cancels,
            self.idle_months,
            self.activities,
            self.converts,
        )


def lot_policy(point_currency: PointCurrency, rule: EarnRule | None = None) -> LotPolicy:
    """Return the policy of a point currency, or of a rule that gives it and has its own."""
    inactivity = point_currency.inactivity
    return LotPolicy(
        (rule and rule.availability) or point_currency.availability,
        (rule and rule.expiry) or point_currency.lapses,
        inactivity.months if inactivity else 0,
        inactivity.activities if inactivity else (),
        point_currency.conversion is not None,
        {},
    )


class EarnPlan(Struct, frozen=True):
    """One earn rule, ready to be applied."""

    terms: EarnRule
    points: Formula
    condition: Formula | None
    to_units: Callable[[Decimal | None], int]
    """Rounds to smallest units of the point currency."""
    point_currency: PointCurrency
    policy: LotPolicy
    is_bounded: bool
    """It has a first or last day."""
    periods: dict[date, tuple[tuple[str, ...], tuple[str, ...]]]
    """Remembered answers of `cap_periods`."""

    def cap_periods(self, on: date) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """
        Return the periods that a day falls in: one for each cap, empty for a cap per purchase; and those that count.

        Periods are called ``2026-11-22``, ``2026-11`` and ``2026``.
        """
        found = self.periods.get(on)
        if found is None:
            if len(self.periods) >= _REMEMBERED_DAYS:
                self.periods.clear()
            text = on.isoformat()
            each = tuple([text[: PERIOD_LENGTH[cap.period]] for cap in self.terms.caps])
            found = self.periods[on] = (each, tuple([period for period in each if period]))
        return found


class BurnPlan(Struct, frozen=True):
    """One burn rule, ready to be applied."""

    terms: BurnRule
    worth: Formula
    condition: Formula | None
    point_currency: PointCurrency


class Plan(Struct, frozen=True):
    """One version of a program, ready to price activity."""

    version: ProgramVersion
    zone: ZoneInfo
    base: tuple[EarnPlan, ...]
    bonus: tuple[EarnPlan, ...]
    bonus_by_currency: tuple[tuple[PointCurrency, tuple[EarnPlan, ...]], ...]
    has_groups: bool
    burn: tuple[BurnPlan, ...]
    ladders: tuple[LadderPlan, ...]
    readers: tuple[tuple[str, Reader], ...]
    """How the facts are got that any earn rule reads."""
    read_line: ReadLine
    """Reads a line for the rules that are evaluated for each."""
    account_readers: dict[str, ReadAccount]
    depends_on_order: bool
    """Whether what a purchase earns depends on what the member did before it."""
    reads_balances: bool
    """Whether it depends on how many points the member has."""
    attributes: Mapping[str, Variable]
    """What the version declares of purchases."""
    line_attributes: Mapping[str, Variable]
    """What it declares of lines."""


def numbered(program: Program, number: int) -> ProgramVersion:
    """
    Return a version by its number, also if it was withdrawn: whatever was booked under it stays explained by it.

    Raises:
        UnknownVersion: The program never published it.
    """
    version = program.numbered(number)
    if version is None:
        count = program.next_number - 1
        message = f"{program.program_id!r} has {count} published version(s), and no number {number}."
        raise UnknownVersion(message, pointer="/version")
    return version


_plans: dict[tuple[str, int, int], Plan] = {}
_REMEMBERED_PLANS: Final = 256


def plan_of(program: Program, version: ProgramVersion) -> Plan:
    """Return the plan of a program's version; made once for as long as it is used."""
    # A number alone may stand for other terms: in another ledger, or in a draft that is being tried out. The plan keeps
    # its terms alive, so that their address stays theirs.
    key = (program.program_id, version.version, id(version.terms))
    plan = _plans.get(key)
    if plan is None:
        if len(_plans) >= _REMEMBERED_PLANS:
            _plans.pop(next(iter(_plans)), None)
        plan = _plans[key] = _plan(program, version)
    return plan


def _plan(program: Program, version: ProgramVersion) -> Plan:
    terms, currency = version.terms, program.currency
    catalogs = program_catalogs(terms, currency)
    earning = [_earn_plan(terms, rule, catalogs) for rule in terms.earn_rules]
    bonus = [one for one in earning if one.terms.kind == "bonus"]
    attributes = declared(terms.attributes, "purchase", currency)
    line_attributes = declared(terms.attributes, "line", currency)
    ladders = ladder_plans(program, terms)
    read = _read_by(earning)
    of_account = {**account_readers(terms.point_currencies, currency), **tier_readers(ladders)}
    return Plan(
        version,
        time_zone(program.timezone),
        tuple([one for one in earning if one.terms.kind == "base"]),
        tuple(bonus),
        tuple(
            (currency, tuple([one for one in bonus if one.point_currency is currency]))
            for currency in terms.point_currencies
            if any(one.point_currency is currency for one in bonus)
        ),
        any(rule.group for rule in terms.earn_rules),
        tuple([_burn_plan(terms, rule, catalogs) for rule in terms.burn_rules]),
        ladders,
        purchase_readers(read, attributes, line_reader(line_attributes, currency), of_account),
        line_reader(line_attributes, currency, line_variable),
        of_account,
        _depends_on_order(terms, read, of_account),
        bool(read & {"points_balance", *(balance_variable(one.code) for one in terms.point_currencies)}),
        {one.name: one for one in attributes},
        {one.name: one for one in line_attributes},
    )


def _depends_on_order(terms: Terms, read: set[str], of_account: Iterable[str]) -> bool:
    return bool(terms.ladders or any(rule.caps for rule in terms.earn_rules) or read & {*of_account} - {"member_since"})


def _read_by(earning: Iterable[EarnPlan]) -> set[str]:
    formulas = [formula for one in earning for formula in (one.points, one.condition) if formula]
    return {name for formula in formulas for name in formula.reads()}


def _earn_plan(terms: Terms, rule: EarnRule, catalogs: ProgramCatalogs) -> EarnPlan:
    point_currency = terms.point_currency(rule.point_currency)
    known = catalogs.of(rule)
    return EarnPlan(
        rule,
        _formula(rule.rule, known),
        _formula(rule.condition, known.yielding("bool")) if rule.condition else None,
        _rounding(rule, point_currency.scale),
        point_currency,
        lot_policy(point_currency, rule),
        rule.valid_from is not None or rule.valid_until is not None,
        {},
    )


def _burn_plan(terms: Terms, rule: BurnRule, catalogs: ProgramCatalogs) -> BurnPlan:
    known = catalogs.burn
    condition = _formula(rule.condition, known.yielding("bool")) if rule.condition else None
    return BurnPlan(rule, _formula(rule.rule, known), condition, terms.point_currency(rule.point_currency))


def _formula(text: str, known: Catalog) -> Formula:
    rule = parse(text, known)
    return Formula(rule, compile_rule(rule))


def _rounding(rule: EarnRule, scale: int) -> Callable[[Any], int]:
    places = scale if rule.rounding_scale is None else min(rule.rounding_scale, scale)
    to_places = rounding_to_units(rule.rounding, places)
    if places == scale:
        return to_places
    unit = 10 ** (scale - places)
    return lambda value: to_places(value) * unit
