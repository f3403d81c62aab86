"""
The files of the key that signs: made once, read by every process, changed by hand.

Two files lie beside each other: the private key (mode 0600), and a list of the public keys of all that ever signed.
Neither is in the database: who can change the books cannot also sign for them.
"""

import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ledger.signing import Keyring, PublishedKey, new_private_key, private_of, private_pem, published


def open_keyring(file: Path) -> Keyring:
    """
    Return the key that signs and the public keys of all before it; make a key if there is none.

    Several processes may start at once: the first one's key is everybody's.

    Raises:
        ValueError: A file is there and cannot be used, or none can be made.
    """
    if not file.exists():
        _write(file, private_pem(new_private_key()), replaces=False)
    return _read(file)


def rotate(file: Path, now: datetime) -> Keyring:
    """
    Make a new key sign from now on; the public key of the one before stays published.

    Processes that run go on with the old key until they are started again.
    """
    before = open_keyring(file)
    key = new_private_key()
    newest, *older = before.published
    listed = (published(key, now), replace(newest, retired_at=now), *older)
    # The list first: interrupted in between, it names a key too many, never one too few.
    _write(_list_of(file), msgspec.json.encode(listed), replaces=True)
    _write(file, private_pem(key), replaces=True)
    return Keyring(key, listed)


def _list_of(file: Path) -> Path:
    return file.with_suffix(".public.json")


def _read(file: Path) -> Keyring:
    try:
        key = private_of(file.read_bytes())
    except OSError as error:
        raise ValueError(f"The signing key {file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ValueError(f"The signing key {file} cannot be used: {error}.") from None
    # A group may read it: that is how secrets are mounted for a service. Nobody else may, and nobody may change it.
    if os.name == "posix" and file.stat().st_mode & 0o027:
        raise ValueError(f"The signing key {file} can be read or changed by others; run: chmod 600 {file}")
    ours = published(key, datetime.fromtimestamp(int(file.stat().st_mtime), UTC))
    try:
        listed = msgspec.json.decode(_list_of(file).read_bytes(), type=tuple[PublishedKey, ...])
    except FileNotFoundError:
        listed = ()
    except (OSError, msgspec.MsgspecError):
        raise ValueError(f"The list of public keys {_list_of(file)} cannot be read.") from None
    known = next((one for one in listed if one.key_id == ours.key_id), ours)
    others = tuple(one for one in listed if one.key_id != ours.key_id)
    return Keyring(key, (replace(known, retired_at=None), *others))


def _write(file: Path, content: bytes, *, replaces: bool) -> None:
    """
    Write a file that only its owner reads: all of it, or nothing.

    Raises:
        ValueError: It cannot be written.
    """
    try:
        _write_whole(file, content, replaces=replaces)
    except OSError as error:
        raise ValueError(f"{file} cannot be written: {error.strerror}.") from None


def _write_whole(file: Path, content: bytes, *, replaces: bool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        if replaces:
            written.replace(file)
        else:
            # Fails where another process was faster; then that one's key counts.
            with suppress(FileExistsError):
                os.link(written, file)
    finally:
        written.unlink(missing_ok=True)
