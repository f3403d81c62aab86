"""The attributes of activity: whether they are what the program declares."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from ledger.account.events import Attributes
from ledger.errors import LedgerError
from rules.catalog import Variable

MAX_TEXT = 256
MAX_ITEMS = 500
_MAX_DIGITS = 18


class InvalidAttributes(LedgerError):
    """The activity carries something that the program does not declare, or not as it declares it."""

    slug = "invalid-attributes"


def check_attributes(attributes: Attributes, declared: Mapping[str, Variable], pointer: str) -> None:
    """
    Refuse attributes that the program's rules could not read.

    Args:
        attributes: As reported.
        declared: What the program version declares, by name.
        pointer: Where the attributes stand in the activity.

    Raises:
        InvalidAttributes: One is unknown, missing though required, or of another type.
    """
    for name in attributes:
        if name not in declared:
            message = f"The program declares no attribute {name!r}; it has {_told(declared)}."
            raise InvalidAttributes(message, pointer=f"{pointer}/{name}")
    for name, variable in declared.items():
        value = attributes.get(name)
        if value is None:
            if not variable.nullable:
                raise InvalidAttributes(f"The attribute {name!r} is required.", pointer=f"{pointer}/{name}")
        elif (wrong := _wrong(variable, value)) is not None:
            raise InvalidAttributes(f"{name!r} takes {wrong}.", pointer=f"{pointer}/{name}")


def _told(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _wrong(variable: Variable, value: Any) -> str | None:
    """Say what a variable takes if that is not this value."""
    match variable.type:
        case "decimal":
            is_right = _is_number(value)
        case "int":
            is_right = _is_number(value) and Decimal(value) == Decimal(value).to_integral_value()
        case "bool":
            is_right = isinstance(value, bool)
        case "date":
            is_right = _is_date(value)
        case "list[str]":
            is_right = isinstance(value, list) and len(value) <= MAX_ITEMS and all(map(_is_text, value))
        case _:
            is_right = _is_text(value)
    if is_right and variable.enum and value not in variable.enum:
        return f"one of {', '.join(variable.enum)}"
    return None if is_right else _WANTED[variable.type]


_WANTED = {
    "decimal": "a number: a whole one, or text such as 12.50",
    "int": "a whole number",
    "bool": "true or false",
    "str": f"a text of up to {MAX_TEXT} printable characters",
    "date": "a date such as 2026-11-22",
    "list[str]": f"a list of up to {MAX_ITEMS} texts",
}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | str) or len(str(value)) > 2 * _MAX_DIGITS:
        return False
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    # Neither signs of infinity nor exponents: what is stored is what was meant, digit by digit.
    return number.is_finite() and abs(number.adjusted()) <= _MAX_DIGITS and "e" not in str(value).lower()


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
