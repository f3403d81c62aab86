"""Truth, choices, and what is missing."""

import ast

from rules import syntax
from rules.ir import Call, Const, Local, Var
from rules.writer import FACTS, Facts, Writer

ABSENT = (None, "", ())


def conjunction(writer: Writer, call: Call) -> ast.expr:
    """Take the first value that is falsy, or the last."""
    return syntax.both(*map(writer.value, call.arguments))


def disjunction(writer: Writer, call: Call) -> ast.expr:
    """Take the first value that is truthy, or the last."""
    return syntax.either(*map(writer.value, call.arguments))


def negation(writer: Writer, call: Call) -> ast.expr:
    """Say whether a value is falsy."""
    return syntax.negated(writer.value(call.arguments[0]))


def truth(writer: Writer, call: Call) -> ast.expr:
    """Say whether a value is truthy."""
    return syntax.negated(negation(writer, call))


def branches(writer: Writer, call: Call) -> ast.expr:
    """Take the value behind the first condition that holds, or the last, or nothing."""
    values: list[ast.expr] = [writer.value(one) for one in call.arguments]
    if len(values) % 2 == 0:
        values.append(syntax.NONE)
    *pairs, chosen = values
    for condition, then in zip(pairs[-2::-2], pairs[-1::-2], strict=True):
        chosen = syntax.choice(condition, then, chosen)
    return chosen


def missing(writer: Writer, call: Call) -> ast.expr:
    """Name the variables that are absent, or an empty text."""
    source, named = FACTS, []
    for one in call.arguments:
        if isinstance(one, Var):
            named.append((one.variable.name, one.variable.name))
        elif isinstance(one, Local) and one.field:
            source = one.of
            named.append((one.name, one.field.name))
    return writer.call(_missing, syntax.name(source), writer.constant(tuple(named)))


def missing_some(writer: Writer, call: Call) -> ast.expr:
    """Name the variables that are absent, unless as many as are needed are there."""
    needed = call.arguments[0]
    assert isinstance(needed, Const)
    return writer.call(_unless_enough, missing(writer, call), writer.constant((len(call.arguments) - 1, needed.value)))


def _missing(facts: Facts, names: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple([said for said, name in names if facts.get(name) in ABSENT])


def _unless_enough(absent: tuple[str, ...], asked_and_needed: tuple[int, int]) -> tuple[str, ...]:
    asked, needed = asked_and_needed
    return () if asked - len(absent) >= needed else absent
