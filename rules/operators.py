"""
The operators of a rule, each declared once: name, arity, typing rule, and how it is written in Python.

Typing happens when a rule is saved, so that what is written never meets a value it cannot handle.
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP
from typing import Final

import msgspec

from rules import ir
from rules.emit import arithmetic, comparison, logic, texts
from rules.emit.arithmetic import CONTEXT
from rules.ir import Kind, Nodes
from rules.writer import Emit


class Operator(msgspec.Struct, frozen=True):
    """What an operator takes, what it yields and how it runs."""

    name: str
    arity: range
    """The counts of arguments it accepts."""
    typing: Callable[[Nodes], Kind]
    """Kind of the result; raises `ir.Mistyped`."""
    emit: Emit
    for_ledger_only: bool = False
    """It has no form in SQL, so that rules over customers cannot use it."""


_ONE: Final = range(1, 2)
_TWO: Final = range(2, 3)
_TWO_OR_BETWEEN: Final = range(2, 4)
_NUMBERS: Final = range(1, 33)
_CONDITIONS: Final = range(1, 65)
_NAMES: Final = range(1, 51)
_ROUNDING: Final = range(1, 3)
_BRANCHES: Final = range(2, 42)
"""At most 20 conditions with their values, and an else."""

OPERATORS: Final = {
    operator.name: operator
    for operator in (
        Operator("and", _CONDITIONS, ir.alternatives, logic.conjunction),
        Operator("or", _CONDITIONS, ir.alternatives, logic.disjunction),
        Operator("!", _ONE, ir.truth, logic.negation),
        Operator("!!", _ONE, ir.truth, logic.truth),
        Operator("if", _BRANCHES, ir.branches, logic.branches),
        Operator("?:", _BRANCHES, ir.branches, logic.branches),
        Operator("==", _TWO, ir.equality, comparison.equality),
        Operator("===", _TWO, ir.equality, comparison.equality),
        Operator("!=", _TWO, ir.equality, comparison.inequality),
        Operator("!==", _TWO, ir.equality, comparison.inequality),
        Operator("<", _TWO_OR_BETWEEN, ir.ordering, comparison.less),
        Operator("<=", _TWO_OR_BETWEEN, ir.ordering, comparison.at_most),
        Operator(">", _TWO, ir.ordering, comparison.greater),
        Operator(">=", _TWO, ir.ordering, comparison.at_least),
        Operator("+", _NUMBERS, ir.total, arithmetic.folding(CONTEXT.add)),
        Operator("-", range(1, 3), ir.total, arithmetic.minus),
        Operator("*", _NUMBERS, ir.product, arithmetic.folding(CONTEXT.multiply)),
        Operator("/", _TWO, ir.quotient, arithmetic.division(CONTEXT.divide)),
        Operator("%", _TWO, ir.remainder, arithmetic.division(arithmetic.remainder)),
        Operator("min", _NUMBERS, ir.total, arithmetic.extreme(min)),
        Operator("max", _NUMBERS, ir.total, arithmetic.extreme(max)),
        Operator("in", _TWO, ir.membership, comparison.membership),
        Operator("startsWith", _TWO, ir.text_test, texts.text_test(str.startswith)),
        Operator("endsWith", _TWO, ir.text_test, texts.text_test(str.endswith)),
        Operator("cat", _NUMBERS, ir.texts, texts.joined),
        Operator("substr", _TWO_OR_BETWEEN, ir.part_of_text, texts.part),
        Operator("missing", _NAMES, ir.names, logic.missing),
        Operator("missing_some", _TWO, ir.names, logic.missing_some),
        Operator("round", _ROUNDING, ir.rounded, arithmetic.rounding(ROUND_HALF_UP), for_ledger_only=True),
        Operator("floor", _ROUNDING, ir.rounded, arithmetic.rounding(ROUND_FLOOR), for_ledger_only=True),
        Operator("ceil", _ROUNDING, ir.rounded, arithmetic.rounding(ROUND_CEILING), for_ledger_only=True),
    )
}

EMITTERS: Final = {operator.name: operator.emit for operator in OPERATORS.values()}
