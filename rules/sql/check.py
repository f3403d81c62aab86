"""
What a rule may not say because it has no exact form in SQL; found when the rule is saved, without any SQL.

Each refusal names its place. What is let through is total: every condition is true or false for every row.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from rules.ir import Body, Call, Const, Items, Local, Node, Value, Var, walk
from rules.parse import Rule
from rules.problems import InvalidRule, RuleProblem
from rules.sql.bounds import MAX_MAGNITUDE, divisor_of, is_whole, magnitude, values_of
from rules.sql.dialects import TRAITS, Dialect
from rules.sql.tables import Table

IN_SQL: Final = frozenset(
    "and or ! !! if ?: == != === !== < <= > >= + - * / % min max in startsWith endsWith cat substr"
    " missing missing_some".split()
)
"""The operators with a form in SQL."""

_EQUALITIES: Final = frozenset({"==", "===", "!=", "!=="})
_MAX_COPIES: Final = 20_000
"""Nodes in SQL, where some arguments have to be written several times."""


def check_sql(rule: Rule, dialect: Dialect, table: Table | None = None) -> tuple[RuleProblem, ...]:
    """
    Return what keeps a rule from being written in SQL; nothing if it can be.

    Args:
        rule: Checked against its catalog.
        dialect: Of the warehouse.
        table: Whose columns the variables have to be; None if that is not asked yet.
    """
    asks_truth = rule.root.kind.type == "bool"
    problems = list(_Checker(dialect, table).problems(rule.root, asks_truth=asks_truth))
    if not problems and _copies(rule.root, asks_truth=asks_truth) > _MAX_COPIES:
        problems = [_problem(rule.root, "texts cut or compared inside one another make the SQL too long")]
    return tuple(problems)


def require_sql(rule: Rule, dialect: Dialect, table: Table | None = None) -> None:
    """
    Refuse a rule that cannot be written in SQL.

    Raises:
        InvalidRule: With a problem ``not_in_sql`` for each reason.
    """
    if problems := check_sql(rule, dialect, table):
        raise InvalidRule(problems)


class _Checker:
    def __init__(self, dialect: Dialect, table: Table | None) -> None:
        self.dialect = dialect
        self.traits = TRAITS[dialect]
        self.table = table

    def problems(self, node: Node, *, asks_truth: bool) -> Iterator[RuleProblem]:
        """
        Give the problems of a node and of everything in it.

        Args:
            node: Of the rule.
            asks_truth: Whether only its truth is asked for; SQL can tell it of a list without having the list.
        """
        match node:
            case Const(value=value):
                yield from self.literal(node, value)
            case Items(values=values):
                for value in values:
                    yield from self.literal(node, value)
            case Var():
                yield from self.variable(node, asks_truth=asks_truth)
            case Call() if node.operator not in IN_SQL:
                yield _problem(node, f"{node.operator!r} has no form in SQL")
            case Call():
                yield from self.call(node, asks_truth=asks_truth)
            case Local() | Body():
                # They stand inside operators of lists, which were refused as a whole.
                return

    def literal(self, node: Node, value: Value) -> Iterator[RuleProblem]:
        traits, (first, last) = self.traits, self.traits.dates
        if isinstance(value, date) and not first <= value <= last:
            yield _problem(node, f"{self.dialect} has dates from {first} to {last}")
        if isinstance(value, Decimal) and value != value.to_integral_value():
            digits = len(value.normalize().as_tuple().digits)
            if digits > traits.max_digits:
                yield _problem(node, f"{self.dialect} keeps {traits.max_digits} digits of a number with a fraction")

    def variable(self, node: Var, *, asks_truth: bool) -> Iterator[RuleProblem]:
        variable = node.variable
        if variable.type == "list[object]":
            yield _problem(node, f"{variable.name!r} is no column")
        elif variable.type == "list[str]" and not asks_truth:
            yield _problem(node, "a list can be looked into with 'in', and asked whether it has anything")
        elif self.table is not None and self.table.column(variable) is None:
            yield _problem(node, f"{variable.name!r} is {variable.source}, no column of {self.table.source}")
        if isinstance(node.if_null, Decimal):
            yield from self.literal(node, node.if_null)

    def call(self, node: Call, *, asks_truth: bool) -> Iterator[RuleProblem]:
        yield from self.own(node, asks_truth=asks_truth)
        truths = _asked_for_truth(node, asks_truth=asks_truth)
        for argument, is_truth in zip(node.arguments, truths, strict=True):
            yield from self.problems(argument, asks_truth=is_truth)

    def own(self, node: Call, *, asks_truth: bool) -> Iterator[RuleProblem]:
        """Give the problems of a call itself."""
        match node.operator:
            case "missing" | "missing_some" if not asks_truth:
                yield _problem(node, "in SQL it can only be asked whether any are missing, with '!' or '!!'")
            case "/" | "%" if not divisor_of(node.arguments):
                yield _problem(node, "in SQL the divisor is a number written in the rule, and not 0")
            case "%" if not is_whole(node):
                yield _problem(node, "in SQL '%' takes whole numbers only")
            case "substr" if not self.traits.has_code_points:
                yield _problem(node, f"{self.dialect} would count bytes instead of characters")
        # Told once, where it first becomes too much: what is made of it is as big.
        is_too_big = node.kind.type == "number" and magnitude(node) >= MAX_MAGNITUDE
        if is_too_big and all(magnitude(value) < MAX_MAGNITUDE for value in values_of(node)):
            yield _problem(node, "the result may need more than the 38 digits there are in SQL; multiply less")


def _asked_for_truth(node: Call, *, asks_truth: bool) -> list[bool]:
    """Tell of each argument whether only its truth is asked for, or else it can be a list."""
    count = len(node.arguments)
    match node.operator:
        case "!" | "!!" | "missing" | "missing_some":
            return [True] * count
        case "and" | "or":
            return [asks_truth] * count
        case "if" | "?:":
            conditions = count // 2 * 2
            return [asks_truth if index % 2 or index >= conditions else True for index in range(count)]
        case "in":
            return [False, isinstance(node.arguments[1], Var)]
        case _:
            return [False] * count


def _copies(node: Node, *, asks_truth: bool) -> int:
    """Return how many nodes there are once those that SQL needs several times have been written out."""
    if not isinstance(node, Call):
        return 1
    truths = _asked_for_truth(node, asks_truth=asks_truth)
    counts = [_copies(one, asks_truth=is_truth) for one, is_truth in zip(node.arguments, truths, strict=True)]
    match node.operator:
        case "substr":
            from_the_end, but_the_end = [*map(_is_negative, node.arguments[1:]), False][:2]
            return counts[0] * (4 if from_the_end else 1) * (2 if but_the_end else 1)
        case "<" | "<=" if len(counts) > 2:  # noqa: PLR2004  # the middle one is compared twice
            return sum(counts) + counts[1]
        case "and" | "or" if not asks_truth:
            return 2 * sum(counts)
        case _:
            return 1 + sum(counts)


def _is_negative(node: Node) -> bool:
    return isinstance(node, Const) and isinstance(node.value, Decimal) and node.value < 0


def reads(rule: Rule) -> dict[str, Var]:
    """Return the variables that a rule reads, by name."""
    return {node.variable.name: node for node in walk(rule.root) if isinstance(node, Var)}


def _problem(node: Node, message: str) -> RuleProblem:
    return RuleProblem("not_in_sql", node.pointer, message)
