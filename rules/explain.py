"""
How a rule came to its result: the values of every step, and a sentence to read out.

The traced form is generated from the same table as the plain one, each value with a name of its own, so that the two
cannot disagree. What was never asked for, because a condition was already settled, is told as skipped.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from ledger.program.terms import RoundingMode
from rules.generate import NOT_ASKED, traced
from rules.ir import NAMING, Body, Call, Node, Var, inner_nodes, walk
from rules.parse import Rule
from rules.rounding import round_to_units
from rules.wording import ROUNDED, Yielded, spelled, step_text, told, told_sum, value_of, was_asked, way
from rules.writer import Facts


class Step(msgspec.Struct, frozen=True):
    """One operator and what it made of its arguments."""

    at: str
    """JSON pointer into the rule."""
    operator: str
    arguments: tuple[Any, ...]
    """Values as they were; those that were not asked for are null."""
    result: Any
    text: str
    """For people, for example ``transaction_amount 249.90 > 100: yes``."""


class Note(msgspec.Struct, frozen=True):
    """Something that happened silently."""

    at: str
    code: str
    """``null_used_as``, ``default_used``, ``division_by_zero`` or ``outgrown``."""
    text: str


class Trace(msgspec.Struct, frozen=True):
    """Everything that happened when a rule was evaluated."""

    result: Any
    facts: dict[str, Any]
    """What the rule read."""
    steps: tuple[Step, ...]
    """In the order of the text, arguments before their operator."""
    skipped: tuple[str, ...]
    """JSON pointers of what was not asked for."""
    notes: tuple[Note, ...]


def compile_traced(rule: Rule) -> Callable[[Facts], tuple[Any, tuple[Any, ...]]]:
    """
    Turn a rule into a function that evaluates it and keeps every value on the way.

    It returns the result, and what each variable and operator yielded; words are made of them only when somebody asks.
    """
    return _traced(rule)[0]


@lru_cache(maxsize=256)
def _traced(rule: Rule) -> tuple[Callable[[Facts], tuple[Any, tuple[Any, ...]]], tuple[Node, ...]]:
    return traced(rule.root)


def _evaluated(rule: Rule, facts: Mapping[str, object]) -> tuple[Any, Yielded]:
    """Evaluate a rule, and return with the result what each node that was asked for yielded."""
    evaluate, nodes = _traced(rule)
    result, values = evaluate(facts)
    kept = zip(nodes, values, strict=True)
    return result, {node.pointer: value for node, value in kept if value is not NOT_ASKED}


def explain(rule: Rule, facts: Mapping[str, object]) -> Trace:
    """
    Evaluate a rule and tell how.

    Args:
        rule: Checked.
        facts: As `check_facts` returned them.
    """
    result, yielded = _evaluated(rule, facts)
    nodes = list(walk(rule.root))
    read = {node.variable.name: facts.get(node.variable.name) for node in nodes if isinstance(node, Var)}
    steps = [_step(node, yielded) for node in nodes if isinstance(node, Call) and node.pointer in yielded]
    notes = [note for node in nodes for note in _notes(node, yielded, facts)]
    return Trace(result, read, tuple(steps), tuple(_skipped(rule.root, yielded)), tuple(notes))


def award_sentence(rule: Rule, facts: Mapping[str, object], mode: RoundingMode, scale: int, name: str) -> str:
    """
    Say in one sentence what an earn rule gives and why, for a cashier to read out.

    Args:
        rule: Yields a number.
        facts: As `check_facts` returned them.
        mode: How the result is rounded.
        scale: Decimal places of the point currency.
        name: Of the point currency, as in "37 points".
    """
    result, yielded = _evaluated(rule, facts)
    points = Decimal(max(0, round_to_units(result, mode=mode, scale=scale))).scaleb(-scale)
    reasons, chosen = way(rule.root, yielded)
    because = " and ".join(reasons)
    if not points:
        return f"No {name}: {because or f'the rule yields {spelled(result)}'}."
    sums = told_sum(chosen, yielded)
    if result != points:
        sums += f", rounded {ROUNDED[mode]} to {spelled(points)}"
    return f"{spelled(points)} {name}: {because}, so {sums}." if because else f"{spelled(points)} {name}: {sums}."


def reason(rule: Rule, facts: Mapping[str, object]) -> str:
    """Say why a condition holds, or which clause of it does not."""
    result, yielded = _evaluated(rule, facts)
    return told(rule.root, yielded, met=bool(result))


def match_sentence(rule: Rule, facts: Mapping[str, object]) -> str:
    """Say in one sentence whether a customer matches, and which clause decided it."""
    result, yielded = _evaluated(rule, facts)
    matches = bool(result)
    because = told(rule.root, yielded, met=matches)
    return f"{'Matches' if matches else 'Does not match'}: {because}."


def _step(node: Call, yielded: Yielded) -> Step:
    values = tuple(value_of(argument, yielded) for argument in node.arguments if not isinstance(argument, Body))
    result = yielded[node.pointer]
    return Step(node.pointer, node.operator, values, result, step_text(node, yielded))


def _skipped(node: Node, yielded: Yielded) -> Iterator[str]:
    """Give the pointers of what was not asked for, without what is inside it."""
    if not isinstance(node, Call):
        return
    for argument in inner_nodes(node):
        if node.operator in NAMING:
            continue
        if not was_asked(argument, yielded):
            yield argument.pointer
        else:
            yield from _skipped(argument, yielded)


def _notes(node: Node, yielded: Yielded, facts: Mapping[str, object]) -> Iterator[Note]:
    if node.pointer not in yielded:
        return
    if isinstance(node, Var) and node.variable.nullable and facts.get(node.variable.name) is None:
        name = node.variable.name
        if node.default is not None:
            yield Note(node.pointer, "default_used", f"{name} is absent; the rule says {spelled(node.default)}")
        elif node.if_null is not None:
            yield Note(node.pointer, "null_used_as", f"{name} is absent and counts as {spelled(node.if_null)}")
    if isinstance(node, Call) and yielded[node.pointer] is None:
        if node.operator in {"/", "%"}:
            yield Note(node.pointer, "division_by_zero", "divided by zero, which yields nothing")
        elif node.operator == "reduce" and value_of(node.arguments[0], yielded) and not node.arguments[1].kind.nullable:
            yield Note(node.pointer, "outgrown", "grew beyond what is calculated with, which yields nothing")
