"""A member's events in the order in which they happened."""

from collections.abc import Iterable
from typing import Any

from ledger.account.events import AccountEvent, PurchasePosted, PurchaseReturned
from ledger.account.order import place_of
from rules.pricing.history import Key


def in_order(events: Iterable[AccountEvent]) -> list[tuple[tuple[Any, ...], AccountEvent]]:
    """Return events with their places; a return that is dated before its purchase comes right after it."""
    events = list(events)
    sold = {(one.source, one.transaction_id): place_of(one) for one in events if isinstance(one, PurchasePosted)}

    def place(event: AccountEvent) -> tuple[Any, ...]:
        own = place_of(event)
        if isinstance(event, PurchaseReturned):
            sale = sold[key_of(event)]
            return own if own > sale else (*sale, *own)
        return own

    # What has no order of its own keeps that in which it arrived.
    return sorted(((place(event), event) for event in events), key=lambda one: one[0])


def key_of(event: PurchaseReturned) -> Key:
    """Return the purchase that something came back of."""
    return event.purchase_source, event.transaction_id
