"""One purchase of many: read in one place, told about in one place, however it travels."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from api.access.caller import Caller
from api.bodies import decoded
from api.problems import STATUS, problem
from api.purchase_views import PurchaseView, purchase_view
from ledger.errors import LedgerError
from ledger.posting.instruction import Instruction, Posted
from rules.activity import Purchase

NDJSON = "application/x-ndjson"

LINE_LIMIT = 64 * 1024
"""Bytes of one purchase among many."""

EXAMPLE = {
    "source": "store-330",
    "transaction_id": "T-1001",
    "member": "card:6000123456789",
    "occurred_at": "2026-11-22T09:30:00+01:00",
    "amount": "249.90",
    "currency": "EUR",
}

decode_purchase = msgspec.json.Decoder(Purchase).decode
"""Read a purchase from JSON."""


class ItemResult(Struct, frozen=True, omit_defaults=True):
    """What became of one item of a batch."""

    index: int
    status: int
    """As if the item had been sent alone."""
    purchase: PurchaseView | None = None
    problem: dict[str, Any] | None = None


def read_purchase(text: bytes, caller: Caller) -> Purchase:
    """
    Read one purchase of many that somebody sent.

    Raises:
        MalformedBody: It is not JSON.
        InvalidInput: It has another shape.
        Forbidden: The caller may not write under its source.
    """
    purchase = decoded(decode_purchase, text)
    caller.require_source(purchase.source)
    return purchase


def asked_by(line: bytes, caller: Caller, instruct: Callable[[Purchase], Instruction]) -> Instruction | LedgerError:
    """Return what a line asks for, or why it cannot be asked."""
    try:
        return instruct(read_purchase(line, caller))
    except LedgerError as refusal:
        return refusal


def item_result(index: int, outcome: Posted | LedgerError) -> ItemResult:
    """Return what became of an item, in full."""
    if isinstance(outcome, LedgerError):
        return ItemResult(index, STATUS[type(outcome)].value, problem=problem(outcome))
    return ItemResult(index, 200 if outcome.replayed else 201, purchase=purchase_view(outcome))
