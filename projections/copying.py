"""
PostgreSQL's binary COPY, as far as views need it.

Each value is a big-endian 32-bit length and its bytes. A row is packed by one `struct` call wherever its shape allows,
because a page has tens of thousands of rows.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from struct import Struct as Layout
from typing import Any

from psycopg import Connection, sql

NULL = b"\xff\xff\xff\xff"

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_LENGTH = Layout(">i")
_DAY = Layout(">ii")
_ARRAY = Layout(">iiiii")
_TEXT_TYPE = 25
_EPOCH_DAY = date(2000, 1, 1).toordinal()


@lru_cache(maxsize=65536)
def layout(pattern: str, *lengths: int) -> Layout:
    """
    Return the layout of a row whose texts have these lengths.

    Args:
        pattern: A `struct` format in which ``{}`` stands for the length of each text, in bytes.
        lengths: One for each.
    """
    return Layout(pattern.format(*lengths))


def text(value: str) -> bytes:
    """Spell a text value."""
    encoded = value.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def day_number(day: date) -> int:
    """Return a date as COPY spells it: days since 2000-01-01."""
    return day.toordinal() - _EPOCH_DAY


def optional_day(day: date | None) -> bytes:
    """Spell a date that may be absent."""
    return NULL if day is None else _DAY.pack(4, day.toordinal() - _EPOCH_DAY)


def optional_texts(values: Sequence[str]) -> bytes:
    """Spell a list of texts as an array; none of them as null."""
    if not values:
        return NULL
    spelled = _ARRAY.pack(1, 0, _TEXT_TYPE, len(values), 1) + b"".join(map(text, values))
    return _LENGTH.pack(len(spelled)) + spelled


def copy_rows(connection: Connection[Any], table: str, columns: Iterable[str], rows: Iterable[bytes]) -> None:
    """
    Write rows, spelled with their column counts, into a table.

    They are written in the order of their bytes, which is that of the primary key where its columns come first:
    neighbours in the index are then written together, which spares the server a quarter of its work.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
    with connection.cursor().copy(statement) as copy:
        copy.write(b"".join((_HEADER, *sorted(rows), _TRAILER)))
