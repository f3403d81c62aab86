"""Forgetting what webhooks delivered long ago. The events themselves stay in the ledger, for ever."""

from datetime import datetime, timedelta
from typing import Final

from projections.webhooks.outbox import forget, forget_secrets
from workers.runs import OnProgress, Report
from workers.sweeping import Deps

KEEP: Final = timedelta(days=30)
"""What was delivered."""

KEEP_DEAD: Final = timedelta(days=90)
"""What was given up, and can still be sent again."""


def forget_deliveries(deps: Deps, now: datetime, on_progress: OnProgress) -> Report:
    """Forget deliveries that ended long ago, a batch at a time, and secrets that no longer sign."""
    forgotten_count = 0
    with deps.connect() as connection:
        forget_secrets(connection, now)
        while count := forget(connection, now, keep=KEEP, keep_dead=KEEP_DEAD, limit=deps.batch_size):
            forgotten_count += count
            on_progress(Report())
    return Report(detail=f"{forgotten_count} deliveries forgotten" if forgotten_count else "")
