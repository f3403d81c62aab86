"""Short names for the pieces of Python syntax that rules are made of: trees, never text."""

import ast
from typing import Final

NONE: Final = ast.Constant(None)


def name(identifier: str) -> ast.Name:
    """Read a name."""
    return ast.Name(identifier, ast.Load())


def call(function: ast.expr, *arguments: ast.expr) -> ast.Call:
    """Call a function."""
    return ast.Call(function, list(arguments), [])


def assigned(identifier: str, value: ast.expr) -> ast.NamedExpr:
    """Assign within an expression."""
    return ast.NamedExpr(ast.Name(identifier, ast.Store()), value)


def compare(left: ast.expr, operator: ast.cmpop, *others: ast.expr) -> ast.Compare:
    """Compare, one with the next; each is asked for once, and only as far as needed."""
    return ast.Compare(left, [operator] * len(others), list(others))


def is_none(value: ast.expr) -> ast.Compare:
    """Ask whether a value is absent."""
    return compare(value, ast.Is(), NONE)


def is_there(value: ast.expr) -> ast.Compare:
    """Ask whether a value is not absent."""
    return compare(value, ast.IsNot(), NONE)


def choice(test: ast.expr, then: ast.expr, otherwise: ast.expr) -> ast.IfExp:
    """Take one of two values."""
    return ast.IfExp(test, then, otherwise)


def both(*values: ast.expr) -> ast.expr:
    """Take the first value that is falsy, or the last."""
    return ast.BoolOp(ast.And(), list(values)) if len(values) > 1 else values[0]


def either(*values: ast.expr) -> ast.expr:
    """Take the first value that is truthy, or the last."""
    return ast.BoolOp(ast.Or(), list(values)) if len(values) > 1 else values[0]


def negated(value: ast.expr) -> ast.UnaryOp:
    """Take the opposite truth."""
    return ast.UnaryOp(ast.Not(), value)


def function(identifier: str, parameters: tuple[str, ...], before: list[ast.stmt], result: ast.expr) -> ast.FunctionDef:
    """Define a function that returns an expression, after some statements."""
    (made,) = ast.parse("def _(): return None").body  # so that each Python fills in the fields of its own version
    assert isinstance(made, ast.FunctionDef)
    made.name = identifier
    made.args.args = [ast.arg(parameter) for parameter in parameters]
    made.body = [*before, ast.Return(result)]
    return made
