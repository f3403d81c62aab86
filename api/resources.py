"""What the endpoints share: the poster, the pool, and looking things up."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from uuid import UUID

import structlog
from msgspec import Struct, field
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.access.caller import caller_of
from api.access.keyring import KeyRing
from api.posting import AsyncPoster
from api.problems import ViewBehind
from api.reading import AccountReader
from ledger.errors import InvalidInput, LedgerError
from ledger.members.directory import UnknownMember, find_member, is_member
from ledger.posting.cache import StateCache
from ledger.posting.instruction import LedgerUnavailable, Posted, Reference
from ledger.program.decide import UnknownProgram
from ledger.program.state import Program
from ledger.signing import Keyring
from ledger.streams import PROGRAM, StreamId, account_stream_id, program_stream_id
from projections.tracking import shown_position
from rules.activity import member_address
from rules.pricing.price import existing

_log = structlog.get_logger("api")

_PROGRAM_AGE_S = 1.0
_WAIT_S = 2.0
_POLL_S = 0.01
_STREAM_SLOTS = 16
"""All streams together leave more than half of the poster's queue to everybody else."""
_PASSWORD_SLOTS = 2
"""As many hashes as are computed at once; see `api.access.passwords`."""
_EXPORT_SLOTS = 2
_POSITION = re.compile(r"[0-9]{1,4}:[0-9]{1,18}")


class Resources(Struct):
    """Everything the endpoints work with; one per process."""

    poster: AsyncPoster
    accounts: AccountReader
    pool: ConnectionPool[Connection[Any]]
    partition_count: int
    keyring: KeyRing
    signing_keys: Keyring
    programs: dict[str, tuple[float, Program]] = {}
    may_call_private: bool = False
    """Whether webhooks may go to addresses that are not public."""
    stream_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_STREAM_SLOTS))
    """One for each group of lines that streams have at the poster."""
    password_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_PASSWORD_SLOTS))
    """One for each password that is looked at; those who wait for it keep no thread from others."""
    reporting: Lock = field(default_factory=Lock)
    """Held by whoever reads all events of a program: one at a time, because the interpreter is shared."""
    export_slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_EXPORT_SLOTS))
    """One for each export that is being made; each takes a connection for as long as it reads."""

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """
        Lend a connection.

        Raises:
            LedgerUnavailable: None is free, or the database cannot be reached.
        """
        try:
            with self.pool.connection() as connection:
                yield connection
        except (PoolTimeout, OperationalError) as error:
            _log.warning("database_lost", error=str(error).strip(), error_type=type(error).__name__)
            raise LedgerUnavailable("The database cannot be reached, or is busy; ask again in a moment.") from None

    def program(self, program_id: str) -> Program:
        """
        Return a program as it is, or was a second ago: good for rendering, never for pricing.

        Raises:
            UnknownProgram: There is none.
        """
        program = self.known_program(program_id)
        if program is None:
            program = self.fresh_program(program_id)
            self.programs[program_id] = (time.monotonic(), program)
        return program

    def known_program(self, program_id: str) -> Program | None:
        """Return a program if it was read less than a second ago; never asks the database."""
        age, program = self.programs.get(program_id, (0.0, None))
        return program if age >= time.monotonic() - _PROGRAM_AGE_S else None

    def fresh_program(self, program_id: str) -> Program:
        """
        Return a program as it is now.

        Raises:
            UnknownProgram: There is none.
        """
        stream_id = program_stream_id(program_id)
        cache = StateCache(self.partition_count)
        with self.connection() as connection:
            cache.load(connection, {stream_id: PROGRAM})
        return existing(cache.entries[stream_id].state)

    def account_of(self, connection: Connection[Any], program_id: str, member: str) -> StreamId:
        """
        Return the account a member is named by.

        Raises:
            UnknownMember: Nobody has this identifier.
            InvalidInput: It is neither a member id nor ``kind:value``.
        """
        address = member_address(program_id, member)
        if isinstance(address, tuple):
            return account_stream_id(program_id, find_member(connection, address))
        if not is_member(connection, program_id, UUID(member)):
            raise UnknownMember(f"{program_id!r} has no member {member}; enrol the member first.", pointer="/member")
        return address

    async def precisely(self, program_id: str, refusal: LedgerError) -> LedgerError:
        """Return the refusal, or rather that the program is unknown if that is why nobody has the identifier."""
        if isinstance(refusal, UnknownMember):
            try:
                await run_in_threadpool(self.program, program_id)
            except UnknownProgram as unknown:
                return unknown
        return refusal

    def wait_for(self, connection: Connection[Any], token: str | None) -> None:
        """
        Wait until the views show a position that a write answered.

        Raises:
            InvalidInput: The token is not one of ours.
            ViewBehind: They do not get there in time.
        """
        if token is None:
            return
        partition, _, position = token.partition(":")
        if not (_POSITION.fullmatch(token) and int(partition) < self.partition_count):
            raise InvalidInput("A position looks like 0:1234, as a write answers it.", pointer="/min_position")
        deadline = time.monotonic() + _WAIT_S
        while (shown := shown_position(connection, int(partition))) < int(position):
            if time.monotonic() > deadline:
                message = f"The views show position {shown} of partition {partition}; ask again in a moment."
                raise ViewBehind(message, shown_position=shown)
            time.sleep(_POLL_S)


def resources(request: Request) -> Resources:
    """Return the process's resources."""
    found: Resources = request.app.state.resources
    return found


def idempotency_references(request: Request) -> tuple[Reference, ...]:
    """
    Return the reference that an ``Idempotency-Key`` header stands for, if there is one.

    Raises:
        InvalidInput: The key is empty, too long, or not plain text.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return ()
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):  # noqa: PLR2004  # as the header's draft
        raise InvalidInput("An Idempotency-Key is 1 to 255 printable ASCII characters.", pointer="/Idempotency-Key")
    return ((caller_of(request).family, key),)


def position_token(posted: Posted) -> str:
    """Return where a write landed, as reads take it in ``min_position``."""
    return f"{posted.partition}:{posted.position}"


def uuid_text(stream_id: StreamId) -> str:
    """Return a stream id as the outside sees it."""
    return str(UUID(bytes=stream_id))
