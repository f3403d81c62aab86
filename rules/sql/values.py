"""Values in SQL: an Ibis expression, and whether it may be NULL. Everything the operators are put together from."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops

from rules.catalog import ResultType, VariableType
from rules.ir import Value
from rules.sql.bounds import PLACES, WIDE_PLACES

Expression = Any
"""A value of Ibis, which has no types of its own that mypy could follow."""

INT: Final = dt.int64
DECIMAL: Final = dt.Decimal(38, PLACES)
WIDE: Final = dt.Decimal(38, WIDE_PLACES)
FLOAT: Final = dt.float64

COLUMN_TYPES: Final[dict[VariableType, Any]] = {
    "decimal": DECIMAL,
    "int": INT,
    "bool": dt.boolean,
    "str": dt.string,
    "date": dt.date,
    "list[str]": dt.Array(dt.string),
}
_TYPES: Final[dict[ResultType, Any]] = {"bool": dt.boolean, "str": dt.string, "date": dt.date, "number": DECIMAL}

TRUE: Final[Expression] = ibis.literal(True)  # the value itself
FALSE: Final[Expression] = ibis.literal(False)


class Sql(NamedTuple):
    """A value in SQL."""

    expression: Expression
    is_nullable: bool = False
    is_whole: bool = False
    """Of a number: it is an integer of 64 bits."""
    is_wide: bool = False
    """Of a number: it may have more than nine places, being a product."""

    def or_else(self, value: Value) -> "Sql":
        """Return what is never NULL, because a literal counts instead."""
        if not self.is_nullable:
            return self
        value_or_other = [self, literal(value)]
        if isinstance(value, Decimal):
            value_or_other = comparable(value_or_other)
        one, other = value_or_other
        return Sql(one.expression.coalesce(other.expression), is_whole=one.is_whole, is_wide=one.is_wide)


def literal(value: Value) -> Sql:
    """Return a literal other than null."""
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return Sql(ibis.literal(int(value), type=INT), is_whole=True)
        # Typed as every other number: by itself 0.5 would be a number of one digit, and nothing else would fit.
        return Sql(ibis.literal(value, type=DECIMAL))
    assert isinstance(value, bool | str | date)
    return Sql(ibis.literal(value))


def truth_value(value: Value) -> Expression:
    """Return TRUE or FALSE for what a literal is worth as a condition."""
    return TRUE if value else FALSE


def null(kind: ResultType) -> Sql:
    """Return NULL of a type."""
    return Sql(ops.Cast(ibis.null(), to=_TYPES[kind]).to_expr(), is_nullable=True, is_whole=True)


def cast(expression: Expression, to: Any) -> Expression:
    """
    Cast, whatever Ibis thinks the type is.

    ``expression.cast`` leaves out what it takes for needless, but a column that we call ``DECIMAL(38, 9)`` may be
    ``DECIMAL(12, 2)``, one that we call a ``BIGINT`` an ``INTEGER``, and the product of two decimals has 18 places.
    """
    return ops.Cast(expression, to=to).to_expr()


def as_decimal(number: Sql, to: Any = DECIMAL) -> Sql:
    """Return a number as a decimal with as many places as said."""
    return Sql(cast(number.expression, to), number.is_nullable, is_whole=False, is_wide=to is WIDE)


def of_one_type(numbers: Iterable[Sql]) -> list[Sql]:
    """Return numbers as one type, for what chooses between them: CASE, LEAST, GREATEST."""
    found = list(numbers)
    if all(number.is_whole for number in found):
        return [Sql(cast(number.expression, INT), number.is_nullable, is_whole=True) for number in found]
    to = WIDE if any(number.is_wide for number in found) else DECIMAL
    return [as_decimal(number, to) for number in found]


def comparable(numbers: Iterable[Sql]) -> list[Sql]:
    """Return numbers such that any two can be compared or added up: whole ones become decimals beside decimals."""
    found = list(numbers)
    if all(number.is_whole for number in found):
        return found
    return [as_decimal(number) if number.is_whole else number for number in found]


def total(condition: Expression, *compared: Sql) -> Expression:
    """Return a condition that is false, not NULL, where anything compared is."""
    return condition.coalesce(FALSE) if any(one.is_nullable for one in compared) else condition
