"""
How long a rule can take at most, known when it is saved because every list is bounded.

The call of an operator is a step, and one more for each argument after the second. An operator that goes through a list
takes a step for every item it may have, and each time those of its body: 500 lines and a body of 250 steps make
125,500, about the most that a single list can cost. A list inside a list multiplies: to ask of every line whether one
of its labels is "red" takes 500 times (1 + 1 + 500 times (1 + 1)), which is 501,000; with twice as much to ask it is
refused.
"""

from collections.abc import Iterator
from typing import Final

from rules.ir import Body, Call, Node
from rules.problems import RuleProblem

MAX_STEPS: Final = 1_000_000

_GOING_THROUGH: Final = frozenset({"in", "merge"})


def too_many_steps(root: Node) -> Iterator[RuleProblem]:
    """Give a problem if a rule could take longer than it may."""
    if (taken := steps(root)) > MAX_STEPS:
        message = f"lists inside lists could take {taken:,} steps, and a rule has at most {MAX_STEPS:,}"
        yield RuleProblem("too_many_steps", _costliest(root).pointer, message)


def steps(node: Node) -> int:
    """Return the steps that a node takes at most."""
    match node:
        case Body():
            return steps(node.root)
        case Call(operator, arguments):
            bodies = [one for one in arguments if isinstance(one, Body)]
            taken = max(1, len(arguments) - 1) + sum(steps(one) for one in arguments if not isinstance(one, Body))
            taken += sum(arguments[0].kind.most * (1 + steps(body)) for body in bodies)
            return taken + (sum(one.kind.most for one in arguments) if operator in _GOING_THROUGH else 0)
        case _:
            return 0


def _costliest(node: Node) -> Node:
    """Return the innermost node that takes too many steps by itself."""
    inner = node.arguments if isinstance(node, Call) else (node.root,) if isinstance(node, Body) else ()
    for one in inner:
        if steps(one) > MAX_STEPS:
            return _costliest(one)
    return node
