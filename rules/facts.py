"""Facts as the outside spells them: JSON with numbers and dates, read by what the catalog says of each."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from rules.catalog import Catalog, Variable
from rules.evaluate import InvalidFacts, check_facts
from rules.parse import Rule
from rules.scopes import catalog


def read_facts(text: str, where: Rule | Catalog | str) -> dict[str, object]:
    """
    Read the facts of a rule from a JSON object.

    Numbers may be written as numbers or as text, digit by digit; dates as ISO text.

    Args:
        text: JSON, at most as long as its caller lets it be.
        where: The rule that will read them, or a scope or catalog; see `check_facts`.

    Returns:
        The facts as `check_facts` returns them.

    Raises:
        InvalidFacts: It is no JSON object, or a fact is unknown, missing or not of its type.
    """
    try:
        given = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant)
    except (ValueError, InvalidOperation, RecursionError) as error:
        raise InvalidFacts(f"The facts are not JSON: {error}.", pointer="") from None
    if not isinstance(given, Mapping):
        raise InvalidFacts("The facts are an object: names of variables and their values.", pointer="")
    variables = (where.catalog if isinstance(where, Rule) else catalog(where)).variables
    return check_facts({name: _typed(variables.get(name), value) for name, value in given.items()}, where)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _typed(variable: Variable | None, value: object) -> object:
    """Turn text into what the variable is; what cannot be turned is refused afterwards, as it is."""
    if variable is None:
        return value
    if isinstance(value, list) and variable.type == "list[object]":
        fields = {field.name: field for field in variable.fields}
        return [
            {name: _typed(fields.get(name), field) for name, field in item.items()} if isinstance(item, dict) else item
            for item in value
        ]
    if variable.type in {"decimal", "int"} and isinstance(value, str):
        with suppress(InvalidOperation):
            value = Decimal(value)
    if variable.type == "int" and isinstance(value, Decimal) and value.is_finite():
        whole = value.to_integral_value()
        return int(whole) if value == whole and whole.adjusted() < _MAX_DIGITS else value
    if variable.type == "date" and isinstance(value, str):
        with suppress(ValueError):
            return date.fromisoformat(value)
    return value


_MAX_DIGITS = 19
