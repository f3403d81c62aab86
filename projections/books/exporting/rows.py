"""Lines on their way into a file: with exact amounts, chained, and counted."""

import hashlib
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec
from msgspec import Struct

from ledger.money import minor_digits
from projections.books.exporting.manifest import AccountTotal, Cover
from projections.books.lines import JournalLine

_encode = msgspec.json.Encoder().encode


class Row(Struct, frozen=True):
    """A line, and what every format shows of it."""

    line: JournalLine
    debit: Decimal
    """In units of the currency."""
    credit: Decimal
    link: bytes
    """32 bytes; see `Manifest.journal_hash`."""


class _Sum(Struct):
    account_name: str
    line_count: int = 0
    debit_minor: int = 0
    credit_minor: int = 0


class Rows:
    """Passes lines on once, and knows at the end what went through."""

    def __init__(self, lines: Iterable[JournalLine], cover: Cover) -> None:
        """
        Args:
            lines: The lines of an entry one after the other.
            cover: Of the export.
        """
        self.cover = cover
        self.link = bytes(32)
        self.line_count = self.entry_count = 0
        self._lines = lines
        self._sums: dict[tuple[str, str, str], _Sum] = {}
        self._digits: dict[tuple[str, str], int] = {}

    def __iter__(self) -> Iterator[Row]:
        """
        Yields:
            Each line with its amounts and its link.
        """
        entry_id = None
        for line in self._lines:
            self.line_count += 1
            self.entry_count += line.entry_id != entry_id
            entry_id = line.entry_id
            self.link = hashlib.sha256(self.link + _encode(line)).digest()
            self._count(line)
            digits = self._digits_of(line.currency, program_of(line))
            yield Row(line, _amount(line.debit_minor, digits), _amount(line.credit_minor, digits), self.link)

    def totals(self) -> tuple[AccountTotal, ...]:
        """Return the control totals of what went through so far, by account and currency."""
        return tuple(
            AccountTotal(
                account,
                found.account_name,
                currency,
                program_id,
                found.line_count,
                digits_of(_amount(found.debit_minor, self._digits_of(currency, program_id))),
                digits_of(_amount(found.credit_minor, self._digits_of(currency, program_id))),
            )
            for (account, currency, program_id), found in sorted(self._sums.items())
        )

    def _count(self, line: JournalLine) -> None:
        key = (line.account, line.currency, program_of(line))
        found = self._sums.get(key)
        if found is None:
            found = self._sums[key] = _Sum(line.account_name)
        found.line_count += 1
        found.debit_minor += line.debit_minor
        found.credit_minor += line.credit_minor

    def _digits_of(self, currency: str, program_id: str) -> int:
        key = (currency, program_id)
        found = self._digits.get(key)
        if found is None:
            scales = self.cover.point_scales
            found = scales.get(f"{program_id}/{currency}", 0) if program_id else minor_digits(currency)
            self._digits[key] = found
        return found


def program_of(line: JournalLine) -> str:
    """Return the program whose points a line counts; empty for lines of money."""
    return line.program_id if line.currency == line.point_currency else ""


def digits_of(amount: Decimal) -> str:
    """Spell an amount in plain digits."""
    return f"{amount:f}"


def _amount(minor: int, digits: int) -> Decimal:
    return Decimal(minor).scaleb(-digits)
