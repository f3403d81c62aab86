"""Signing what the ledger holds, day by day."""

from datetime import datetime, timedelta

from ledger.audit.storing import keys_of, last_checkpoint
from ledger.audit.taking import take_checkpoint
from workers.runs import OnProgress, Report
from workers.sweeping import Deps

_AGE = timedelta(hours=23)
"""Of the last checkpoint when the next is due: a job that comes every hour then signs once a day."""


def take_daily_checkpoint(deps: Deps, now: datetime, _: OnProgress) -> Report:
    """
    Take a checkpoint, unless the last one is of today or nothing was recorded since.

    Raises:
        LedgerNotWhole: The ledger does not continue what the last checkpoint signed.
    """
    keyring = deps.signing_keys
    if keyring is None:
        return Report(detail="no signing key is at hand")
    with deps.connect() as connection:
        last = last_checkpoint(connection, keys_of(keyring))
        if last and now < last.checkpoint.taken_at + _AGE:
            return Report(detail=f"checkpoint {last.checkpoint.number} is new enough")
        taken = take_checkpoint(connection, keyring, now).checkpoint
    size = sum(tree.size for tree in taken.trees)
    return Report(detail=f"checkpoint {taken.number} over {size} events, root {taken.root}")
