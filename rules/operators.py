"""
The operators of a rule, each declared once in the table at the end: name, arity, typing rule, closure.

Typing happens when a rule is saved, so closures never meet a value they cannot handle. All arithmetic goes
through the methods of `CONTEXT`, never through ``a * b``: no thread's own decimal context can change a price.
"""

import operator
from collections.abc import Callable, Mapping
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from functools import partial, reduce
from typing import Any, Final

import msgspec

from rules import ir
from rules.ir import UNKNOWN, Kind, Nodes, Value

CONTEXT: Final = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
"""34 digits, ties to even: the arithmetic of every rule."""

_WIDE: Final = Context(prec=1_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation])
"""Room for the whole quotient behind a remainder; `CONTEXT` refuses one of more than 34 digits."""

_ZERO: Final = Decimal(0)

Facts = Mapping[str, object]
Closure = Callable[[Facts], Any]
Binary = Callable[[Any, Any], Any]


class Applied(msgspec.Struct, frozen=True):
    """A function of one variable and one literal, in that order: the commonest step of a rule."""

    function: Binary
    name: str
    literal: Value


class Operand(msgspec.Struct, frozen=True):
    """A compiled node, with what the closure around it may know to save calls."""

    run: Closure
    kind: Kind = UNKNOWN
    name: str | None = None
    """Set for a variable that can be read straight from the facts, and for one whose name is asked for."""
    literal: Value = None
    """Set for a literal other than null."""
    applied: Applied | None = None
    if_null: tuple[str, Value] | None = None
    """Set for a variable that may be absent: its name, and what counts then."""


Operands = tuple[Operand, ...]
Compile = Callable[[Operands], Operand]


class Operator(msgspec.Struct, frozen=True):
    """What an operator takes, what it yields and how it runs."""

    name: str
    arity: range
    """The counts of arguments it accepts."""
    typing: Callable[[Nodes], Kind]
    """Kind of the result; raises `ir.Mistyped`."""
    compile: Compile
    for_ledger_only: bool = False
    """It has no form in SQL, so that rules over customers cannot use it."""


def _binary(function: Binary, left: Operand, right: Operand) -> Operand:
    """Apply a function to two operands; the common shapes are spared a call per operand."""
    run_left, name, right_literal = left.run, left.name, right.literal
    run_right = right.run
    if name is not None and right_literal is not None:
        applied = Applied(function, name, right_literal)
        return Operand(lambda facts: function(facts[name], right_literal), applied=applied)
    if right_literal is not None and left.if_null is not None:
        return _binary_or_else(function, left.if_null, right_literal)
    if right_literal is not None:
        return Operand(lambda facts: function(run_left(facts), right_literal))
    return Operand(lambda facts: function(run_left(facts), run_right(facts)))


def _binary_or_else(function: Binary, variable: tuple[str, Value], literal: Value) -> Operand:
    """Apply a function to a variable that may be absent, and a literal."""
    name, if_null = variable

    def apply(facts: Facts) -> Any:
        value = facts.get(name)
        return function(if_null if value is None else value, literal)

    return Operand(apply)


def _zero_for_null(operand: Operand) -> Operand:
    if not operand.kind.nullable:
        return operand
    run = operand.run

    def number(facts: Facts) -> Any:
        value = run(facts)
        return _ZERO if value is None else value

    return Operand(number)


def _fold(function: Binary) -> Compile:
    """Calculate from left to right, null counting as zero."""

    def compile_fold(operands: Operands) -> Operand:
        return reduce(partial(_binary, function), map(_zero_for_null, operands))

    return compile_fold


def _minus(operands: Operands) -> Operand:
    if len(operands) == 1:
        run = _zero_for_null(operands[0]).run
        return Operand(lambda facts: CONTEXT.minus(run(facts)))
    return _fold(CONTEXT.subtract)(operands)


def _division(function: Binary) -> Compile:
    """Divide, null counting as zero and division by zero yielding null."""

    def unless_zero(dividend: Decimal, divisor: Decimal) -> Any:
        return function(dividend, divisor) if divisor else None

    def compile_division(operands: Operands) -> Operand:
        divisor_is_literal = operands[1].literal is not None
        return _fold(function if divisor_is_literal else unless_zero)(operands)

    return compile_division


def _remainder(dividend: Decimal, divisor: Decimal) -> Decimal:
    try:
        return CONTEXT.remainder(dividend, divisor)
    except InvalidOperation:
        return CONTEXT.plus(_WIDE.remainder(dividend, divisor))


def _equality(function: Binary) -> Compile:
    return lambda operands: _binary(function, *operands)


def _ordering(function: Binary) -> Compile:
    """Compare two, or put one between two. A null number counts as zero, a null date compares false."""

    def unless_null(left: Any, right: Any) -> bool:
        return left is not None and right is not None and function(left, right)

    def compile_ordering(operands: Operands) -> Operand:
        compare = function
        if any(operand.kind.type == "date" for operand in operands):
            compare = unless_null
        else:
            operands = tuple(map(_zero_for_null, operands))
        return _between(compare, *operands) if operands[2:] else _binary(compare, *operands)

    return compile_ordering


def _between(compare: Binary, low: Operand, middle: Operand, high: Operand) -> Operand:
    run_low, run_middle, run_high = low.run, middle.run, high.run

    def between(facts: Facts) -> Any:
        value = run_middle(facts)
        return compare(run_low(facts), value) and compare(value, run_high(facts))

    return Operand(between)


def _both(left: Closure, right: Closure) -> Closure:
    return lambda facts: left(facts) and right(facts)


def _either(left: Closure, right: Closure) -> Closure:
    return lambda facts: left(facts) or right(facts)


def _chain(join: Callable[[Closure, Closure], Closure]) -> Compile:
    return lambda operands: Operand(reduce(join, [operand.run for operand in operands]))


def _truth(function: Callable[[Any], bool]) -> Compile:
    def compile_truth(operands: Operands) -> Operand:
        run = operands[0].run
        return Operand(lambda facts: function(run(facts)))

    return compile_truth


def _if(operands: Operands) -> Operand:
    *pairs, otherwise = operands if len(operands) % 2 else (*operands, NULL)
    for condition, then in zip(pairs[-2::-2], pairs[-1::-2], strict=True):
        otherwise = Operand(_choice(condition, then, otherwise.run))
    return otherwise


def _choice(condition: Operand, then: Operand, otherwise: Closure) -> Closure:
    test, chosen = condition.applied, then.applied
    if test is not None and chosen is not None:
        return _threshold(test, chosen, otherwise)
    run_condition, run_then = condition.run, then.run
    return lambda facts: run_then(facts) if run_condition(facts) else otherwise(facts)


def _threshold(test: Applied, chosen: Applied, otherwise: Closure) -> Closure:
    """Compare, then calculate, in one call instead of three."""
    compare, tested, limit = test.function, test.name, test.literal
    apply, name, literal = chosen.function, chosen.name, chosen.literal
    return lambda facts: apply(facts[name], literal) if compare(facts[tested], limit) else otherwise(facts)


def _in(operands: Operands) -> Operand:
    """Look for a value in a list, or for a text in a text. Nothing is in an empty text, nor null in any."""
    needle, haystack = operands
    run_needle, run_haystack = needle.run, haystack.run
    if isinstance(haystack.literal, tuple):
        items = frozenset(haystack.literal)
        return Operand(lambda facts: run_needle(facts) in items)

    def contains(facts: Facts) -> bool:
        value, whole = run_needle(facts), run_haystack(facts)
        return value is not None and bool(whole) and value in whole

    return Operand(contains)


def _text_test(function: Callable[[str, str], bool]) -> Compile:
    def compile_test(operands: Operands) -> Operand:
        run_text, run_part = operands[0].run, operands[1].run
        literal = operands[1].literal
        if isinstance(literal, str):
            return Operand(lambda facts: (text := run_text(facts)) is not None and function(text, literal))

        def test(facts: Facts) -> bool:
            text, part = run_text(facts), run_part(facts)
            return text is not None and part is not None and function(text, part)

        return Operand(test)

    return compile_test


def _cat(operands: Operands) -> Operand:
    runs = [operand.run for operand in operands]
    return Operand(lambda facts: "".join([run(facts) or "" for run in runs]))


def _substr(operands: Operands) -> Operand:
    """
    Cut a text out of a text, in code points.

    A negative start counts from the end; a negative length leaves as many off the end. Source: jsonlogic.com.
    """
    run = operands[0].run
    start, *length = (int(operand.literal) for operand in operands[1:])  # type: ignore[arg-type]

    def cut(facts: Facts) -> Any:
        text = run(facts)
        if text is None:
            return None
        rest = text[start:] if start >= 0 else text[max(len(text) + start, 0) :]
        if not length:
            return rest
        return rest[: length[0]] if length[0] >= 0 else rest[: max(len(rest) + length[0], 0)]

    return Operand(cut)


def _missing(operands: Operands) -> Operand:
    """Name the variables that are absent, or an empty text."""
    asked = [(operand.name, operand.run) for operand in operands]
    return Operand(lambda facts: tuple([name for name, run in asked if run(facts) in _ABSENT]))


def _missing_some(operands: Operands) -> Operand:
    """Name the variables that are absent, unless as many as are needed are there."""
    needed, *rest = operands
    enough = int(needed.literal)  # type: ignore[arg-type]
    run_missing, count = _missing(tuple(rest)).run, len(rest)

    def missing(facts: Facts) -> Any:
        absent = run_missing(facts)
        return () if count - len(absent) >= enough else absent

    return Operand(missing)


def _rounding(mode: str) -> Compile:
    def compile_rounding(operands: Operands) -> Operand:
        run = _zero_for_null(operands[0]).run
        places = int(operands[1].literal) if operands[1:] else 0  # type: ignore[arg-type]
        unit = Decimal(1).scaleb(-places)
        # 34 digits and nine places more: whatever the rules can calculate stays whole.
        quantize = Context(prec=2 * CONTEXT.prec + 9, rounding=mode, traps=[InvalidOperation]).quantize
        return Operand(lambda facts: quantize(run(facts), unit))

    return compile_rounding


_ABSENT: Final = (None, "", ())

NULL: Final = Operand(lambda _: None, Kind("null", nullable=True))

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
        Operator("and", _CONDITIONS, ir.alternatives, _chain(_both)),
        Operator("or", _CONDITIONS, ir.alternatives, _chain(_either)),
        Operator("!", _ONE, ir.truth, _truth(operator.not_)),
        Operator("!!", _ONE, ir.truth, _truth(operator.truth)),
        Operator("if", _BRANCHES, ir.branches, _if),
        Operator("?:", _BRANCHES, ir.branches, _if),
        Operator("==", _TWO, ir.equality, _equality(operator.eq)),
        Operator("===", _TWO, ir.equality, _equality(operator.eq)),
        Operator("!=", _TWO, ir.equality, _equality(operator.ne)),
        Operator("!==", _TWO, ir.equality, _equality(operator.ne)),
        Operator("<", _TWO_OR_BETWEEN, ir.ordering, _ordering(operator.lt)),
        Operator("<=", _TWO_OR_BETWEEN, ir.ordering, _ordering(operator.le)),
        Operator(">", _TWO, ir.ordering, _ordering(operator.gt)),
        Operator(">=", _TWO, ir.ordering, _ordering(operator.ge)),
        Operator("+", _NUMBERS, ir.total, _fold(CONTEXT.add)),
        Operator("-", range(1, 3), ir.total, _minus),
        Operator("*", _NUMBERS, ir.product, _fold(CONTEXT.multiply)),
        Operator("/", _TWO, ir.quotient, _division(CONTEXT.divide)),
        Operator("%", _TWO, ir.remainder, _division(_remainder)),
        Operator("min", _NUMBERS, ir.total, _fold(min)),
        Operator("max", _NUMBERS, ir.total, _fold(max)),
        Operator("in", _TWO, ir.membership, _in),
        Operator("startsWith", _TWO, ir.text_test, _text_test(str.startswith)),
        Operator("endsWith", _TWO, ir.text_test, _text_test(str.endswith)),
        Operator("cat", _NUMBERS, ir.texts, _cat),
        Operator("substr", _TWO_OR_BETWEEN, ir.part_of_text, _substr),
        Operator("missing", _NAMES, ir.names, _missing),
        Operator("missing_some", _TWO, ir.names, _missing_some),
        Operator("round", _ROUNDING, ir.rounded, _rounding(ROUND_HALF_UP), for_ledger_only=True),
        Operator("floor", _ROUNDING, ir.rounded, _rounding(ROUND_FLOOR), for_ledger_only=True),
        Operator("ceil", _ROUNDING, ir.rounded, _rounding(ROUND_CEILING), for_ledger_only=True),
    )
}
