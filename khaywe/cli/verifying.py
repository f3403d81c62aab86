"""``khaywe audit verify``: the chain, and the views against the events."""

from collections import deque

import typer
from rich.progress import Progress

from khaywe.cli.rebuilding import rebuild
from khaywe.wiring import Database
from ledger.store.verify import ChainBroken, verify_chain
from projections.runner import Runner
from projections.views import VIEWS


def verify(database: Database, *, with_views: bool) -> None:
    """
    Check every partition's chain; then build every view anew from the events and compare it with the live one.

    Raises:
        typer.Exit: Something is not as it was recorded; what, was printed.
    """
    # Every partition is looked at, even if an earlier one is broken.
    verdicts = [_chain_is_whole(database, partition) for partition in range(database.partition_count)]
    is_whole = all(verdicts)
    if with_views and is_whole:
        # The live views may lag, or nobody follows the ledger right now; compare what they should show by now.
        with database.connect() as reader, database.connect_views() as writer:
            deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)
        is_whole = all(one.is_equal for one in rebuild(database, [], compare_only=True))
    if not is_whole:
        typer.secho("The ledger is NOT whole.", err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
    typer.secho("The ledger is whole.", fg=typer.colors.GREEN)


def _chain_is_whole(database: Database, partition: int) -> bool:
    try:
        with database.connect() as connection, Progress(transient=True) as progress:
            task = progress.add_task(f"partition {partition}")
            for done in verify_chain(connection, partition):
                progress.update(task, completed=done.position, total=done.end_position)
    except ChainBroken as broken:
        typer.secho(str(broken), err=True, fg=typer.colors.RED)
        return False
    typer.echo(f"partition {partition}: {done.position} events, last link {done.hash.hex()}")
    return True
