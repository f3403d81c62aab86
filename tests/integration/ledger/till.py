"""A till that posts to accounts, and an auditor who looks at what the ledger holds afterwards."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from khaywe.wiring import Database
from ledger.account.commands import Accrue, Award, OpenAccount, Redeem
from ledger.account.decide import decide
from ledger.account.state import Account
from ledger.posting.instruction import Instruction, Reference, StreamKey
from ledger.store import codec
from ledger.store.verify import verify_chain
from ledger.streams import ACCOUNT, StreamId, account_stream_id

TODAY = date(2026, 3, 15)
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
POINTS = "points"

Decide = Callable[..., Sequence[Struct]]


def account_id(number: int) -> StreamId:
    """Return the stream of the account of this number."""
    return account_stream_id("club", UUID(int=number))


def open_account(number: int) -> Instruction:
    """Let a member join."""
    command = OpenAccount("club", str(UUID(int=number)), NOON, TODAY)
    return instruct(number, command, ("enrolment", str(number)))


def accrue(number: int, points: int, key: str) -> Instruction:
    """Give points away."""
    award = Award(POINTS, points, TODAY, None)
    return instruct(number, Accrue("till", key, NOON, TODAY, "goodwill", (award,)), ("till", key))


def redeem(number: int, points: int, key: str) -> Instruction:
    """Spend points at a cent each."""
    return instruct(number, Redeem("till", key, NOON, TODAY, POINTS, points, points, "EUR", 1), ("till", key))


def instruct(
    number: int,
    command: Any,
    *references: Reference,
    decided_by: Decide | None = None,
    reads: tuple[StreamKey, ...] = (),
) -> Instruction:
    """
    Ask something of an account.

    Args:
        number: Of the account.
        command: Stands for the request; whatever it is, two that differ are two requests.
        references: Under which it is asked.
        decided_by: Decides instead of the account's own rules.
        reads: Other streams the decision looks at.
    """

    def decide_as_usual(account: Account | None) -> Sequence[Struct]:
        return decide(account, command)

    return Instruction(
        ACCOUNT,
        account_id(number),
        references,
        sha256(repr((number, command)).encode()).digest(),
        decided_by or decide_as_usual,
        reads,
    )


class Recorded(NamedTuple):
    """One event, as the log has it."""

    partition: int
    position: int
    stream_id: StreamId
    version: int
    event: Any


def log_of(database: Database) -> list[Recorded]:
    """Return the whole log, partition by partition, after making sure that every chain is whole."""
    with database.connect() as connection:
        for partition in range(database.partition_count):
            list(verify_chain(connection, partition))
        rows: list[Any] = connection.execute(
            "SELECT partition, position, uuid_send(stream_id), version, topic, state FROM ledger.events "
            "ORDER BY partition, position",
            binary=True,
        ).fetchall()
    return [
        Recorded(partition, position, stream_id, version, codec.decode(topic, state))
        for partition, position, stream_id, version, topic, state in rows
    ]


def account(database: Database, number: int) -> Account:
    """Return an account, folded afresh from every event it has, without any cache or snapshot."""
    state = None
    for recorded in log_of(database):
        if recorded.stream_id == account_id(number):
            state = ACCOUNT.evolve(state, recorded.event)
    assert isinstance(state, Account)
    return state


def balance(database: Database, number: int) -> int:
    """Return the points an account holds."""
    return account(database, number).balances().get(POINTS, 0)


def keys_of(log: Sequence[Recorded]) -> list[str]:
    """Return the key under which each accrual or redemption of the log was asked for."""
    keys = [getattr(one.event, "accrual_id", None) or getattr(one.event, "redemption_id", None) for one in log]
    return [key for key in keys if key]
