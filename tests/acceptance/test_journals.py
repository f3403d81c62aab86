"""The journal over HTTP, in every form."""

import base64
import csv
import io
import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from pyarrow import parquet

from tests.acceptance.conftest import Client
from tests.acceptance.desk import BASE, Desk, open_desk
from tests.acceptance.test_books import SETTINGS, close

JOURNAL = f"{BASE}/books/2025-01/journal"
FORMS = ("ndjson", "csv", "xlsx", "parquet", "beancount")


class File(NamedTuple):
    """What was answered."""

    content: bytes
    headers: Mapping[str, str]


@pytest.fixture
def desk(client: Client) -> Desk:
    """Provide a closed month with a sale, a redemption and an accrual."""
    desk = open_desk(client, "1")
    assert client.post(f"{BASE}/books/settings", SETTINGS).status == 201
    desk.buy(1_000, "2025-01-10")
    desk.done("redemptions", "2025-01-20", points=300)
    desk.done("accruals", "2025-01-21", points=50, reason="welcome")
    close(desk, "2025-01")
    return desk


def fetch(desk: Desk, path: str, accept: str | None = None) -> File:
    """Ask for a file, whatever bytes it has."""
    headers = {"Authorization": f"Bearer {desk.client.key}"} | ({"Accept": accept} if accept else {})
    with urllib.request.urlopen(urllib.request.Request(desk.client.base + path, headers=headers)) as answer:
        return File(answer.read(), answer.headers)


def test_every_form_holds_the_same_journal(desk: Desk) -> None:
    """Position, hash, lines and control totals are the same in each; the digest is that of the bytes."""
    files = {form: fetch(desk, f"{JOURNAL}?format={form}") for form in FORMS}
    for name in ("X-Position", "X-Journal-Hash", "X-Journal-Lines", "X-Control-Totals"):
        assert len({file.headers[name] for file in files.values()}) == 1, name
    for form, file in files.items():
        digest = base64.b64encode(sha256(file.content).digest()).decode()
        assert file.headers["Content-Digest"] == f"sha-256=:{digest}:"
        assert file.headers["Content-Length"] == str(len(file.content))
        assert file.headers["Content-Disposition"] == f'attachment; filename="journal-coffee-2025-01.{form}"'
        assert fetch(desk, f"{JOURNAL}?format={form}").content == file.content
    lines = [json.loads(line) for line in files["ndjson"].content.splitlines()]
    assert len(lines) == int(files["csv"].headers["X-Journal-Lines"])
    rows = list(csv.DictReader(io.StringIO(files["csv"].content.decode())))
    assert [row["je_id"] for row in rows] == [line["entry_id"] for line in lines]
    assert rows[-1]["hash"] == files["csv"].headers["X-Journal-Hash"]
    totals = {(account, currency): (debit, credit) for account, currency, debit, credit in told(files["csv"])}
    assert totals["1000", "EUR"] == ("1000.00", "0.00")
    assert parquet.read_table(io.BytesIO(files["parquet"].content)).num_rows == len(lines)
    assert files["xlsx"].content.startswith(b"PK")


def told(file: File) -> list[list[str]]:
    """Return the control totals of a file."""
    found: list[list[str]] = json.loads(file.headers["X-Control-Totals"])
    return found


def test_beancount_takes_it(desk: Desk, tmp_path: Path) -> None:
    """What was fetched passes bean-check."""
    file = tmp_path / "journal.beancount"
    file.write_bytes(fetch(desk, f"{JOURNAL}?format=beancount").content)
    program = Path(sys.executable).with_name("bean-check")
    checked = subprocess.run([str(program), str(file)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "application/x-ndjson"),
        ("*/*", "application/x-ndjson"),
        ("text/csv", "text/csv"),
        ("application/x-ndjson;q=0.5, text/x-beancount", "text/x-beancount"),
        ("text/csv;q=0, application/vnd.apache.parquet;q=0.1", "application/vnd.apache.parquet"),
        ("image/png", "application/x-ndjson"),
    ],
)
def test_accept_chooses_the_form(desk: Desk, accept: str | None, form: str) -> None:
    """The one that the client likes best; lines of JSON where it likes none of them."""
    assert fetch(desk, JOURNAL, accept).headers["Content-Type"].partition(";")[0] == form


def test_what_there_is_no_form_or_month_for_is_refused(desk: Desk) -> None:
    """As a problem, before anything is sent; an open month is told as far as it is."""
    client = desk.client
    for path, status, slug in (
        (f"{JOURNAL}?format=pdf", 422, "invalid-input"),
        (f"{BASE}/books/2025-03/journal?format=csv", 409, "period-not-next"),
        (f"{BASE}/books/2025-13/journal", 422, "invalid-input"),
        ("/v1/programs/tea/books/2025-01/journal", 404, "unknown-program"),
    ):
        answer = client.get(path)
        assert (answer.status, answer.slug) == (status, slug), answer.text
    assert fetch(desk, f"{BASE}/books/2025-02/journal?format=csv").headers["X-Journal-Lines"] == "0"
