"""The files of the key that signs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from khaywe.signing_keys import open_keyring, rotate

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Whoever opens it later gets the same."""
    file = tmp_path / "new" / "signing-key.pem"
    first, again = open_keyring(file), open_keyring(file)
    assert again.published == first.published
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["signing-key.pem"]


def test_a_rotated_key_stays_published(tmp_path: Path) -> None:
    """The newest signs; those before say until when they did."""
    file = tmp_path / "signing-key.pem"
    keyrings = [open_keyring(file), rotate(file, NOW), rotate(file, NOW)]
    newest = open_keyring(file)
    assert newest.published == keyrings[-1].published
    assert [one.key_id for one in newest.published] == [one.published[0].key_id for one in reversed(keyrings)]
    assert [one.retired_at for one in newest.published] == [None, NOW, NOW]
    assert newest.private.private_bytes_raw() == keyrings[-1].private.private_bytes_raw()


def test_a_rotation_that_was_interrupted_leaves_the_old_key_signing(tmp_path: Path) -> None:
    """The list may name a key too many, never the wrong one first."""
    file = tmp_path / "signing-key.pem"
    before = open_keyring(file)
    old = file.read_bytes()
    rotate(file, NOW)
    file.write_bytes(old)
    found = open_keyring(file)
    assert found.published[0].key_id == before.published[0].key_id
    assert found.published[0].retired_at is None


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """It is one no more."""
    file = tmp_path / "signing-key.pem"
    open_keyring(file)
    file.chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600"):
        open_keyring(file)


def test_a_secret_that_is_mounted_for_a_group_is_taken(tmp_path: Path) -> None:
    """As orchestrators do it."""
    file = tmp_path / "signing-key.pem"
    made = open_keyring(file)
    file.chmod(0o440)
    assert open_keyring(file).published[0].key_id == made.published[0].key_id


def test_a_key_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    """In one sentence that names the file."""
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot be written"):
        open_keyring(tmp_path / "file" / "signing-key.pem")


def test_a_file_that_holds_no_key_is_refused_unread(tmp_path: Path) -> None:
    """What is in it is not repeated."""
    file = tmp_path / "signing-key.pem"
    file.write_bytes(b"-----BEGIN SECRET-----")
    file.chmod(0o600)
    with pytest.raises(ValueError, match="cannot be used") as refused:
        open_keyring(file)
    assert "SECRET" not in str(refused.value)
