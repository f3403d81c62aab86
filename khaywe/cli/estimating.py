"""``khaywe books estimate``: what share of the points will ever be redeemed, as a proposal to finance."""

import hashlib
from datetime import date
from pathlib import Path

import msgspec
import typer
from msgspec import Struct

from khaywe import __version__
from khaywe.wiring import Database
from ledger.errors import InvalidInput
from models.breakage import Proposal, propose, read_history


class Options(Struct, frozen=True):
    """How to estimate."""

    through: str | None
    """The last month to take in, as ``2026-11``; ``None``: the last that is over."""
    tail: str
    """What happens after the last age seen."""
    held_out_months: int
    """For the back-test."""


def estimate(database: Database, program_id: str, point_currency: str, file: str | None, options: Options) -> None:
    """
    Estimate, print the outcome, and store the proposal as a JSON file.

    Args:
        database: The ledger's.
        program_id: The program.
        point_currency: One of its currencies.
        file: Where to; ``None`` makes a name of program, currency and month.
        options: How.

    Raises:
        InvalidInput: There are no such points, or ``through`` is no month.
        TooLittleHistory: It does not suffice.
    """
    with database.connect() as connection:
        history = read_history(connection, program_id, point_currency)
    proposal = propose(
        history,
        generator=f"khaywe {__version__}",
        through=_month(options.through),
        tail=options.tail,
        held_out_months=options.held_out_months,
    )
    target = Path(file or f"breakage-{proposal.program_id}-{proposal.point_currency}-{proposal.through}.json")
    content = msgspec.json.format(msgspec.json.encode(proposal)) + b"\n"
    try:
        target.write_bytes(content)
    except OSError as error:
        raise ValueError(f"{target} cannot be written: {error.strerror}.") from None
    _show(proposal)
    typer.echo(f"{target}: SHA-256 {hashlib.sha256(content).hexdigest()}")


def _month(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InvalidInput(f"A month looks like 2026-11, not {text!r}.") from None


def _show(proposal: Proposal) -> None:
    typer.echo(f"{'vintage':8} {'issued':>14} {'redeemed':>14} {'ultimate':>9} {'± s.e.':>9} {'breakage':>14}  method")
    for cohort in proposal.cohorts:
        typer.echo(
            f"{cohort.vintage:8} {cohort.issued_points:>14} {cohort.redeemed_points:>14} "
            f"{cohort.ultimate_redemption_rate:>9} {cohort.standard_error:>9} {cohort.expected_breakage_points:>14}  "
            f"{cohort.method}"
        )
    typer.echo(
        f"{'all':8} {proposal.issued_points:>14} {proposal.redeemed_points:>14} "
        f"{proposal.ultimate_redemption_rate:>9} {proposal.standard_error:>9} {proposal.expected_breakage_points:>14}"
    )
    error, sensitivity = proposal.back_test.mean_absolute_percentage_error, proposal.sensitivity
    typer.echo(
        f"back-test: {proposal.back_test.held_out_months} months held out, mean absolute error {error} of actual"
    )
    typer.echo(
        f"one percentage point more redeemed: breakage {sensitivity.rates_up_breakage_points}; "
        f"less: {sensitivity.rates_down_breakage_points}"
    )
    typer.echo(
        f"as at {', '.join(proposal.as_at)}, through {proposal.through}, tail {proposal.tail} {proposal.tail_factor}"
    )
