"""What the author of a rule may not have meant: conditions that are always the same, and what is never reached."""

from collections.abc import Iterator
from typing import Final

import msgspec

from rules.generate import plain
from rules.ir import Body, Call, Local, Node, Nodes, Var, canonical, walk
from rules.problems import RuleProblem

_CHOICES: Final = frozenset({"if", "?:"})


def advice(node: Node) -> Iterator[RuleProblem]:
    """Give a warning for each place, outer ones first."""
    if isinstance(node, Body):
        yield from advice(node.root)
    if not isinstance(node, Call):
        return
    conditions = _conditions(node)
    constant = [one for one in conditions if _is_constant(one)]
    for one in constant:
        said = "true" if _is_met(one) else "false"
        yield RuleProblem("constant_condition", one.pointer, f"this condition is always {said}: it reads no variable")
    if node.operator in _CHOICES:
        yield from _unreachable(node.arguments, constant)
    for one in node.arguments:
        if one not in constant:
            yield from advice(one)


def _conditions(node: Call) -> Nodes:
    if node.operator in _CHOICES:
        return node.arguments[: len(node.arguments) // 2 * 2 : 2]
    if node.operator in {"and", "or"}:
        # The last one is often no condition but the value to fall back on: {"or":[{"var":"x"},5]}.
        last = node.arguments[-1:] if node.kind.type == "bool" else ()
        return (*node.arguments[:-1], *last)
    return ()


def _unreachable(arguments: Nodes, constant: list[Node]) -> Iterator[RuleProblem]:
    """Tell of a chain of conditions which values nobody gets, each place once."""
    asked: set[bytes] = set()
    for index in range(0, len(arguments) - 1, 2):
        condition, value = arguments[index : index + 2]
        spelling = msgspec.json.encode(canonical(condition))
        if spelling in asked:
            message = "this is never reached: the same condition was asked before"
            yield RuleProblem("unreachable_branch", value.pointer, message)
        asked.add(spelling)
        if condition in constant and not _is_met(condition):
            yield RuleProblem(
                "unreachable_branch", value.pointer, "this is never reached: its condition is always false"
            )
        if condition in constant and _is_met(condition):
            for one in arguments[index + 2 : index + 3]:
                message = "this and what follows is never reached: the condition before it is always true"
                yield RuleProblem("unreachable_branch", one.pointer, message)
            return


def _is_constant(node: Node) -> bool:
    return not any(isinstance(one, Var | Local) for one in walk(node))


def _is_met(node: Node) -> bool:
    return bool(plain(node)({}))
