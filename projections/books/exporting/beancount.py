"""
The journal as a beancount file: money and points are commodities, each balancing, with assertions at month ends.

Source: https://beancount.github.io/docs/beancount_language_syntax.html
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import IO

from projections.books.exporting.rows import Row, Rows, digits_of, program_of

_ROOTS = {"1": "Assets", "2": "Liabilities", "3": "Equity", "4": "Income", "5": "Expenses"}
_COMMODITY_LENGTH = 24
"""Longer ones are refused by older versions of beancount."""
_DECEMBER = 12


def write_beancount(rows: Rows, file: Path) -> None:
    """
    Write an entry per transaction, then what there is to know of accounts and commodities: it is read in any order.
    """
    names, balances = Names(), Balances()
    with file.open("w", encoding="utf-8", newline="\n") as target:
        _write_cover(target, rows)
        for _, entry in groupby(rows, lambda row: row.line.entry_id):
            _write_entry(target, list(entry), names, balances)
        _write_declarations(target, names, balances)
        target.write(f"\n; {rows.line_count} lines, {rows.entry_count} entries, journal hash {rows.link.hex()}\n")


def _unique(wanted: str, taken: Iterable[str], length: int) -> str:
    used, found, number = set(taken), wanted, 1
    while found in used:
        number += 1
        suffix = f"-{number}"
        found = wanted[: length - len(suffix)].rstrip("._-") + suffix
    return found


class Names:
    """Gives accounts and commodities names that beancount takes, each its own."""

    def __init__(self) -> None:
        self.accounts: dict[str, str] = {}
        """Names by number."""
        self.commodities: dict[tuple[str, str], str] = {}
        """Names by program and code; no program for money."""

    def account(self, number: str, name: str) -> str:
        """Return the name of an account; its number makes it unique, and its first digit gives the root."""
        found = self.accounts.get(number)
        if found is None:
            part = re.sub(r"[^A-Za-z0-9]+", "-", f"{number}-{name}").strip("-")
            part = part[:1].upper() + part[1:] if part else "Unnamed"
            found = _unique(f"{_ROOTS.get(number[:1], 'Equity')}:{part}", self.accounts.values(), 255)
            self.accounts[number] = found
        return found

    def commodity(self, program_id: str, code: str) -> str:
        """Return the name of a currency: an ISO code is one already, a point currency gets one with its program."""
        found = self.commodities.get((program_id, code))
        if found is None:
            spelled = f"PTS.{program_id}.{code}" if program_id else code
            wanted = re.sub(r"[^A-Z0-9._-]+", "-", spelled.upper())[:_COMMODITY_LENGTH].rstrip("._-")
            found = _unique(wanted, self.commodities.values(), _COMMODITY_LENGTH)
            self.commodities[program_id, code] = found
        return found


class Balances:
    """What moved per month, so that the file can assert where every account stood when the month ended."""

    def __init__(self) -> None:
        self._moved: dict[tuple[int, int], dict[tuple[str, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self.first_on: date | None = None

    def move(self, on: date, account: str, commodity: str, amount: Decimal) -> None:
        """Take in a posting."""
        self.first_on = on if self.first_on is None else min(self.first_on, on)
        self._moved[on.year, on.month][account, commodity] += amount

    def pairs(self) -> list[tuple[str, str]]:
        """Return every account with every commodity it has, in order."""
        return sorted({pair for moved in self._moved.values() for pair in moved})

    def assertions(self) -> list[tuple[date, str, str, Decimal]]:
        """Return where each account stood at the beginning of the day after each month."""
        standing: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        found = []
        for (year, month), moved in sorted(self._moved.items()):
            for pair, amount in moved.items():
                standing[pair] += amount
            after = date(year + 1, 1, 1) if month == _DECEMBER else date(year, month + 1, 1)
            found += [(after, *pair, amount) for pair, amount in sorted(standing.items())]
        return found


def _write_cover(target: IO[str], rows: Rows) -> None:
    cover = rows.cover
    target.write(f'option "title" {quoted(cover.title)}\n')
    target.write(f"; ledger position {', '.join(cover.positions)}; {quoted(cover.generator)[1:-1]}\n")
    for name, value in cover.parameters.items():
        target.write(f"; {quoted(f'{name}: {value}')[1:-1]}\n")


def _write_entry(target: IO[str], entry: list[Row], names: Names, balances: Balances) -> None:
    head = entry[0].line
    link = re.sub(r"[^A-Za-z0-9/.-]", "-", head.entry_id)
    target.write(f"\n{head.posting_date} * {quoted(head.event_kind)} {quoted(head.description)} ^je-{link}\n")
    target.write(f"  je_id: {quoted(head.entry_id)}\n  event_pos: {quoted(head.position)}\n")
    target.write(f"  service_date: {head.service_date}\n")
    for row in entry:
        line = row.line
        account = names.account(line.account, line.account_name)
        commodity = names.commodity(program_of(line), line.currency)
        amount = row.debit - row.credit
        balances.move(head.posting_date, account, commodity, amount)
        target.write(f"  {account}  {digits_of(amount)} {commodity}\n")
        for name, value in (("cohort", line.cohort), ("partner", line.partner)):
            if value:
                target.write(f"    {name}: {quoted(value)}\n")


def _write_declarations(target: IO[str], names: Names, balances: Balances) -> None:
    if balances.first_on is None:
        return
    target.write("\n")
    for (program_id, code), name in sorted(names.commodities.items()):
        target.write(f"{balances.first_on} commodity {name}\n  code: {quoted(code)}\n")
        if program_id:
            target.write(f"  program: {quoted(program_id)}\n")
    for account in sorted(names.accounts.values()):
        held = ", ".join(commodity for owner, commodity in balances.pairs() if owner == account)
        target.write(f"{balances.first_on} open {account}  {held}\n")
    for after, account, commodity, amount in balances.assertions():
        target.write(f"{after} balance {account}  {digits_of(amount)} {commodity}\n")


def quoted(text: str) -> str:
    """Return a text as beancount reads it: on one line, in quotes."""
    plain = re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
