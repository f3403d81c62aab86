"""
From the typed form of a rule to one Python function.

No text of a rule ever becomes source. Functions are built as syntax trees; every identifier in them is made here
(``facts``, ``item``, ``t3``, ``c7``); literals are bound to such names in a namespace that holds nothing else, no
builtins either; what stands in the tree as a constant is None, true, false and, as keys of the facts, names of the
catalog.
"""

import ast
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import count
from typing import Any, Final

from rules import syntax
from rules.catalog import Variable
from rules.ir import Body, Call, Const, Items, Local, Node, Value, Var

Facts = Mapping[str, object]
Emit = Callable[["Writer", Call], ast.expr]
"""Writes the call of an operator: asks the writer for its arguments, each once, and puts them together."""

RULE: Final = "rule"
FACTS: Final = "facts"
ZERO: Final = Decimal(0)


class Module:
    """What the functions of one rule share: the names of constants, and of each other."""

    def __init__(self, emitters: Mapping[str, Emit]) -> None:
        self.emitters = emitters
        self.namespace: dict[str, Any] = {"__builtins__": {}}
        self._names: dict[int, str] = {}
        self._bodies: list[ast.FunctionDef] = []

    def constant(self, value: object) -> ast.expr:
        """Return an expression for a value that is known beforehand."""
        if value is None or isinstance(value, bool):
            return ast.Constant(value)
        # By identity: 1 and 1.00 are equal, and yet told apart by those who read the result.
        identifier = self._names.setdefault(id(value), f"c{len(self._names)}")
        self.namespace[identifier] = value
        return syntax.name(identifier)

    def body(self, node: Body) -> ast.expr:
        """Define what is done to each item, and return its name."""
        result = Writer(self).value(node.root)
        identifier = f"body{len(self._bodies)}"
        self._bodies.append(syntax.function(identifier, node.parameters, [], result))
        return syntax.name(identifier)

    def made(self, before: list[ast.stmt], result: ast.expr) -> Callable[..., Any]:
        """Compile the function of the facts that does something and returns something."""
        rule = syntax.function(RULE, (FACTS,), before, result)
        tree = ast.fix_missing_locations(ast.Module([*self._bodies, rule], []))
        exec(compile(tree, "<rule>", "exec"), self.namespace)  # noqa: S102 (the tree holds no text of the rule)
        made: Callable[..., Any] = self.namespace[RULE]
        return made


class Writer:
    """Writes the expressions of one function."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.constant = module.constant
        self._numbers = count()

    def value(self, node: Node) -> ast.expr:
        """Write a node."""
        match node:
            case Const(value=known) | Items(values=known):
                return self.constant(known)
            case Var(variable):
                return self._read(FACTS, variable, node.if_null)
            case Local(of=of, field=field):
                return self._read(of, field, node.if_null) if field else self._whole(node)
            case Body():
                return self.module.body(node)
            case Call(operator):
                return self.module.emitters[operator](self, node)

    def number(self, node: Node) -> ast.expr:
        """Write a node where an absent number counts as 0."""
        return self.value_or(node, ZERO)

    def value_or(self, node: Node, absent: object) -> ast.expr:
        """Write a node, and what counts where it is absent."""
        if isinstance(node, Const) and node.value is None:
            return self.constant(absent)
        return self._or_else(self.value(node), absent) if node.kind.nullable else self.value(node)

    def call(self, function: Callable[..., Any], *arguments: ast.expr) -> ast.Call:
        """Write the call of a function that is no part of the rule."""
        return syntax.call(self.constant(function), *arguments)

    def kept(self, value: ast.expr) -> tuple[ast.NamedExpr, ast.Name]:
        """Write a value that is needed twice: the first time, and every further time."""
        identifier = f"t{next(self._numbers)}"
        return syntax.assigned(identifier, value), syntax.name(identifier)

    def _read(self, source: str, variable: Variable, if_null: Value) -> ast.expr:
        key = ast.Constant(variable.name)
        if not variable.nullable:
            return ast.Subscript(syntax.name(source), key, ast.Load())
        found = syntax.call(ast.Attribute(syntax.name(source), "get", ast.Load()), key)
        return found if if_null is None else self._or_else(found, if_null)

    def _whole(self, node: Local) -> ast.expr:
        whole = syntax.name(node.of)
        return whole if node.default is None else self._or_else(whole, node.default)

    def _or_else(self, value: ast.expr, absent: object) -> ast.expr:
        first, again = self.kept(value)
        return syntax.choice(syntax.is_none(first), self.constant(absent), again)


class TracingWriter(Writer):
    """Writes the same expressions, each variable and call of which keeps what it yields."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.nodes: list[Node] = []
        """Those that keep what they yield, in the order of their names."""

    def value(self, node: Node) -> ast.expr:
        """Write a node."""
        written = super().value(node)
        if isinstance(node, Const | Items | Body):
            return written
        self.nodes.append(node)
        return syntax.assigned(f"v{len(self.nodes) - 1}", written)
