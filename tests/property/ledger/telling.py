"""What the machine hands to the account, and what it reads from the answer."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec

from ledger.account.commands import AccountCommand, Award
from ledger.account.decide import decide
from ledger.account.events import AccountEvent
from ledger.account.state import Account
from ledger.errors import LedgerError
from tests.property.ledger.reference_account import Fact

_NAMING_LOTS = ("taken", "returned", "lots", "accruals", "repaid")
_IN_ANY_ORDER = ("LotsExpired", "LotsReleased", "ExpiryChanged", "PurchaseReturned", "PurchaseRepriced")
"""Several reasons, days or currencies are told together; in which order does not matter."""


def at(day: date) -> datetime:
    """Return noon."""
    return datetime.combine(day, time(12), UTC)


def answered(state: Account | None, command: AccountCommand) -> list[AccountEvent] | str:
    """Return the facts, or the name of the refusal; either way, deciding leaves the state alone."""
    before = msgspec.json.encode(state)
    try:
        return decide(state, command)
    except LedgerError as refusal:
        return type(refusal).__name__
    finally:
        assert before == msgspec.json.encode(state)


def told(events: list[AccountEvent]) -> list[Fact]:
    """Return the name of each event, and the lots that it names with their points."""
    return [ordered((type(event).__name__, _lots(event))) for event in events]


def ordered(fact: Fact) -> Fact:
    """Return a fact so that it can be compared: its lots in order, if that says nothing."""
    name, lots = fact
    return (name, sorted(lots)) if name in _IN_ANY_ORDER else fact


def _lots(event: AccountEvent) -> list[tuple[int, int]]:
    # Accruals come before repayments, and what is taken before both, as the reference tells them.
    parts = [part for field in _NAMING_LOTS for part in getattr(event, field, ())]
    return [(part.lot, getattr(part, "points", 0)) for part in parts]


def dates(award: dict[str, Any], on: date) -> dict[str, Any]:
    """Return the award with days instead of delays."""
    lifetime, awaits = award["lifetime"], award["awaits"]
    return {
        "currency": award["currency"],
        "points": award["points"],
        "from": date.max if awaits else on + timedelta(days=award["delay"]),
        "until": on + timedelta(days=lifetime) if lifetime else None,
        "awaits": awaits,
        "cancels": on + timedelta(days=award["patience"]) if awaits and award["patience"] else None,
        "idle": award["idle"],
        "kinds": award["kinds"],
        "converts": award["converts"],
    }


def commanded(dated: list[dict[str, Any]]) -> tuple[Award, ...]:
    """Return the awards as a command carries them."""
    return tuple(
        Award(
            award["currency"],
            award["points"],
            award["from"],
            award["until"],
            earned_on=award.get("earned"),
            awaits=award["awaits"],
            cancels_on=award["cancels"],
            idle_months=award["idle"],
            activities=award["kinds"],
            converts=award["converts"],
        )
        for award in dated
    )
