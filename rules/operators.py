"""
The operators of a rule, each declared once: name, arity, typing rule, and how it is written in Python.

Typing happens when a rule is saved, so that what is written never meets a value it cannot handle.
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP
from typing import Final

import msgspec

from rules import kinds, list_kinds
from rules.emit import arithmetic, comparison, lists, logic, texts
from rules.emit.arithmetic import CONTEXT
from rules.ir import Kind, Nodes
from rules.writer import Emit


class Operator(msgspec.Struct, frozen=True):
    """What an operator takes, what it yields and how it runs."""

    name: str
    arity: range
    """The counts of arguments it accepts."""
    typing: Callable[[Nodes], Kind]
    """Kind of the result; raises `kinds.Mistyped`."""
    emit: Emit
    written_lists: range = range(0)
    """The arguments that may be a list written in the rule."""
    parameters: tuple[str, ...] = ()
    """Of an operator whose second argument is done to each item of the first: what that sees."""
    for_ledger_only: bool = False
    """It has no form in SQL, so that rules over customers cannot use it."""


_ONE: Final = range(1, 2)
_TWO: Final = range(2, 3)
_TWO_OR_BETWEEN: Final = range(2, 4)
_NUMBERS: Final = range(1, 33)
_CONDITIONS: Final = range(1, 65)
_NAMES: Final = range(1, 51)
_THREE: Final = range(3, 4)
_ROUNDING: Final = range(1, 3)
_BRANCHES: Final = range(2, 42)
"""At most 20 conditions with their values, and an else."""


def _for_each(
    name: str,
    typing: Callable[[Nodes], Kind],
    emit: Emit,
    arity: range = _TWO,
    parameters: tuple[str, ...] = ("item",),
) -> Operator:
    return Operator(name, arity, typing, emit, written_lists=range(1), parameters=parameters, for_ledger_only=True)


OPERATORS: Final = {
    operator.name: operator
    for operator in (
        Operator("and", _CONDITIONS, kinds.alternatives, logic.conjunction),
        Operator("or", _CONDITIONS, kinds.alternatives, logic.disjunction),
        Operator("!", _ONE, kinds.truth, logic.negation),
        Operator("!!", _ONE, kinds.truth, logic.truth),
        Operator("if", _BRANCHES, kinds.branches, logic.branches),
        Operator("?:", _BRANCHES, kinds.branches, logic.branches),
        Operator("==", _TWO, kinds.equality, comparison.equality),
        Operator("===", _TWO, kinds.equality, comparison.equality),
        Operator("!=", _TWO, kinds.equality, comparison.inequality),
        Operator("!==", _TWO, kinds.equality, comparison.inequality),
        Operator("<", _TWO_OR_BETWEEN, kinds.ordering, comparison.less),
        Operator("<=", _TWO_OR_BETWEEN, kinds.ordering, comparison.at_most),
        Operator(">", _TWO, kinds.ordering, comparison.greater),
        Operator(">=", _TWO, kinds.ordering, comparison.at_least),
        Operator("+", _NUMBERS, kinds.total, arithmetic.folding(CONTEXT.add)),
        Operator("-", range(1, 3), kinds.total, arithmetic.minus),
        Operator("*", _NUMBERS, kinds.product, arithmetic.folding(CONTEXT.multiply)),
        Operator("/", _TWO, kinds.quotient, arithmetic.division(CONTEXT.divide)),
        Operator("%", _TWO, kinds.remainder, arithmetic.division(arithmetic.remainder)),
        Operator("min", _NUMBERS, kinds.total, arithmetic.extreme(min)),
        Operator("max", _NUMBERS, kinds.total, arithmetic.extreme(max)),
        Operator("in", _TWO, kinds.membership, comparison.membership, written_lists=range(1, 2)),
        Operator("startsWith", _TWO, kinds.text_test, texts.text_test(str.startswith)),
        Operator("endsWith", _TWO, kinds.text_test, texts.text_test(str.endswith)),
        Operator("cat", _NUMBERS, kinds.texts, texts.joined),
        Operator("substr", _TWO_OR_BETWEEN, kinds.part_of_text, texts.part),
        Operator("missing", _NAMES, kinds.names, logic.missing),
        Operator("missing_some", _TWO, kinds.names, logic.missing_some),
        Operator("round", _ROUNDING, kinds.rounded, arithmetic.rounding(ROUND_HALF_UP), for_ledger_only=True),
        Operator("floor", _ROUNDING, kinds.rounded, arithmetic.rounding(ROUND_FLOOR), for_ledger_only=True),
        Operator("ceil", _ROUNDING, kinds.rounded, arithmetic.rounding(ROUND_CEILING), for_ledger_only=True),
        _for_each("some", list_kinds.test, lists.some),
        _for_each("all", list_kinds.test, lists.every),
        _for_each("none", list_kinds.test, lists.none),
        _for_each("filter", list_kinds.selection, lists.selection),
        _for_each("map", list_kinds.projection, lists.projection),
        _for_each("reduce", list_kinds.reduction, lists.reduction, _THREE, ("item", "accumulator")),
        Operator("merge", range(33), list_kinds.merger, lists.merger, written_lists=range(32), for_ledger_only=True),
    )
}

EMITTERS: Final = {operator.name: operator.emit for operator in OPERATORS.values()}
