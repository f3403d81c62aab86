"""``khaywe rules``: check a rule in a file, try it out, write it as SQL; no ledger is needed for any of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from ledger.errors import InvalidInput
from ledger.program.terms import RoundingMode
from rules import explain as explaining
from rules.facts import read_facts
from rules.parse import MAX_BYTES, Rule, parse
from rules.problems import InvalidRule
from rules.scopes import RESULT_TYPES
from rules.sql import DIALECTS, Table, require_sql
from rules.wording import spelled


def check(file: str, scope: str) -> None:
    """
    Print what is wrong with a rule, or that nothing is, and what may not have been meant.

    Raises:
        InvalidInput: The file cannot be read, or there is no such scope.
        typer.Exit: The rule has problems; they were printed.
    """
    rule = _rule(file, scope)
    for warning in rule.warnings:
        typer.secho(f"{warning.code} at {warning.pointer or '/'}: {warning.message}", err=True, fg=typer.colors.YELLOW)
    typer.secho(
        f"The rule can be saved; it yields a {rule.catalog.yields}. sha256:{rule.digest}", fg=typer.colors.GREEN
    )


def explain(file: str, scope: str, facts: str) -> None:
    """
    Print a rule's result for facts, and how it came about.

    Raises:
        InvalidInput: The file cannot be read, or there is no such scope.
        InvalidFacts: The facts do not fit the scope.
        typer.Exit: The rule has problems; they were printed.
    """
    rule = _rule(file, scope)
    read = read_facts(facts, rule)
    trace = explaining.explain(rule, read)
    for step in trace.steps:
        typer.echo(f"{step.at:<24} {step.text}")
    for pointer in trace.skipped:
        typer.echo(f"{pointer:<24} not asked for")
    for note in trace.notes:
        typer.echo(f"{note.at:<24} {note.text}")
    typer.echo(f"Result: {spelled(trace.result)}")
    if scope == "earn":
        typer.echo(explaining.award_sentence(rule, read, RoundingMode.FLOOR, 0, "points"))
    elif rule.catalog.yields == "bool":
        typer.echo(explaining.match_sentence(rule, read))


def sql(file: str, scope: str, dialect: str) -> None:
    """
    Print the statement that selects the customers for whom a rule holds.

    Raises:
        InvalidInput: The file cannot be read, or there is no such scope or dialect.
        typer.Exit: The rule has problems, or no form in this SQL; they were printed.
    """
    if dialect not in DIALECTS:
        raise InvalidInput(f"There is no dialect {dialect!r}; there are {', '.join(DIALECTS)}.")
    rule = _rule(file, scope)
    with _problems_told():
        require_sql(rule, dialect, Table())
    from rules.sql.statements import select_keys

    typer.echo(select_keys(rule, dialect))


def _rule(file: str, scope: str) -> Rule:
    if scope not in RESULT_TYPES:
        raise InvalidInput(f"There is no scope {scope!r}; there are {', '.join(RESULT_TYPES)}.")
    with _problems_told():
        return parse(_text(file), scope)


@contextmanager
def _problems_told() -> Iterator[None]:
    try:
        yield
    except InvalidRule as refusal:
        for problem in refusal.problems:
            typer.secho(f"{problem.code} at {problem.pointer or '/'}: {problem.message}", err=True, fg=typer.colors.RED)
            if problem.suggestion:
                typer.echo(f"  try: {problem.suggestion}", err=True)
        raise typer.Exit(2) from None


def _text(file: str) -> str:
    try:
        if file == "-":
            # One byte more than a rule may have shows that it is too long, without reading on for ever.
            return sys.stdin.buffer.read(MAX_BYTES + 1).decode()
        with Path(file).open("rb") as source:
            return source.read(MAX_BYTES + 1).decode()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is not in UTF-8.") from None
