"""Account reads that arrive together are answered by one query."""

from collections import defaultdict, deque
from collections.abc import Callable
from datetime import date
from threading import Condition, Thread
from typing import Any, NamedTuple, Self

import psycopg
import structlog
from psycopg import Connection

from api.bridge import Bridge
from ledger.members.directory import Identifier, IdentifierCache, unknown_member
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable
from ledger.streams import StreamId
from projections.balances import AccountRow, read_accounts

_log = structlog.get_logger("api")

_BATCH_LIMIT = 500
_WAITING_LIMIT = 10_000


class _Ask(NamedTuple):
    address: StreamId | Identifier
    on: date
    future: Any


class AccountReader:
    """
    One thread and one connection that read accounts for everybody.

    A query for fifty accounts takes little longer than a query for one, and a thread per request would cost more
    than the query.
    """

    def __init__(self, connect: Callable[[], Connection[Any]], partition_count: int, bridge: Bridge) -> None:
        """
        Args:
            connect: Opens a connection as the application role.
            partition_count: Of the ledger.
            bridge: Into the event loop of the handlers.
        """
        self._connect = connect
        self._partition_count = partition_count
        self._bridge = bridge
        self._identifiers = IdentifierCache()
        self._connection: Connection[Any] | None = None
        self._waiting: deque[_Ask] = deque()
        self._changed = Condition()
        self._is_stopping = False
        self._thread = Thread(target=self._run, name="account-reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()
        if self._connection is not None:
            self._connection.close()

    async def read(self, address: StreamId | Identifier, on: date) -> AccountRow | None:
        """
        Return an account as of a program-local date, or ``None`` if the views do not show it (yet).

        Raises:
            UnknownMember: Nobody has the identifier.
            LedgerBusy: Too many are waiting.
            LedgerUnavailable: The database cannot be reached.
        """
        future = self._bridge.future()
        with self._changed:
            if len(self._waiting) >= _WAITING_LIMIT:
                raise LedgerBusy("More is waiting than can be read; ask again in a moment.")
            self._waiting.append(_Ask(address, on, future))
            self._changed.notify()
        row: AccountRow | None = await future
        return row

    def _run(self) -> None:
        while asks := self._take():
            try:
                self._answer(asks)
            except Exception as error:  # noqa: BLE001  # the edge of the thread: everybody gets an answer
                self._fail(asks, error)
            self._bridge.wake()

    def _take(self) -> list[_Ask]:
        with self._changed:
            while not self._waiting and not self._is_stopping:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), _BATCH_LIMIT))]

    def _answer(self, asks: list[_Ask]) -> None:
        if self._connection is None:
            self._connection = self._connect()
            # The best plan does not depend on which accounts are asked for, and planning takes longer than reading.
            self._connection.execute("SET plan_cache_mode = force_generic_plan")
        named = [ask.address for ask in asks if isinstance(ask.address, tuple)]
        accounts = self._identifiers.resolve(self._connection, named)
        by_date: dict[date, list[tuple[_Ask, StreamId]]] = defaultdict(list)
        for ask in asks:
            if not isinstance(ask.address, tuple):
                by_date[ask.on].append((ask, ask.address))
            elif account_id := accounts.get(ask.address):
                by_date[ask.on].append((ask, account_id))
            else:
                self._bridge.deliver(ask.future, unknown_member(ask.address))
        for on, found in by_date.items():
            wanted = list({account_id for _, account_id in found})
            rows = read_accounts(self._connection, wanted, on, self._partition_count)
            for ask, account_id in found:
                self._bridge.deliver(ask.future, rows.get(account_id))

    def _fail(self, asks: list[_Ask], error: Exception) -> None:
        if isinstance(error, psycopg.Error):
            _log.warning("database_lost", error=str(error).strip(), error_type=type(error).__name__)
            error = LedgerUnavailable("The database cannot be reached; ask again in a moment.")
        else:
            _log.error("accounts_not_read", exc_info=error)
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for ask in asks:
            self._bridge.deliver(ask.future, error)
