"""Rules as Python functions: plain ones, and ones that keep every value on the way."""

import ast
from collections.abc import Callable
from typing import Any, Final

from rules import syntax
from rules.ir import Node
from rules.operators import EMITTERS
from rules.writer import Facts, Module, TracingWriter, Writer

NOT_ASKED: Final = object()
"""Stands for the value of a node that was not asked for, because another had settled the matter."""


def plain(node: Node) -> Callable[[Facts], Any]:
    """Make a function that evaluates a node."""
    module = Module(EMITTERS)
    return module.made([], Writer(module).value(node))


def traced(node: Node) -> tuple[Callable[[Facts], tuple[Any, tuple[Any, ...]]], tuple[Node, ...]]:
    """
    Make a function that evaluates a node and keeps what the nodes inside yielded.

    Returns:
        The function, which returns the result and the values; and the nodes whose values they are.
    """
    module = Module(EMITTERS)
    writer = TracingWriter(module)
    result = writer.value(node)
    kept = [f"v{number}" for number in range(len(writer.nodes))]
    before: list[ast.stmt] = []
    if kept:
        before = [ast.Assign([ast.Name(one, ast.Store()) for one in kept], module.constant(NOT_ASKED))]
    values = ast.Tuple([*map(syntax.name, kept)], ast.Load())
    return module.made(before, ast.Tuple([result, values], ast.Load())), tuple(writer.nodes)
