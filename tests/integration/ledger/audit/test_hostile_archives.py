"""An archive that somebody made to hurt its verifier: it is turned down, quickly and in little memory."""

import gzip
import json
import random
import resource
import subprocess
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from khaywe.auditing.archived import verify_archived
from khaywe.wiring import Database
from ledger.archive.segments import ArchiveUnreadable, records
from ledger.audit import verify_archive as script
from ledger.audit.exporting import Window, export_archive
from ledger.audit.manifest import MANIFEST, read_manifest
from ledger.audit.storing import checkpoints
from tests.conftest import NewDatabase
from tests.integration.ledger.audit.bookkeeper import KEYRING, KEYS, NOW, archive, checkpoint, fill, run_verifier

EMPTY = gzip.compress(b"")
Fields = Iterable[tuple[int, int, bytes]]


def number(value: int) -> bytes:
    """Spell a number as Thrift does."""
    value, spelled = (value << 1) ^ (value >> 63), b""
    while value > 127:
        spelled, value = spelled + bytes([value & 127 | 128]), value >> 7
    return spelled + bytes([value])


def text(value: bytes) -> bytes:
    """Spell a string."""
    return bytes([len(value)]) + value


def several(kind: int, items: list[bytes]) -> bytes:
    """Spell a list of at most 14."""
    return bytes([len(items) << 4 | kind]) + b"".join(items)


def struct(*fields: tuple[int, int, bytes]) -> bytes:
    """Spell a struct: each field with its number and kind."""
    spelled, before = b"", 0
    for field, kind, value in fields:
        spelled, before = spelled + bytes([(field - before) << 4 | kind]) + value, field
    return spelled + b"\0"


def page(size: int, count: int, body: bytes = b"", unpacked: int = 0) -> bytes:
    """Spell a page of values that says what it likes of itself."""
    header = struct((1, 5, number(count)), (2, 5, number(0)), (3, 5, number(3)), (4, 5, number(3)))
    return struct((1, 5, number(0)), (2, 5, number(unpacked)), (3, 5, number(size)), (5, 12, header)) + body


def segment(pages: bytes, count: int, kind: int = 6) -> bytes:
    """Spell a segment all of whose columns are the same pages."""
    schema = [struct((4, 8, text(b"schema")))]
    schema += [struct((1, 5, number(kind)), (4, 8, text(name))) for name in script.COLUMNS]
    columns = [
        struct((3, 12, struct((1, 5, number(kind)), (3, 9, several(8, [text(name)])), *_stored(count))))
        for name in script.COLUMNS
    ]
    group = struct((1, 9, several(12, columns)), (3, 6, number(count)))
    return ending(pages, struct((2, 9, several(12, schema)), (3, 6, number(count)), (4, 9, several(12, [group]))))


def _stored(count: int) -> Fields:
    return (4, 5, number(2)), (5, 6, number(count)), (9, 6, number(4))


def ending(content: bytes, description: bytes) -> bytes:
    """Put what makes a file a Parquet file around it."""
    return b"PAR1" + content + description + len(description).to_bytes(4, "little") + b"PAR1"


def bomb(size: int) -> bytes:
    """Return a small thing that becomes a large one."""
    press = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(press.compress(bytes(1 << 20)) for _ in range(size >> 20)) + press.flush()


BOMB = bomb(1 << 30)
HOSTILE = {
    "pages that lead back": segment(page(0, 0) + page(-len(page(-20, 0)), 0), 1),
    "pages without values": segment(page(len(EMPTY), 0, EMPTY) * 1_000, 1),
    "more values than bytes": segment(page(len(EMPTY), 1 << 30, EMPTY), 1 << 30),
    "a bomb": segment(page(len(BOMB), 1, BOMB, 1 << 30), 1),
    "a bomb that says it is small": segment(page(len(BOMB), 1, BOMB, 100), 1),
    "a list of a billion": ending(b"", b"\x19\xf1" + b"\xff\xff\xff\xff\x0f"),
    "a number of a million digits": ending(b"", b"\x15" + b"\xff" * 1_000_000),
    "structs within structs": ending(b"", b"\x1c" * 100_000),
    "a description larger than the file": b"PAR1" + b"\xff\xff\xff\x7fPAR1",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_segment(database: Database, tmp_path: Path, name: str) -> None:
    """The script ends with 2 and our code with a fault, in 600 MB and ten seconds at most."""
    fill(database, 1)
    archive(database, tmp_path)
    (tmp_path / read_manifest(tmp_path).segments[0].file).write_bytes(HOSTILE[name])
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "verify_archive.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20)),
    )
    assert (done.returncode, done.stderr, done.stdout[:24]) == (2, "", "FAIL\nIt cannot be read: ")
    assert not verify_archived(tmp_path, KEYS).is_whole


def test_bytes_that_fell_over(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever bytes of a segment are others, both come to an end; what passes has the same events."""
    fill(database, 1)
    archive(database, tmp_path)
    file = tmp_path / read_manifest(tmp_path).segments[0].file
    good, events = file.read_bytes(), list(records(file))
    monkeypatch.setattr("sys.argv", ["verify_archive.py", str(tmp_path)])
    dice = random.Random(7)
    for _ in range(300):
        bad = bytearray(good)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        file.write_bytes(bad)
        code = script.main()
        assert code in {0, 1, 2}
        try:
            found = list(records(file))
        except ArchiveUnreadable:
            continue
        assert code or found == events


def test_other_tools_are_told_the_same(database: Database, tmp_path: Path) -> None:
    """A file that has fewer events for a library than for the script does not pass."""
    fill(database, 1)
    archive(database, tmp_path)
    file = tmp_path / read_manifest(tmp_path).segments[0].file
    content = file.read_bytes()
    before, _, after = content.rpartition(b"\x16" + number(25))  # of the group; the ones before are of columns
    file.write_bytes(before + b"\x16" + number(9) + after)
    assert len(list(records(file))) == 9
    assert not verify_archived(tmp_path, KEYS).is_whole
    code, told = run_verifier(tmp_path)
    assert (code, "another number of events" in told) == (2, True)


def test_a_partition_that_is_left_out(new_database: NewDatabase, tmp_path: Path) -> None:
    """One that is named twice does not stand for another."""
    database = new_database(2)
    fill(database)
    archive(database, tmp_path)
    manifest: dict[str, Any] = json.loads((tmp_path / MANIFEST).read_text())
    manifest["spans"][1] = manifest["spans"][0]
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    assert run_verifier(tmp_path) == (1, "FAIL\nThe manifest does not have every partition once.\n")
    assert not verify_archived(tmp_path, KEYS).is_whole


def test_a_checkpoint_that_cannot_be_compared(database: Database, new_database: NewDatabase, tmp_path: Path) -> None:
    """One from before the archive begins is not told to agree; one of other partitions is a fault."""
    fill(database, 1)
    checkpoint(database)
    fill(database, 2, first=1)
    with database.connect() as connection:
        row = connection.execute("SELECT recorded_at FROM ledger.events WHERE position = 45").fetchone()
        assert row is not None
        export_archive(connection, KEYRING, tmp_path, NOW, Window(row[0]))
        (newest, kept) = (sealed.envelope for sealed in checkpoints(connection, KEYS))
    (tmp_path / "kept.json").write_bytes(kept)
    code, told = run_verifier(tmp_path, "--checkpoint", "kept.json")
    assert (code, "NOT compared with checkpoint 1" in told, "agrees with checkpoint 1" in told) == (0, True, False)
    report = verify_archived(tmp_path, KEYS, [kept, newest])
    assert (report.is_whole, report.checkpoints) == (True, [2])
    other = new_database(2)
    fill(other, 1)
    checkpoint(other)
    with other.connect() as connection:
        (kept,) = (sealed.envelope for sealed in checkpoints(connection, KEYS))
    (tmp_path / "kept.json").write_bytes(kept)
    assert run_verifier(tmp_path, "--checkpoint", "kept.json")[0] == 1
    assert "another number of partitions" in verify_archived(tmp_path, KEYS, [kept]).faults[0].reason
