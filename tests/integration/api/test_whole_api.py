"""
Every operation of the OpenAPI document, asked whatever the document allows and what it does not.

``make fuzz`` takes longer over it than the suite does.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.typing import EventDict

from tests.acceptance.conftest import Client, running
from tests.conftest import NewDatabase

SECONDS = int(os.environ.get("KHAYWE_FUZZ_SECONDS", "35"))
HERE = Path(__file__).parent
METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture
def stocked(new_database: NewDatabase) -> Any:
    """Provide a client of a server that has what the examples of the document speak of."""
    with running(new_database(1), guesses_per_s=1_000_000) as client:
        client.create_program("demo")
        client.enrol("6000123456789", "demo")
        for number in (1001, 1002):
            answer = client.post(
                "/v1/programs/demo/purchases",
                {
                    "source": "store-330",
                    "transaction_id": f"T-{number}",
                    "member": "card:6000123456789",
                    "occurred_at": "2026-03-01T10:00:00Z",
                    "amount": "249.90",
                    "currency": "EUR",
                },
            )
            assert answer.status == 201, answer.text
        yield client


def operations(client: Client) -> list[tuple[str, str]]:
    """Return method and path of every operation."""
    paths = client.get("/openapi.json").json["paths"]
    return [(method.upper(), path) for path, found in paths.items() for method in found if method in METHODS]


def test_nothing_is_done_for_who_does_not_say_who_they_are(stocked: Client) -> None:
    """Without a key, with a wrong one, and with half a header: 401 from every operation below /v1."""
    before = stocked.event_count()
    found = [(method, path) for method, path in operations(stocked) if path.startswith("/v1") and is_closed(path)]
    assert len(found) > 40
    for method, path in found:
        address = re.sub(r"\{[^}]*\}", "demo", path)
        body = None if method == "GET" else {}
        for authorization in ("", "Bearer", "Bearer khaywe_wrong", f"Basic {stocked.key}"):
            answer = stocked.call(method, address, body, headers={"Authorization": authorization})
            assert answer.status == 401, (method, path, authorization, answer.text)
            assert answer.headers["WWW-Authenticate"]
    assert stocked.event_count() == before


def is_closed(path: str) -> bool:
    """Tell whether an operation needs a caller to be known; signing in cannot."""
    return path != "/v1/session"


def test_no_request_breaks_the_api_or_its_document(stocked: Client, logs: list[EventDict], tmp_path: Path) -> None:
    """All checks of Schemathesis over all operations, single and in sequences: nothing fails, no bug shows."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            f"--config-file={HERE / 'schemathesis.toml'}",
            "run",
            f"{stocked.base}/openapi.json",
            f"--header=Authorization: Bearer {stocked.key}",
            f"--max-time={SECONDS}",
            "--max-examples=10" if SECONDS < 120 else "--max-examples=200",
            "--exclude-checks=positive_data_acceptance,ensure_resource_availability",
            "--continue-on-failure",
            "--generation-deterministic",
            "--request-timeout=20",
            "--no-color",
        ],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"), "PYTHONPATH": str(HERE)},
        cwd=tmp_path,  # it keeps what it found in a folder there
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    answered = [entry for entry in logs if entry["event"] == "request_answered"]
    assert len(answered) > 200
    broken = [entry for entry in answered if entry["status"] >= 500 and not may_lag(entry)]
    assert broken == []
    assert [entry for entry in logs if entry["log_level"] in {"error", "critical"}] == []


def may_lag(entry: EventDict) -> bool:
    """Tell whether an answer is a view's that was asked for a position it will never reach."""
    return bool(entry["status"] == 503 and entry["method"] == "GET")
