"""What finance asks of a month, as tables for people."""

from collections.abc import Callable, Iterable, Sequence

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

_WIDTH = 13


def show_roll_forward(found: RollForward) -> None:
    """Print points, value, and service to partners where there is any; of each cohort, and their sums."""
    typer.echo(f"roll-forward of {_month(found.period, is_closed=found.is_closed)}, journal {found.journal_hash}")
    money = _money(found.currency)
    for title, pick, spell in (
        ("points", lambda line: line.points, str),
        (f"value in {found.currency}", lambda line: line.value_minor, money),
        (f"service in {found.currency}", lambda line: line.service_minor, money),
    ):
        _show_figures(title, found, pick, spell)


def _show_figures(
    title: str, found: RollForward, pick: Callable[[RollForwardLine], Figures], spell: Callable[[int], str]
) -> None:
    lines = [(line.cohort, pick(line)) for line in found.cohorts]
    sums = [(f"all {line.cohort}", pick(line)) for line in found.by_funding]
    moved = {name for _, figures in lines for name, amount in figures.movements.items() if amount}
    columns = [name for name in dict.fromkeys((*POINT_COLUMNS, *VALUE_COLUMNS)) if name in moved]
    if title.startswith("service") and not moved and not any(figures.opening for _, figures in lines):
        return
    rows = [
        (name, [figures.opening, *(figures.movements.get(column, 0) for column in columns), figures.closing])
        for name, figures in (*lines, *sums)
    ]
    _table(title, ["opening", *columns, "closing"], [(name, list(map(spell, amounts))) for name, amounts in rows])


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
    _table(f"points, {found.currency}", heading, rows)
    for account, minor in found.accounts_minor.items():
        if minor:
            typer.echo(f"account {account}: {money(minor)}")


def show_trial_balance(found: TrialBalance) -> None:
    """Print every account with what it began, moved and ended with; debits are above zero."""
    typer.echo(f"trial balance of {_month(found.period, is_closed=found.is_closed)}")
    for currency in sorted({line.currency for line in found.accounts}, key=lambda one: (one != found.currency, one)):
        spell = _money(currency) if currency == found.currency else str
        lines = [line for line in found.accounts if line.currency == currency]
        rows = [
            (f"{line.account} {line.account_name}", [spell(line.opening), spell(line.moved), spell(line.closing)])
            for line in lines
        ]
        sums = [
            sum(line.opening for line in lines),
            sum(line.moved for line in lines),
            sum(one.closing for one in lines),
        ]
        _table(currency, ["opening", "moved", "closing"], [*rows, ("sum", list(map(spell, sums)))])


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


def _table(title: str, heading: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> None:
    rows = list(rows)
    first = max(len(title), *(len(name) for name, _ in rows)) if rows else len(title)
    typer.echo(f"{title:{first}}" + "".join(f" {name:>{_WIDTH}}" for name in heading))
    for name, cells in rows:
        typer.echo(f"{name:{first}}" + "".join(f" {cell:>{_WIDTH}}" for cell in cells))
