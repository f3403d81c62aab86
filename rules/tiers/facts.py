"""What rules read of a member's tiers: the tier itself, its benefits, and what counts in the period so far."""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ledger.account.state import Account
from ledger.program.ladders import Benefit, Counter, Ladder
from ledger.program.terms import Terms
from rules.catalog import Unit, Variable, VariableType
from rules.tiers.holding import tier_on
from rules.tiers.plans import LadderPlan
from rules.tiers.windows import counted

ReadAccount = Callable[[Account | None, date], Any]

_ZERO: Final = Decimal(0)
_UNITS: Final[dict[str, Unit]] = {"spend": "money", "points": "points"}


def tier_variables(terms: Terms) -> list[Variable]:
    """Return the variables about tiers; those of the first ladder are also called without its name."""
    found = []
    for place, ladder in enumerate(terms.ladders):
        for infix in _infixes(ladder, is_first=place == 0):
            found.append(_tier(ladder, infix))
            found += [_benefit(ladder, name, infix) for name in _benefits(ladder)]
            found += [_period(ladder, counter, infix) for counter in ladder.counters]
    return found


def tier_readers(plans: Iterable[LadderPlan]) -> dict[str, ReadAccount]:
    """Return how each of these variables is read."""
    readers: dict[str, ReadAccount] = {}
    for place, plan in enumerate(plans):
        for infix in _infixes(plan.ladder, is_first=place == 0):
            readers[f"tier{infix}"] = _read_tier(plan)
            for name in _benefits(plan.ladder):
                readers[f"benefit{infix}_{name}"] = _read_benefit(plan, name)
            for counter in plan.ladder.counters:
                readers[f"period{infix}_{counter.code}"] = _read_period(plan, counter)
    return readers


def _infixes(ladder: Ladder, *, is_first: bool) -> tuple[str, ...]:
    return ("", f"_{ladder.code}") if is_first else (f"_{ladder.code}",)


def _benefits(ladder: Ladder) -> dict[str, None]:
    """Return the names of all benefits, in their order."""
    return dict.fromkeys(name for tier in ladder.tiers for name in tier.benefits)


def _tier(ladder: Ladder, infix: str) -> Variable:
    return Variable(
        f"tier{infix}",
        "str",
        "none",
        nullable=True,
        description=f"The tier of ladder {ladder.code!r} that the member holds.",
        enum=tuple(tier.code for tier in ladder.tiers),
        source="account.tiers",
    )


def _benefit(ladder: Ladder, name: str, infix: str) -> Variable:
    kind = _kind([tier.benefits[name] for tier in ladder.tiers if name in tier.benefits])
    return Variable(
        f"benefit{infix}_{name}",
        kind,
        "none",
        nullable=True,
        description=f"What the member's tier of ladder {ladder.code!r} brings as {name!r}.",
        null_as=_ZERO if kind == "decimal" else None,
        source="program.ladders",
    )


def _period(ladder: Ladder, counter: Counter, infix: str) -> Variable:
    return Variable(
        f"period{infix}_{counter.code}",
        "decimal",
        _UNITS.get(counter.of, "count"),
        nullable=False,
        description=f"What the member has of {counter.code!r} in the window of ladder {ladder.code!r}, before this.",
        source="account.counters",
    )


def _kind(values: list[Benefit]) -> VariableType:
    if all(isinstance(value, bool) for value in values):
        return "bool"
    return "decimal" if all(_number(value) is not None for value in values) else "str"


def _number(value: Benefit) -> Decimal | None:
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _read_tier(plan: LadderPlan) -> ReadAccount:
    code = plan.ladder.code
    return lambda account, on: tier_on(plan, account.tiers.get(code) if account else None, on) or None


def _read_benefit(plan: LadderPlan, name: str) -> ReadAccount:
    kind = _kind([tier.benefits[name] for tier in plan.tiers if name in tier.benefits])
    values: dict[str | None, Any] = {}
    for tier in plan.tiers:
        value = tier.benefits.get(name)
        if value is not None:
            values[tier.code] = _number(value) if kind == "decimal" else value if kind == "bool" else str(value)
    read_tier = _read_tier(plan)
    return lambda account, on: values.get(read_tier(account, on))


def _read_period(plan: LadderPlan, counter: Counter) -> ReadAccount:
    code, scale = counter.code, plan.scales[counter.code]

    def read(account: Account | None, on: date) -> Decimal:
        return Decimal(counted(account, plan, code, on)).scaleb(-scale) if account else _ZERO

    return read
