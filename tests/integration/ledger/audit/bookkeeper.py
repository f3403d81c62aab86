"""A ledger with accounts that earned and spent, and a key that signs for it."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from khaywe.wiring import Database
from ledger.audit.checkpoint import Checkpoint
from ledger.audit.exporting import export_archive
from ledger.audit.storing import keys_of
from ledger.audit.taking import take_checkpoint
from ledger.signing import Keyring, new_private_key, published
from tests.integration.ledger import till

NOW = datetime(2026, 4, 1, tzinfo=UTC)
_PRIVATE = new_private_key()
KEYRING = Keyring(_PRIVATE, (published(_PRIVATE, NOW),))
KEYS = keys_of(KEYRING)
ACCOUNTS = 10


def fill(database: Database, rounds: int = 6, *, first: int = 0) -> None:
    """Let ten members join, earn and spend, a few times over."""
    with database.poster() as poster:
        if not first:
            poster.post([till.open_account(number) for number in range(ACCOUNTS)])
        for turn in range(first, first + rounds):
            poster.post([till.accrue(number, 100, f"A{turn}-{number}") for number in range(ACCOUNTS)])
            poster.post([till.redeem(number, 30, f"R{turn}-{number}") for number in range(0, ACCOUNTS, 2)])


def checkpoint(database: Database) -> Checkpoint:
    """Take a checkpoint."""
    with database.connect() as connection:
        return take_checkpoint(connection, KEYRING, NOW).checkpoint


def archive(database: Database, folder: Path) -> None:
    """Export everything."""
    with database.connect() as connection:
        export_archive(connection, KEYRING, folder, NOW)


def run_verifier(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the script that lies beside an archive, without anything of ours on its path."""
    command = [sys.executable, "-I", str(folder / "verify_archive.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.stderr == ""
    return done.returncode, done.stdout
