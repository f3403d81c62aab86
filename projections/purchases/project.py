"""Events to purchases, one row each."""

from typing import Any, LiteralString

from psycopg import Connection

from ledger.account.events import PurchasePosted
from ledger.store.chain import microseconds
from ledger.streams import StreamId
from projections.copying import copy_rows, day_number, layout
from projections.page import Page

_ROW = ">hiii16siq i{}s i{}s iqiiiq i{}s iiiq"
_COLUMNS = (
    "partition",
    "account_id",
    "version",
    "source",
    "transaction_id",
    "occurred_at",
    "effective_on",
    "amount_minor",
    "currency",
    "program_version",
    "points",
)


class PurchasesView:
    """Every purchase posted."""

    name: LiteralString = "purchases"
    tables: tuple[LiteralString, ...] = ("purchases",)

    def project(self, page: Page) -> list[bytes]:
        """Return the rows of the page's purchases."""
        return [
            _row(page.partition, account_id, version, event)
            for account_id, version, _, _, event in page.events
            if isinstance(event, PurchasePosted)
        ]

    def write(self, connection: Connection[Any], changes: list[bytes]) -> None:
        """Add the rows."""
        if changes:
            copy_rows(connection, "purchases", _COLUMNS, changes)


PURCHASES = PurchasesView()


def _row(partition: int, account_id: StreamId, version: int, event: PurchasePosted) -> bytes:
    source, transaction_id = event.source.encode(), event.transaction_id.encode()
    currency = event.currency.encode()
    lengths = (len(source), len(transaction_id), len(currency))
    return layout(_ROW, *lengths).pack(
        11,
        4,
        partition,
        16,
        account_id,
        8,
        version,
        lengths[0],
        source,
        lengths[1],
        transaction_id,
        8,
        microseconds(event.occurred_at),
        4,
        day_number(event.effective_on),
        8,
        event.amount_minor,
        lengths[2],
        currency,
        4,
        event.program_version,
        8,
        sum([accrual.points for accrual in event.accruals]),
    )
