"""Typing rules of the operators of lists: each takes a list, a body and what else there is."""

from typing import Final

from msgspec.structs import replace

from rules.ir import BOOL, UNKNOWN, Kind, Node, Nodes
from rules.kinds import Mistyped, united

_CARRIED: Final = frozenset({"number", "bool", "str", "date", "null", "unknown"})


def item_of(node: Node) -> Kind:
    """
    Return the kind of a list's items; unknown if there are none.

    Raises:
        Mistyped: It is no list.
    """
    if node.kind.type not in {"list", "null", "unknown"}:
        raise Mistyped("type_mismatch", f"takes a list first, not a {node.kind.type}", node)
    return node.kind.item or UNKNOWN


def test(nodes: Nodes) -> Kind:
    """A list, and a body of any kind -> true or false."""
    item_of(nodes[0])
    return BOOL


def selection(nodes: Nodes) -> Kind:
    """A list, and a body of any kind -> a list of the same items."""
    return Kind("list", "none", item=item_of(nodes[0]), most=nodes[0].kind.most)


def projection(nodes: Nodes) -> Kind:
    """A list and a body -> a list of what the body yields."""
    item_of(nodes[0])
    return Kind("list", "none", item=nodes[1].kind, most=nodes[0].kind.most)


def reduction(nodes: Nodes) -> Kind:
    """A list, a body and an initial value of the same kind -> such a value, or null where it outgrew its bounds."""
    _, body, initial = nodes
    item_of(nodes[0])
    for node in (body, initial):
        if node.kind.type not in _CARRIED:
            raise Mistyped("type_mismatch", f"carries a single value from item to item, not a {node.kind.type}", node)
    return replace(united([initial.kind, body.kind]), nullable=True)


def merger(nodes: Nodes) -> Kind:
    """Lists and single values of one kind -> one list."""
    items = [(node.kind.item or UNKNOWN) if node.kind.type == "list" else node.kind for node in nodes]
    most = sum(node.kind.most if node.kind.type == "list" else 1 for node in nodes)
    return Kind("list", "none", item=united(items) if items else None, most=most)
