"""Values in SQL: an Ibis expression, and whether it may be NULL. Everything the operators are put together from."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

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
_TYPES: Final[dict[ResultType, Any]] = {"bool": dt.boolean, "str": dt.string, "date": dt.date, "number": INT}

TRUE: Final[Expression] = ibis.literal(True)  # the value itself
FALSE: Final[Expression] = ibis.literal(False)


Form = Literal["whole", "column", "decimal", "wide"]
"""
How SQL holds a number: as an integer of 64 bits; as a decimal of a column's own type, whatever that is; as a decimal of
nine places; or, being a product, of eighteen.
"""


class Sql(NamedTuple):
    """A value in SQL."""

    expression: Expression
    is_nullable: bool = False
    form: Form = "decimal"
    """Of a number."""

    def or_else(self, value: Value) -> "Sql":
        """Return what is never NULL, because a literal counts instead."""
        if not self.is_nullable:
            return self
        one, other = self, literal(value)
        if isinstance(value, Decimal):
            one, other = of_one_type((one, other))
        return Sql(one.expression.coalesce(other.expression), form=one.form)


def literal(value: Value) -> Sql:
    """Return a literal other than null."""
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return Sql(ibis.literal(int(value), type=INT), form="whole")
        # Typed as every other number: by itself 0.5 would be a number of one digit, and nothing else would fit.
        return Sql(ibis.literal(value, type=DECIMAL))
    assert isinstance(value, bool | str | date)
    return Sql(ibis.literal(value))


def truth_value(value: Value) -> Expression:
    """Return TRUE or FALSE for what a literal is worth as a condition."""
    return TRUE if value else FALSE


def null(kind: ResultType) -> Sql:
    """Return NULL of a type."""
    return Sql(cast(ibis.null(), _TYPES[kind]), is_nullable=True, form="whole")


def cast(expression: Expression, to: Any) -> Expression:
    """
    Cast, whatever Ibis thinks the type is.

    ``expression.cast`` leaves out what it takes for needless, but a column that we call ``DECIMAL(38, 9)`` may be
    ``DECIMAL(12, 2)``, one that we call a ``BIGINT`` an ``INTEGER``, and the product of two decimals has 18 places.
    """
    return ops.Cast(expression, to=to).to_expr()


def as_form(number: Sql, form: Form) -> Sql:
    """Return a number as SQL is to hold it."""
    if number.form == form:
        return number
    return Sql(cast(number.expression, _FORMS[form]), number.is_nullable, form)


def of_one_type(numbers: Iterable[Sql]) -> list[Sql]:
    """Return numbers as one type, for what chooses between them: CASE, COALESCE, LEAST, GREATEST."""
    found = list(numbers)
    forms = {number.form for number in found}
    if forms == {"whole"}:
        return found
    return [as_form(number, "wide" if "wide" in forms else "decimal") for number in found]


def comparable(numbers: Iterable[Sql]) -> list[Sql]:
    """Return numbers such that any two can be compared or added up: whole ones become decimals beside decimals."""
    found = list(numbers)
    if all(number.form == "whole" for number in found):
        return found
    return [as_form(number, "decimal") if number.form == "whole" else number for number in found]


def form_of(numbers: Iterable[Sql]) -> Form:
    """Return the form of what comparable numbers are merged or added to."""
    forms = {number.form for number in numbers}
    return next(form for form in _WIDEST_FIRST if form in forms)


def total(condition: Expression, *compared: Sql) -> Expression:
    """Return a condition that is false, not NULL, where anything compared is."""
    return condition.coalesce(FALSE) if any(one.is_nullable for one in compared) else condition


_FORMS: Final[dict[Form, Any]] = {"whole": INT, "decimal": DECIMAL, "wide": WIDE}
_WIDEST_FIRST: Final[tuple[Form, ...]] = ("wide", "decimal", "column", "whole")
