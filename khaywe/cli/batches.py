"""``khaywe batches``: what was queued, and how far it is."""

from uuid import UUID

import typer

from khaywe.wiring import Database
from ledger.errors import InvalidInput
from projections.batches import Batch, read_batch, read_batches


def show_all(database: Database, program_id: str | None, limit: int) -> None:
    """Print batches, newest first."""
    with database.connect() as connection:
        for batch in read_batches(connection, program_id, None, limit):
            typer.echo(_line(batch))


def show(database: Database, batch_id: str) -> None:
    """
    Print a batch.

    Raises:
        InvalidInput: There is none of this id.
    """
    with database.connect() as connection:
        batch = read_batch(connection, _id(batch_id))
    if batch is None:
        raise InvalidInput(f"There is no batch {batch_id}.")
    typer.echo(_line(batch))
    typer.echo(f"sent by {batch.principal}, {batch.body_bytes} bytes, SHA-256 {batch.body_sha256.hex()}")
    typer.echo(f"began {batch.started_at or 'not yet'}, ended {batch.ended_at or 'not yet'}")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no id of a batch; it is a UUID.") from None


def _line(batch: Batch) -> str:
    return (
        f"{batch.batch_id}  {batch.created_at:%Y-%m-%d %H:%M:%S}  {batch.program_id}  {batch.status:9} "
        f"{batch.done_count} of {batch.item_count}: {batch.posted_count} posted, {batch.replayed_count} replayed, "
        f"{batch.refused_count} refused"
    )
