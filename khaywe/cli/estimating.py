"""``khaywe books estimate`` and ``apply``: how many points will ever be redeemed, as a proposal to finance."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import typer

from khaywe import __version__
from khaywe.wiring import Database
from ledger.errors import LedgerError
from models.breakage import Options, Proposal, document_of, make
from projections.books.proposals import UnknownProposal, find_proposal, read_proposal, store_proposal
from rules.instructions.approvals import ask


def estimate(database: Database, program_id: str, point_currency: str, file: str | None, options: Options) -> None:
    """
    Estimate, print the outcome, keep the proposal, and write its document to a file.

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
        proposal = make(connection, program_id, point_currency, options, f"khaywe {__version__}")
        content = document_of(proposal)
        stored = store_proposal(connection, program_id, point_currency, proposal.through, content, _by())
    target = Path(file or f"breakage-{proposal.program_id}-{proposal.point_currency}-{proposal.through}.json")
    try:
        target.write_bytes(content)
    except OSError as error:
        raise ValueError(f"{target} cannot be written: {error.strerror}.") from None
    _show(proposal)
    typer.echo(f"{target}: SHA-256 {stored.sha256.hex()}")
    typer.echo(f"proposal {stored.proposal_id}")


def apply(database: Database, program_id: str, proposal: str) -> None:
    """
    Ask to apply a proposal; somebody else agrees over the API.

    Args:
        database: The ledger's.
        program_id: The program.
        proposal: Its id, or the file with its document.

    Raises:
        UnknownProposal: There is none.
        LedgerError: It cannot be applied any more.
    """
    from api.applying import asked_for

    with database.connect() as connection:
        file = Path(proposal)
        if file.is_file():
            stored = find_proposal(connection, program_id, file.read_bytes())
        else:
            stored = read_proposal(connection, program_id, _id(proposal))
        asked = asked_for(connection, database.partition_count, stored, _by(), datetime.now(UTC))
    with database.poster() as poster:
        (outcome,) = poster.post([ask(asked)])
    if isinstance(outcome, LedgerError):
        raise outcome
    typer.echo(f"Asked for approval {asked.approval_id}; a second person has to agree.")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UnknownProposal(f"{text!r} is neither a file nor the id of a proposal.") from None


def _by() -> str:
    return f"cli:{getpass.getuser()}"


def _show(proposal: Proposal) -> None:
    width = max(len("cohort"), *(len(cohort.cohort) for cohort in proposal.cohorts))
    typer.echo(
        f"{'cohort':{width}} {'issued':>14} {'redeemed':>14} {'ultimate':>9} {'± s.e.':>9} {'breakage':>14}  method"
    )
    for cohort in proposal.cohorts:
        typer.echo(
            f"{cohort.cohort:{width}} {cohort.issued_points:>14} {cohort.redeemed_points:>14} "
            f"{cohort.ultimate_redemption_rate:>9} {cohort.standard_error:>9} {cohort.expected_breakage_points:>14}  "
            f"{cohort.method}"
        )
    typer.echo(
        f"{'all':{width}} {proposal.issued_points:>14} {proposal.redeemed_points:>14} "
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
