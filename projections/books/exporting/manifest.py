"""What stands beside an exported file: what it was made from, its control totals and its hash."""

import hashlib
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

_BLOCK_BYTES = 1 << 20


class ExportDiffers(ValueError):
    """The file is not the one that its manifest describes."""


class Cover(Struct, frozen=True):
    """What an export was made from. It is written into the file, so it holds nothing that differs between two runs."""

    title: str
    positions: tuple[str, ...]
    """``<partition>:<position>`` of the last event of each partition that was taken in."""
    generator: str
    """Program and version that wrote it, such as ``khaywe 0.1.0``."""
    parameters: dict[str, str] = {}
    """What was asked for, such as program and periods."""
    point_scales: dict[str, int] = {}
    """Digits after the point per ``<program>/<point currency>``; 0 where one is not named."""


class AccountTotal(Struct, frozen=True):
    """Control total of one account in one currency."""

    account: str
    account_name: str
    currency: str
    program_id: str
    """Empty for money; the program that a point currency belongs to."""
    line_count: int
    debit: str
    """Decimal digits, in units of the currency."""
    credit: str


class Manifest(Struct, frozen=True):
    """Describes an exported file so that it can be checked without us: with ``sha256sum`` and an adding machine."""

    file: str
    format: str
    cover: Cover
    line_count: int
    entry_count: int
    control_totals: tuple[AccountTotal, ...]
    journal_hash: str
    """
    Hex; the last link of ``SHA-256(link before || line as JSON)`` over all lines, beginning with 32 zero bytes. The
    same for the same lines in every format.
    """
    sha256: str
    """Of the file; hex."""
    byte_count: int


def manifest_file(file: Path) -> Path:
    """Return where the manifest of a file is: beside it, with ``.manifest.json`` added to its name."""
    return file.with_name(file.name + ".manifest.json")


def verify_export(file: Path) -> dict[str, object]:
    """
    Check a file against the manifest beside it: the journal's, or that of an analytics view.

    Returns:
        The manifest.

    Raises:
        ExportDiffers: There is no manifest, or the file has other bytes.
    """
    try:
        manifest: dict[str, object] = msgspec.json.decode(manifest_file(file).read_bytes(), type=dict)
        sha256, byte_count = digest(file)
    except (OSError, msgspec.DecodeError) as error:
        raise ExportDiffers(f"{file} and its manifest cannot be read: {error}") from None
    if byte_count != manifest.get("byte_count"):
        raise ExportDiffers(
            f"{file} has {byte_count} bytes, and had {manifest.get('byte_count')} when it was exported."
        )
    if sha256 != manifest.get("sha256"):
        raise ExportDiffers(f"{file} has been changed: its SHA-256 is {sha256}, and was {manifest.get('sha256')}.")
    return manifest


def digest(file: Path) -> tuple[str, int]:
    """Return a file's SHA-256 in hex, and its bytes."""
    with file.open("rb") as source:
        sha256, byte_count = digest_of(source)
    return sha256.hex(), byte_count


def digest_of(source: IO[bytes]) -> tuple[bytes, int]:
    """Return SHA-256 and count of the bytes from here to the end."""
    hashed, byte_count = hashlib.sha256(), 0
    while block := source.read(_BLOCK_BYTES):
        hashed.update(block)
        byte_count += len(block)
    return hashed.digest(), byte_count
