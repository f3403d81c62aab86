"""Every event ever shipped can be told, and none of them tells what was not promised."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.store.codec import decode
from projections.page import Recorded
from projections.webhooks.kinds import KIND_OF
from projections.webhooks.payload import Holder, body_of

GOLDEN = Path(__file__).parents[2] / "golden" / "events.v1.ndjson"
SAMPLES = [msgspec.json.decode(line) for line in GOLDEN.read_bytes().splitlines()]
TOLD = [sample for sample in SAMPLES if sample["topic"] in KIND_OF]
HOLDER = Holder("club", "0193e9d5-6c3f-4d4e-9b8e-0f4f5a1c2b3d")
AT = datetime(2026, 11, 25, tzinfo=UTC)


def names_in(value: Any) -> set[str]:
    """Return the names of all fields, at any depth."""
    if isinstance(value, list):
        return set().union(*map(names_in, value))
    return set(value).union(*map(names_in, value.values())) if isinstance(value, dict) else set()


@pytest.mark.parametrize("sample", TOLD, ids=[sample["topic"] for sample in TOLD])
def test_every_event_ever_shipped_can_be_told(sample: Any) -> None:
    """In the shape of the convention, with place and balances, and without remarks and facts of the program."""
    event = decode(sample["topic"], msgspec.json.encode(sample["state"]))
    body = body_of(HOLDER, Recorded(bytes(16), 7, sample["topic"], AT, event), "0:42")
    told = msgspec.json.decode(body)
    assert list(told) == ["type", "timestamp", "data"]
    assert told["type"] == KIND_OF[sample["topic"]]
    front = told["data"]
    assert (front["sequence"], front["position"], front["member_id"]) == (7, "0:42", HOLDER.member_id)
    assert front["balances"] == sample["state"].get("balances", {})
    assert names_in(front["event"]).isdisjoint({"note", "attributes", "counts", "balances"})


def test_every_kind_has_a_sample() -> None:
    """A kind without one would be told for the first time in production."""
    assert {sample["topic"] for sample in TOLD} == set(KIND_OF)
