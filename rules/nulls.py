"""
The trap of absent numbers: in JSONLogic null counts as 0, so ``days_ago < 30`` matches those who never bought.

A rule that would match customers for a number they do not have is refused when it is saved, unless the catalog or the
rule itself says what the absent number counts as.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from rules.generate import plain
from rules.ir import Body, Call, Const, Local, Node, Var, name_of, walk
from rules.literals import literal
from rules.problems import RuleProblem

_ORDERINGS: Final = frozenset({"<", "<=", ">", ">="})
_CALCULATING: Final = frozenset({"+", "-", "*", "/", "%", "min", "max", "round", "floor", "ceil"})
"""What keeps a variable's absence visible; anything else between it and the comparison settles it in its own way."""
_FAR: Final = (999_999_999, -999_999_999)


def null_traps(node: Node, *, negated: bool = False) -> Iterator[RuleProblem]:
    """Give a problem for each comparison that an absent number would pass, counting as 0."""
    if isinstance(node, Body):
        yield from null_traps(node.root, negated=negated)
    if not isinstance(node, Call):
        return
    if node.operator in _ORDERINGS and (read := _absent(node)) and _is_met(node, None) != negated:
        yield _problem(node, read, negated=negated)
    for index, inner in enumerate(node.arguments):
        yield from null_traps(inner, negated=negated != _turns(node, index))


def _absent(node: Call) -> Var | Local | None:
    """Return the one variable of a comparison that may be absent, if nothing but literals is there beside it."""
    read: list[Var | Local] = []
    for one in walk(node):
        if isinstance(one, Var | Local):
            read.append(one)
        elif isinstance(one, Call) and one is not node and one.operator not in _CALCULATING:
            return None
    is_alone = len({name_of(one) for one in read}) == 1
    may_be_absent = all(one.kind.nullable and one.kind.type == "number" for one in read)
    return read[0] if is_alone and may_be_absent else None


def _is_met(node: Call, counts_as: int | None) -> bool:
    """Tell whether a comparison holds if what it reads is absent, or counts as something instead."""
    return bool(plain(_settled(node, counts_as))({}))


def _settled(node: Node, counts_as: int | None) -> Node:
    """Put a value in the place of whatever is read."""
    match node:
        case Var() | Local():
            return literal(None if counts_as is None else Decimal(counts_as), node.pointer)
        case Call():
            return replace(node, arguments=tuple([_settled(one, counts_as) for one in node.arguments]))
        case _:
            return node


def _turns(node: Call, index: int) -> bool:
    """Tell whether a rule matches more where this argument holds less: behind a negation, in one way or another."""
    match node.operator:
        case "!" | "none":
            return True
        case "if" | "?:":
            values = [*node.arguments[1::2], node.arguments[-1]]
            return _is_condition(node, index) and _is_nothing(values[index // 2]) and not all(map(_is_nothing, values))
        case "==" | "===":
            return any(isinstance(one, Const) and one.value is False for one in node.arguments)
        case "!=" | "!==":
            return any(isinstance(one, Const) and one.value is True for one in node.arguments)
        case _:
            return False


def _is_condition(node: Call, index: int) -> bool:
    return index % 2 == 0 and index + 1 < len(node.arguments)


def _is_nothing(node: Node) -> bool:
    return isinstance(node, Const) and not node.value


def _problem(node: Call, read: Var | Local, *, negated: bool) -> RuleProblem:
    name = name_of(read)
    whose = "customers" if isinstance(read, Var) else "items"
    written = f'{{"var":[{json.dumps(name)},%s]}}'
    remedy = next((written % far for far in _FAR if _is_met(node, far) == negated), None)
    return RuleProblem(
        "null_unsafe",
        node.pointer,
        f"{whose} with no {name!r} would match, because what is absent counts as 0; say what it counts as, "
        f"with {written % 0} or a number that does not match",
        remedy,
    )
