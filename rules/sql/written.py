"""From an expression of Ibis to the text of a statement, mended where Ibis and sqlglot would write something else."""

from typing import Any, Final

import sqlglot.expressions as sge
from ibis.backends.sql import compilers
from sqlglot import ErrorLevel

from rules.sql.dialects import Dialect

_RANDOM_NAMES: Final = "ibis_bq_arr_contains_"
_OPERATIONS: Final = (sge.Binary, sge.Unary, sge.In, sge.Between)


def written(expression: Any, dialect: Dialect) -> str:
    """Return the statement for an expression of Ibis; the same one always reads the same."""
    compiler = getattr(compilers, dialect).compiler
    tree = compiler.to_sqlglot(expression)
    for node in list(tree.walk()):
        if isinstance(node, _OPERATIONS) and not isinstance(node, sge.Paren | sge.Dot):
            _parenthesise(node)
        elif isinstance(node, sge.Identifier) and node.this.startswith(_RANDOM_NAMES):
            node.set("this", "item")
    return str(tree.sql(dialect=compiler.dialect, pretty=True, unsupported_level=ErrorLevel.RAISE))


def _parenthesise(node: Any) -> None:
    """
    Put parentheses around the operands of an operation that are operations themselves.

    The tree is right as it is, but it is written without the parentheses it needs: ``(a < b) IN (TRUE)`` comes out as
    ``a < b IN (TRUE)``, and ``(NOT a) = (b IS NOT DISTINCT FROM c)`` as something else still.
    """
    # What follows IS is NULL or NOT NULL.
    for name in ("this",) if isinstance(node, sge.Is) else ("this", "expression"):
        operand = node.args.get(name)
        if not isinstance(operand, _OPERATIONS) or isinstance(operand, sge.Paren | sge.Dot):
            continue
        if isinstance(node, sge.And | sge.Or) and (
            type(operand) is type(node) or not isinstance(operand, sge.Connector)
        ):
            continue  # Everything binds closer than these two, and of one kind they need none.
        node.set(name, sge.Paren(this=operand))
