"""What all instructions share: what was asked, as a hash; the program's streams; an account after some events."""

import copy
from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec

from ledger.account.events import AccountEvent
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.dates import as_utc, local_date, time_zone
from ledger.posting.instruction import StreamKey
from ledger.program.state import Program
from ledger.streams import BUDGET, PROGRAM, budget_stream_id, program_stream_id
from rules.pricing.plans import Plan, plan_of
from rules.pricing.price import existing, version_in_force

_encode = msgspec.json.Encoder(order="deterministic").encode


def hashed(*asked: object) -> bytes:
    """
    Return a hash of what was asked, so that a key that is used again for something else is noticed.

    Args:
        asked: What was meant, not how it was spelled: amounts in minor units, times in UTC.
    """
    return sha256(_encode(asked)).digest()


@lru_cache(maxsize=1024)
def program_only(program_id: str) -> tuple[StreamKey, ...]:
    """Return what an instruction reads that needs the program."""
    return (StreamKey(PROGRAM, program_stream_id(program_id)),)


@lru_cache(maxsize=1024)
def program_and_budgets(program_id: str) -> tuple[StreamKey, ...]:
    """Return what an instruction reads that may draw on budgets."""
    return (*program_only(program_id), budgets_key(program_id))


@lru_cache(maxsize=1024)
def budgets_key(program_id: str) -> StreamKey:
    """Return the stream of a program's budgets."""
    return StreamKey(BUDGET, budget_stream_id(program_id))


def dated(program: Program | None, occurred_at: datetime) -> tuple[datetime, date]:
    """
    Return when something happened, in UTC, and the date on which it counts.

    Raises:
        UnknownProgram: There is no such program.
    """
    zone = zone_of(program)
    return as_utc(occurred_at), local_date(occurred_at, zone)


def zone_of(program: Program | None) -> ZoneInfo:
    """Return the time zone of a program that has to exist."""
    return time_zone(existing(program).timezone)


def plan_at(program: Program | None, occurred_at: datetime) -> Plan:
    """
    Return the plan of the version in force.

    Raises:
        UnknownProgram: There is no such program.
        NoVersionInForce: Nothing was published for that moment.
    """
    program = existing(program)
    return plan_of(program, version_in_force(program, as_utc(occurred_at)))


def folded(account: Account, events: Iterable[AccountEvent]) -> Account:
    """Return an account as it is after events; the one given is left alone."""
    account = copy.deepcopy(account)
    for event in events:
        account = evolve(account, event)
    return account
