"""What finance asks of a month, as tables for people."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import typer

from ledger.money import minor_digits, to_major
from projections.books.cohorts import POINT_COLUMNS, VALUE_COLUMNS
from projections.books.reports import (
    CutOffReport,
    Figures,
    Liability,
    RollForward,
    RollForwardLine,
    TrialBalance,
)
from projections.books.translation import TRANSLATION

_WIDTH = 13


class _Table(NamedTuple):
    title: str
    heading: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]


def show_roll_forward(found: RollForward) -> None:
    """Print points, value, and service to partners where there is any; of each cohort, and their sums."""
    typer.echo(f"roll-forward of {_month(found.period, is_closed=found.is_closed)}, journal {found.journal_hash}")
    if (rates := found.translation) is not None:
        typer.echo(
            f"translated from {rates.from_currency} at {rates.opening_rate}, {rates.average_rate} on average, "
            f"{rates.closing_rate}"
        )
    money = _money(found.currency)
    tables = [
        _figures("points", found, lambda line: line.points, str),
        _figures(f"value in {found.currency}", found, lambda line: line.value_minor, money),
    ]
    if any(line.service_minor.opening or line.service_minor.movements for line in found.cohorts):
        tables.append(_figures(f"service in {found.currency}", found, lambda line: line.service_minor, money))
    _print(*tables)


def _figures(
    title: str, found: RollForward, pick: Callable[[RollForwardLine], Figures], spell: Callable[[int], str]
) -> _Table:
    lines = [(line.cohort, pick(line)) for line in found.cohorts]
    sums = [(f"all {line.cohort}", pick(line)) for line in found.by_funding]
    moved = {name for _, figures in lines for name, amount in figures.movements.items() if amount}
    columns = [name for name in dict.fromkeys((*POINT_COLUMNS, *VALUE_COLUMNS, TRANSLATION)) if name in moved]
    rows = []
    for name, figures in (*lines, *sums):
        amounts = [figures.opening, *(figures.movements.get(column, 0) for column in columns), figures.closing]
        rows.append((name, [spell(amount) for amount in amounts]))
    return _Table(title, ["opening", *columns, "closing"], rows)


def show_liability(found: Liability) -> None:
    """Print what each cohort is still owed, and the accounts that it agrees with."""
    typer.echo(f"liability at the end of {_month(found.period, is_closed=found.is_closed)}")
    money = _money(found.currency)
    rows = [
        (
            line.cohort,
            [
                str(line.open_points),
                str(line.expected_points),
                *map(money, (line.contract_minor, line.given_minor, line.service_minor, line.face_value_minor)),
            ],
        )
        for line in found.cohorts
    ]
    heading = ["open", "expected", "contract", "given", "service", "face value"]
    _print(_Table(f"points, {found.currency}", heading, rows))
    for account, minor in found.accounts_minor.items():
        if minor:
            typer.echo(f"account {account}: {money(minor)}")


def show_trial_balance(found: TrialBalance) -> None:
    """Print every account with what it began, moved and ended with; debits are above zero."""
    typer.echo(f"trial balance of {_month(found.period, is_closed=found.is_closed)}")
    currencies = dict.fromkeys(line.currency for line in found.accounts)
    _print(*[_accounts(found, currency) for currency in currencies])


def _accounts(found: TrialBalance, currency: str) -> _Table:
    spell = _money(currency) if currency == found.currency else str
    lines = [line for line in found.accounts if line.currency == currency]
    rows = [(f"{one.account} {one.account_name}", (one.opening, one.moved, one.closing)) for one in lines]
    sums = [sum(column) for column in zip(*[amounts for _, amounts in rows], strict=True)]
    spelled = [(name, [spell(amount) for amount in amounts]) for name, amounts in (*rows, ("sum", sums))]
    return _Table(currency, ["opening", "moved", "closing"], spelled)


def show_cut_off(found: CutOffReport) -> None:
    """Print the late events of a month."""
    typer.echo(f"late events of {_month(found.period, is_closed=found.is_closed)}: {found.late_count}")
    for event in found.events:
        typer.echo(
            f"{event.position} {event.kind} counts on {event.service_date}, posted on {event.posting_date}, "
            f"account {event.account_id}"
        )


def _month(period: str, *, is_closed: bool) -> str:
    return f"{period} ({'closed' if is_closed else 'open, so far'})"


def _money(currency: str) -> Callable[[int], str]:
    digits = minor_digits(currency)
    return lambda minor: f"{to_major(minor, currency):.{digits}f}"


def _print(*tables: _Table) -> None:
    """Print tables below each other, their columns aligned."""
    first = max(len(name) for table in tables for name in (table.title, *(name for name, _ in table.rows)))
    for title, heading, rows in tables:
        for name, cells in ((title, heading), *rows):
            typer.echo(f"{name:{first}}" + "".join(f" {cell:>{_WIDTH}}" for cell in cells))
