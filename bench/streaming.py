"""A stream of purchases over HTTP: how fast it is answered, and how much memory the API needs for it."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from bench.figures import figure, note
from bench.ledgers import PROGRAM_ID, enrol, purchase_lines, set_up_program, settings_for, temporary_home
from bench.serving import MEMBERS, serving
from khaywe.wiring import open_database

LINES = int(os.environ.get("KHAYWE_BENCH_LINES", "1000000"))
_PIECE_LINES = 500
_SAMPLE_S = 0.2


def run() -> None:
    """Stream purchases through ``khaywe serve`` from a client process of its own, and watch the API's memory."""
    with temporary_home() as home:
        with open_database(settings_for(home)) as database, database.poster() as poster:
            set_up_program(poster)
            enrol(database, poster, MEMBERS)
        with serving(home) as (port, key, _):
            process_id = _api_process(home)
            stream(port, key, 20_000, first=50_000_000)
            peak = _Peak(process_id)
            before_mb = resident_mb(process_id)
            with peak:
                seconds = stream(port, key, LINES, first=60_000_000)
    note(f"the API held {before_mb:.0f} MB before {LINES:,} lines")
    figure("ndjson_per_s", LINES / seconds, "purchases/s")
    figure("ndjson_peak_mb", peak.mb, "MB")


def stream(port: int, key: str, count: int, *, first: int) -> float:
    """Let a process send a stream and read the answers meanwhile; return the seconds it took."""
    order = json.dumps({"port": port, "key": key, "count": count, "first": first})
    done = subprocess.run(
        [sys.executable, "-m", "bench.streaming"], input=order, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def resident_mb(process_id: int) -> float:
    """Return the memory that a process holds now."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


class _Peak:
    """Looks at a process's memory again and again, and remembers the most."""

    def __init__(self, process_id: int) -> None:
        self.mb = 0.0
        self._process_id = process_id
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(_SAMPLE_S):
            self.mb = max(self.mb, resident_mb(self._process_id))


def _api_process(home: Path) -> int:
    """Return the id of the API process of the server on a data folder."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"_api" in words and f"KHAYWE_HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                return int(folder.name)
        except OSError:
            continue
    raise LookupError("The API process is not there.")


def _send() -> None:
    """Stream as an order on standard input says; print the seconds from the first line to the last answer."""
    order = json.load(sys.stdin)
    # Rendered beforehand: the client shares the machine with the server, and is not what is measured.
    pieces = list(_pieces(order["count"], order["first"]))
    connection = HTTPConnection("127.0.0.1", order["port"], timeout=120)
    connection.connect()
    started = time.perf_counter()
    connection.putrequest("POST", f"/v1/programs/{PROGRAM_ID}/purchases/stream")
    for name, value in {
        "Authorization": f"Bearer {order['key']}",
        "Content-Type": "application/x-ndjson",
        "Transfer-Encoding": "chunked",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()

    def write() -> None:
        for piece in pieces:
            connection.send(piece)
        connection.send(b"0\r\n\r\n")

    writer = threading.Thread(target=write)
    writer.start()
    answer = connection.getresponse()
    assert answer.status == HTTPStatus.OK, answer.read()
    booked = answered = 0
    rest = b""
    while piece := answer.read1(1 << 18):
        # An answer may be cut in two between reads; only whole lines are counted.
        head, line_break, tail = (rest + piece).rpartition(b"\n")
        answered += (head + line_break).count(b"\n")
        booked += head.count(b'"status":201')
        rest = tail
    writer.join()
    assert booked == answered == order["count"], f"{answered} answers, {booked} booked"
    sys.stdout.write(str(time.perf_counter() - started))


def _pieces(count: int, first: int) -> Iterator[bytes]:
    lines: list[bytes] = []
    for line in purchase_lines(count, MEMBERS, first=first):
        lines.append(line + b"\n")
        if len(lines) == _PIECE_LINES:
            yield _chunk(b"".join(lines))
            lines.clear()
    if lines:
        yield _chunk(b"".join(lines))


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


if __name__ == "__main__":
    _send()
