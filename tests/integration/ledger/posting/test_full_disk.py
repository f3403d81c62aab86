"""A disk that fills up while posting: what was acknowledged stays, and when there is room again work goes on."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from khaywe.settings import Settings
from khaywe.wiring import open_database
from ledger.posting.instruction import LedgerUnavailable, Posted
from ledger.posting.poster import Poster
from tests.integration.ledger import till
from tests.integration.ledger.till import accrue, open_account

DISK_MB = 400
FREE_MB = 24
"""Less than two files of the write-ahead log."""


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Provide a disk of its own, which nobody else minds being full."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk to fill")
    with tempfile.TemporaryDirectory(prefix="khaywe-test-") as folder:
        Path(folder).chmod(0o755)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "khaywe-test", folder]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("this machine does not let us mount a disk to fill")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def test_full_disk_loses_nothing(small_disk: Path) -> None:
    """Callers are told that nothing can be recorded; the ledger is whole, and takes the rest once there is room."""
    environment = {"KHAYWE_HOME": str(small_disk / "home"), "KHAYWE_DATABASE_PORT": "0"}
    settings = Settings.from_environment(environment)
    ballast = small_disk / "ballast"
    acknowledged: list[str] = []
    with open_database(settings) as database, database.poster() as poster:
        poster.post([open_account(1)])
        leave_free(small_disk, ballast)
        refused = post_until_refused(poster, acknowledged)
    assert acknowledged
    ballast.unlink()

    with open_database(settings) as database:
        assert set(acknowledged) <= set(till.keys_of(till.log_of(database)))
        with database.poster() as poster:
            again = poster.post([accrue(1, 1, key) for key in acknowledged])
            assert all(isinstance(outcome, Posted) and outcome.replayed for outcome in again)
            assert all(isinstance(outcome, Posted) for outcome in poster.post([accrue(1, 1, key) for key in refused]))
        keys = till.keys_of(till.log_of(database))
        assert sorted(keys) == sorted([*acknowledged, *refused])
        assert till.balance(database, 1) == len(keys)


def leave_free(disk: Path, ballast: Path) -> None:
    """Fill the disk but for a little."""
    status = os.statvfs(disk)
    size = status.f_frsize * status.f_bavail - (FREE_MB << 20)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def post_until_refused(poster: Poster, acknowledged: list[str]) -> list[str]:
    """Post until the ledger says that it cannot; return the keys that were refused."""
    for number in count():
        keys = [f"{number}-{n}" for n in range(500)]
        outcomes = poster.post([accrue(1, 1, key) for key in keys])
        acknowledged += [key for key, outcome in zip(keys, outcomes, strict=True) if isinstance(outcome, Posted)]
        refused = [key for key, outcome in zip(keys, outcomes, strict=True) if not isinstance(outcome, Posted)]
        if refused:
            assert all(isinstance(o, LedgerUnavailable) for o in outcomes if not isinstance(o, Posted))
            return refused
    raise AssertionError
