"""
The trap of absent numbers: in JSONLogic null counts as 0, so ``days_ago < 30`` matches those who never bought.

A rule that would match customers for a number they do not have is refused when it is saved, unless the catalog or the
rule itself says what the absent number counts as.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from operator import ge, gt, le, lt
from typing import Final

from rules.ir import Call, Const, Node, Var, inner_nodes
from rules.problems import RuleProblem

_ORDERINGS: Final[dict[str, Callable[[Decimal, Decimal], bool]]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_ZERO: Final = Decimal(0)


def null_traps(node: Node, *, negated: bool = False) -> Iterator[RuleProblem]:
    """Give a problem for each comparison that an absent number would pass, counting as 0."""
    if not isinstance(node, Call):
        return
    if node.operator in _ORDERINGS and (trapped := _trapped(node, negated)) is not None:
        name = trapped.variable.name
        yield RuleProblem(
            "null_unsafe",
            node.pointer,
            f"customers with no {name!r} would match, because what is absent counts as 0; say what it counts as, "
            f'with {{"var":["{name}",0]}} or a number that does not match',
            f'{{"var":["{name}",{_not_matching(node, negated)}]}}',
        )
    for inner in inner_nodes(node):
        yield from null_traps(inner, negated=negated != (node.operator == "!"))


def _trapped(node: Call, negated: bool) -> Var | None:
    """Return the variable whose absence would make the comparison true, if there is one."""
    nullable = [
        argument
        for argument in node.arguments
        if isinstance(argument, Var) and argument.kind.nullable and argument.kind.type == "number"
    ]
    rest = [argument for argument in node.arguments if argument not in nullable]
    if len(nullable) != 1 or not all(isinstance(one, Const) and isinstance(one.value, Decimal) for one in rest):
        return None
    values = [_ZERO if argument is nullable[0] else argument.value for argument in node.arguments]  # type: ignore[union-attr]
    compare = _ORDERINGS[node.operator]
    is_met = all(compare(left, right) for left, right in pairwise(values))  # type: ignore[arg-type]
    return nullable[0] if is_met != negated else None


def _not_matching(node: Call, negated: bool) -> int:
    """Return a number far on the other side of what the comparison asks for."""
    variable_is_left = isinstance(node.arguments[0], Var)
    wants_less = (node.operator in {"<", "<="}) == variable_is_left
    return 999_999_999 if wants_less != negated else -999_999_999
