"""PostgreSQL restarts while many tills post: what was acknowledged is there once, and all goes on by itself."""

import threading
import time
from typing import Literal

import pytest
from structlog.typing import EventDict

from tests.acceptance.conftest import Answer, Client, purchase, running
from tests.databases import temporary_database
from tests.integration.api.wire import booked

PURCHASES = "/v1/programs/coffee/purchases"
TILLS = 12


class Till(threading.Thread):
    """Posts purchases, each until it is acknowledged, and keeps every answer."""

    def __init__(self, client: Client, number: int, stopping: threading.Event) -> None:
        super().__init__()
        self.acknowledged: dict[str, str] = {}
        self.refusals: list[Answer] = []
        self.surprises: list[str] = []
        self._client = client
        self._number = number
        self._stopping = stopping

    def run(self) -> None:
        """Post until told to stop; the last one is seen through."""
        while not self._stopping.is_set():
            name = f"T{self._number}-{len(self.acknowledged)}"
            give_up_at = time.monotonic() + 40
            while name not in self.acknowledged:
                answer = self._client.post(PURCHASES, purchase(transaction_id=name))
                if answer.status in {200, 201}:
                    self.acknowledged[name] = answer.json["position"]
                    continue
                self.refusals.append(answer)
                if answer.status != 503 or time.monotonic() > give_up_at:
                    self.surprises.append(answer.text)
                    return
                time.sleep(0.05)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restart_under_load(mode: Literal["fast", "immediate"], logs: list[EventDict]) -> None:
    """Every acknowledged purchase is stored once, the only refusal is 503 with a time, and nobody has to help."""
    stopping = threading.Event()
    with temporary_database() as database, running(database) as client:
        assert database.server
        client.create_program()
        client.enrol()
        tills = [Till(client, number, stopping) for number in range(TILLS)]
        for till in tills:
            till.start()
        for _ in range(2):
            time.sleep(0.5)
            database.server.stop(mode)
            time.sleep(0.3)
            assert database.server.restart_if_dead()
            wait_for_progress(tills)
        stopping.set()
        for till in tills:
            till.join()
        assert [till.surprises for till in tills if till.surprises] == []
        for refusal in [refusal for till in tills for refusal in till.refusals]:
            assert refusal.slug in {"ledger-unavailable", "ledger-busy"}
            assert refusal.headers["Retry-After"]
        acknowledged = {name: position for till in tills for name, position in till.acknowledged.items()}
        assert sorted(booked(database)) == sorted(acknowledged)
        assert positions(client) == acknowledged
        wait_until_ready(client)
    assert [entry for entry in logs if entry["log_level"] == "error" and entry["event"] == "request_failed"] == []


def wait_for_progress(tills: list[Till]) -> None:
    """Wait until every till was acknowledged something new."""
    least = [len(till.acknowledged) + 1 for till in tills]
    give_up_at = time.monotonic() + 40
    while any(len(till.acknowledged) < count for till, count in zip(tills, least, strict=True)):
        assert time.monotonic() < give_up_at
        assert not any(till.surprises for till in tills), [till.surprises for till in tills]
        time.sleep(0.05)


def positions(client: Client) -> dict[str, str]:
    """Return where the purchases are in the ledger."""
    with client.database.connect() as connection:
        rows = connection.execute(
            "SELECT state ->> 'transaction_id', partition || ':' || position FROM ledger.event_log "
            "WHERE topic = 'account.purchase_posted.v1'",
        ).fetchall()
    return dict(rows)


def wait_until_ready(client: Client) -> None:
    """Wait until the server says that it can work, and its views have come along."""
    give_up_at = time.monotonic() + 40
    while client.get("/health/ready").status != 200:
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
