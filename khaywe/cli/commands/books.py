"""``khaywe books``: accounting."""

from typing import Annotated

import typer

from khaywe.cli.app import AsJson, app, opened, settings, told_plainly

books = typer.Typer(
    help="Accounting: settings, closing months, journal, roll-forward, liability.", no_args_is_help=True
)
app.add_typer(books, name="books")


@books.command("settings")
def books_settings(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    values: Annotated[
        str | None, typer.Option("--set", metavar="JSON", help="Settings, as POST …/books/settings takes them.")
    ] = None,
) -> None:
    """Show what a point is worth and which months are closed, or say what it is worth from a date on."""
    from khaywe.cli.books import set_settings, show

    with opened() as database:
        if values is None:
            show(database, program)
        else:
            set_settings(database, program, values)


@books.command("close")
def books_close(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
) -> None:
    """Close a month: freeze it at what is recorded now."""
    from khaywe.cli.books import close
    from khaywe.signing_keys import open_keyring

    with opened() as database:
        close(database, program, period, open_keyring(settings().signing_key_file))


@books.command("rollforward")
def books_rollforward(  # noqa: PLR0917  # the options of a command
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    as_json: Annotated[bool, typer.Option("--json", help="As the REST API answers it.")] = False,
    currency: Annotated[str | None, typer.Option(help="Translate amounts into this one, at the three rates.")] = None,
    opening_rate: Annotated[str | None, typer.Option(help="Units of it per unit of the books', at first.")] = None,
    average_rate: Annotated[str | None, typer.Option(help="The same, over the month.")] = None,
    closing_rate: Annotated[str | None, typer.Option(help="The same, at the end.")] = None,
) -> None:
    """Print what a month began with, what came and went, and what it ended with."""
    with told_plainly():
        from khaywe.cli.books import roll_forward
        from khaywe.wiring import open_database

        rates = (currency, opening_rate, average_rate, closing_rate)
        with open_database(settings()) as database:
            roll_forward(database, program, period, rates, as_json=as_json)


@books.command("journal")
def books_journal(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
) -> None:
    """Print every line of a month's journal, as JSON, one a line."""
    from khaywe.cli.books import journal

    with opened() as database:
        journal(database, program, period)


@books.command("export")
def books_export(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    file: Annotated[str, typer.Argument(help="Ends in .csv, .xlsx, .parquet or .beancount, which is its form.")],
) -> None:
    """
    Write a month's journal to a file, with control totals and a hash in FILE.manifest.json beside it. The same month
    gives the same file. `khaywe verify-export FILE` checks it later.
    """
    from khaywe.cli.books import export

    with opened() as database:
        export(database, program, period, file)


@books.command("liability")
def books_liability(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    as_json: Annotated[bool, typer.Option("--json", help="As the REST API answers it.")] = False,
) -> None:
    """Print what is owed at the end of a month, with the breakage that is expected."""
    from khaywe.cli.books import liability

    with opened() as database:
        liability(database, program, period, as_json=as_json)


@books.command("trial-balance")
def books_trial_balance(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    as_json: Annotated[bool, typer.Option("--json", help="As the REST API answers it.")] = False,
) -> None:
    """Print what every account began, moved and ended a month with."""
    from khaywe.cli.books import trial_balance

    with opened() as database:
        trial_balance(database, program, period, as_json=as_json)


@books.command("cutoff")
def books_cutoff(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    as_json: Annotated[bool, typer.Option("--json", help="As the REST API answers it.")] = False,
) -> None:
    """Print the late events of a month."""
    from khaywe.cli.books import cut_off

    with opened() as database:
        cut_off(database, program, period, as_json=as_json)


@books.command("check")
def books_check(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    *,
    as_json: AsJson = False,
) -> None:
    """
    Work a month out anew and check it: balances, sub-ledger, completeness, and that it is what it was closed with. Exit
    code 1 if anything does not hold.
    """
    from khaywe.cli.books import check

    with opened() as database:
        check(database, program, period, is_json=as_json)


@books.command("disclosures")
def books_disclosures(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="The last month.")],
    first: Annotated[str | None, typer.Option("--from", metavar="MONTH", help="The first; default the same.")] = None,
) -> None:
    """Print what the notes to the accounts say: opening and closing liabilities, and what was recognised of which."""
    from khaywe.cli.books import disclose

    with opened() as database:
        disclose(database, program, period, first)


@books.command("reopen")
def books_reopen(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept for ever.")],
) -> None:
    """Ask to open the last closed month again; a second person has to agree."""
    from khaywe.cli.books import reopen

    with opened() as database:
        reopen(database, program, period, reason)


@books.command("estimate")
def books_estimate(  # noqa: PLR0917  # the options of a command
    program: Annotated[str, typer.Option(help="The program.")],
    point_currency: Annotated[str, typer.Option(help="One of its point currencies.")] = "points",
    file: Annotated[str | None, typer.Option(help="Where the proposal is stored; default by its name.")] = None,
    through: Annotated[
        str | None, typer.Option(help="The last month to take in, as 2026-11; default the last whole.")
    ] = None,
    tail: Annotated[str, typer.Option(help="After the last age seen: exponential or none.")] = "exponential",
    hold_out: Annotated[int, typer.Option(help="Months that the back-test predicts.", min=1)] = 3,
) -> None:
    """Estimate what share of the points will ever be redeemed. Proposes; books nothing."""
    from khaywe.cli.estimating import estimate
    from models.breakage import Options

    with opened() as database:
        estimate(database, program, point_currency, file, Options(through, tail, hold_out))


@books.command("apply")
def books_apply(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    proposal: Annotated[str, typer.Argument(metavar="FILE|ID", help="As `books estimate` wrote and named it.")],
) -> None:
    """Ask to apply a proposal of estimates; a second person has to agree."""
    from khaywe.cli.estimating import apply

    with opened() as database:
        apply(database, program, proposal)
