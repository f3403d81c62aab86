"""Events to purchases, one row each."""

from struct import Struct as Layout
from typing import Any, LiteralString

from psycopg import Connection

from ledger.account.events import PurchasePosted
from ledger.store.chain import microseconds
from projections.copying import copy_rows, day_number, text
from projections.page import Page

_FRONT = Layout(">hiii16siq")
_WHEN = Layout(">iqiiiq")
_BACK = Layout(">iiiq")
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
            _FRONT.pack(11, 4, page.partition, 16, account_id, 8, version)
            + text(event.source)
            + text(event.transaction_id)
            + _WHEN.pack(
                8,
                microseconds(event.occurred_at),
                4,
                day_number(event.effective_on),
                8,
                event.amount_minor,
            )
            + text(event.currency)
            + _BACK.pack(4, event.program_version, 8, sum(accrual.points for accrual in event.accruals))
            for account_id, version, _, _, event in page.events
            if isinstance(event, PurchasePosted)
        ]

    def write(self, connection: Connection[Any], changes: list[bytes]) -> None:
        """Add the rows."""
        if changes:
            copy_rows(connection, "purchases", _COLUMNS, changes)


PURCHASES = PurchasesView()
