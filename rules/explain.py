"""
How a rule came to its result: the values of every step, and a sentence to read out.

The traced form runs the same operators as the plain one on operands that write down what they yield, so that the two
cannot disagree. What was never asked for, because a condition was already settled, is told as skipped.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ledger.program.terms import RoundingMode
from rules.evaluate import operand
from rules.ir import NAMING, Call, Node, Var, inner_nodes, walk
from rules.operators import Facts, Operand
from rules.parse import Rule
from rules.rounding import round_to_units
from rules.wording import ROUNDED, Yielded, spelled, step_text, told, told_sum, value_of, was_asked, way


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
    """``null_used_as``, ``default_used`` or ``division_by_zero``."""
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


class Evaluated(NamedTuple):
    """A result, and what every node that was asked for yielded on the way."""

    result: Any
    yielded: Yielded


class _Run(dict[str, Any]):
    """Facts on their way through a rule, and what each node yielded, by pointer."""

    __slots__ = ("yielded",)
    yielded: dict[str, Any]


def compile_traced(rule: Rule) -> Callable[[Facts], Evaluated]:
    """
    Turn a rule into a function that evaluates it and keeps every value on the way.

    It costs a few times the plain form. Words are made of the values only when somebody asks.
    """
    evaluate = operand(rule.root, _writing).run

    def traced(facts: Facts) -> Evaluated:
        run = _Run(facts)
        run.yielded = {}
        return Evaluated(evaluate(run), run.yielded)

    return traced


def explain(rule: Rule, facts: Mapping[str, object]) -> Trace:
    """
    Evaluate a rule and tell how.

    Args:
        rule: Checked.
        facts: As `check_facts` returned them.
    """
    result, yielded = compile_traced(rule)(facts)
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
    result, yielded = compile_traced(rule)(facts)
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
    result, yielded = compile_traced(rule)(facts)
    return told(rule.root, yielded, met=bool(result))


def match_sentence(rule: Rule, facts: Mapping[str, object]) -> str:
    """Say in one sentence whether a customer matches, and which clause decided it."""
    result, yielded = compile_traced(rule)(facts)
    matches = bool(result)
    because = told(rule.root, yielded, met=matches)
    return f"{'Matches' if matches else 'Does not match'}: {because}."


def _writing(node: Node, made: Operand) -> Operand:
    """Make an operand write down what it yields, without the shortcuts that would pass it by."""
    run, pointer = made.run, node.pointer

    def write_down(facts: Any) -> Any:
        value = facts.yielded[pointer] = run(facts)
        return value

    return replace(made, run=write_down, name=None, applied=None, if_null=None)


def _step(node: Call, yielded: Yielded) -> Step:
    values = tuple(value_of(argument, yielded) for argument in node.arguments)
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
    if isinstance(node, Call) and node.operator in {"/", "%"} and yielded[node.pointer] is None:
        yield Note(node.pointer, "division_by_zero", "divided by zero, which yields nothing")
