"""What the ledger knows of an event besides what the event says: what it undoes or changes, and who agreed to it."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from ledger.account.events import (
    AccountEvent,
    HoldCaptured,
    PointsAccrued,
    PointsAdjusted,
    PointsRedeemed,
    PointsReinstated,
    PurchasePosted,
    PurchaseRepriced,
    PurchaseReturned,
    RedemptionReversed,
)
from ledger.approval.events import ApprovalGranted
from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.store.partitions import partition_of
from ledger.store.receipts import recorded_for
from ledger.streams import StreamId, approval_stream_id
from projections.books.entries import NOTHING_MORE, Known
from rules.instructions.approvals import points_approval_id
from rules.instructions.purchases import purchase_reference
from rules.instructions.redemptions import redemption_reference
from rules.pricing.whatif import REPAIR_SOURCE

_SQL: Final = load_queries("projections.books")
_REPAIR = f"{REPAIR_SOURCE}:"
_ASKING = frozenset(
    {RedemptionReversed, PurchaseReturned, PurchaseRepriced, PointsAccrued, PointsAdjusted, PointsReinstated}
)
"""Kinds of event of which there may be more to know."""


class Knowledge:
    """Looks up what the events at hand refer to."""

    def __init__(self, connection: Connection[Any], program_id: str, partition_count: int) -> None:
        """
        Args:
            connection: To the ledger.
            program_id: Whose books.
            partition_count: Of the ledger.
        """
        self._connection = connection
        self._program_id = program_id
        self._partition_count = partition_count
        self._approved: dict[StreamId, str] = {}
        row = connection.execute(_SQL["has_approvals"]).fetchone()
        self._has_approvals = row is not None and row[0]

    def learn(self, events: Iterable[AccountEvent]) -> None:
        """Find out who agreed to events that may have taken two, all at once."""
        self._approved.clear()
        if not self._has_approvals:
            return
        streams = {stream for event in events if (stream := self._approval_of(event)) is not None}
        if not streams:
            return
        asked = {
            "partitions": [partition_of(one, self._partition_count) for one in streams],
            "stream_ids": [UUID(bytes=one) for one in streams],
        }
        for stream_id, topic, state in self._connection.execute(_SQL["granted"], asked, binary=True):
            granted = decode(topic, state)
            if isinstance(granted, ApprovalGranted):
                self._approved[stream_id] = granted.by

    def of(self, event: AccountEvent) -> Known:
        """Return what is known of one of the events at hand."""
        if type(event) not in _ASKING:
            return NOTHING_MORE
        match event:
            case RedemptionReversed():
                found = self._recorded(redemption_reference(self._program_id, event.redemption_id))
                return Known(original=found if isinstance(found, PointsRedeemed | HoldCaptured) else None)
            case PurchaseReturned() | PurchaseRepriced() if event.accruals:
                found = self._recorded(
                    purchase_reference(self._program_id, event.purchase_source, event.transaction_id)
                )
                return Known(sale=found if isinstance(found, PurchasePosted) else None)
            case PointsAccrued() | PointsAdjusted() | PointsReinstated() if self._approved:
                stream_id = self._approval_of(event)
                return Known(approved_by=self._approved.get(stream_id, "") if stream_id else "")
            case _:
                return NOTHING_MORE

    def _recorded(self, reference: tuple[str, str]) -> Any:
        found = recorded_for(self._connection, reference)
        return found.event if found else None

    def _approval_of(self, event: AccountEvent) -> StreamId | None:
        """Return the stream in which somebody would have agreed to an event."""
        match event:
            case PointsAdjusted() if event.source == REPAIR_SOURCE and event.reason.startswith(_REPAIR):
                approval_id = event.reason.removeprefix(_REPAIR)
            case PointsAdjusted():
                approval_id = self._points("adjustment", event.source, event.adjustment_id)
            case PointsAccrued():
                approval_id = self._points("accrual", event.source, event.accrual_id)
            case PointsReinstated():
                approval_id = self._points("reinstatement", event.source, event.reinstatement_id)
            case _:
                return None
        return approval_stream_id(self._program_id, approval_id)

    def _points(self, kind: str, source: str, own_id: str) -> str:
        return points_approval_id(self._program_id, kind, source, own_id)
