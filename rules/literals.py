"""Numbers, texts and dates as a rule may write them, and how large."""

import re
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Final, cast

from rules.ir import Const, Kind, Value
from rules.problems import Code

MAX_LIST_ITEMS: Final = 1000
MAX_CHARACTERS: Final = 256
MAX_INTEGER_DIGITS: Final = 18
MAX_FRACTION_DIGITS: Final = 9

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of surrogate pairs, which no UTF-8 can carry."""

_NUMERIC: Final = re.compile(rf"-?[0-9]{{1,{MAX_INTEGER_DIGITS}}}(\.[0-9]{{1,{MAX_FRACTION_DIGITS}}})?")
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_KINDS: Final = {
    bool: Kind("bool"),
    Decimal: Kind("number"),
    str: Kind("str"),
    type(None): Kind("null", nullable=True),
}


def literal(value: Value, pointer: str) -> Const:
    """Return the node of a literal within its bounds."""
    return Const(value, _KINDS[cast("type", type(value))], pointer)


def refusal_of(source: object) -> tuple[Code, str] | None:
    """Return code and message of what is wrong with a literal, if anything is."""
    match source:
        case list() if len(source) > MAX_LIST_ITEMS:
            return "list_too_long", f"a list has at most {MAX_LIST_ITEMS} items"
        case list():
            return "type_mismatch", "a list cannot stand here"
        case str() if len(source) > MAX_CHARACTERS:
            return "string_too_long", f"a text has at most {MAX_CHARACTERS} characters"
        case str() if CONTROL.search(source):
            return "control_character", "a text has no control characters"
        case Decimal() if not _in_bounds(source):
            digits = f"{MAX_INTEGER_DIGITS} digits before the point and {MAX_FRACTION_DIGITS} after"
            return "number_out_of_bounds", f"a number has at most {digits}"
    return None


def folded(node: Const, beside: Kind) -> Const:
    """Read a number or a date that is written as text, where something of that kind stands beside it."""
    if not isinstance(node.value, str):
        return node
    if beside.type == "number" and _NUMERIC.fullmatch(node.value):
        return literal(Decimal(node.value), node.pointer)
    if beside.type == "date" and _ISO_DATE.fullmatch(node.value):
        with suppress(ValueError):
            return Const(date.fromisoformat(node.value), Kind("date"), node.pointer)
    return node


def _in_bounds(number: Decimal) -> bool:
    if not number.is_finite() or number.adjusted() >= MAX_INTEGER_DIGITS:
        return False
    return cast("int", number.as_tuple().exponent) >= -MAX_FRACTION_DIGITS
