"""``khaywe till`` and ``khaywe signing-key``: verify a bundle and price by it, without a ledger or a network."""

import base64
import binascii
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.bodies import decoded
from khaywe.settings import Settings
from khaywe.signing_keys import open_keyring, rotate
from ledger.errors import LedgerError
from ledger.signing import Keyring, opened, public_of
from rules.tills.bundle import PAYLOAD_TYPE, Bundle, read
from rules.tills.offline import TillPurchase, assumptions, price_on_till

_KEY_BYTES = 32
_MAX_BUNDLE_BYTES = 16 * 1024 * 1024
_MAX_LINE_BYTES = 256 * 1024

_purchase = msgspec.json.Decoder(TillPurchase).decode


def verify(bundle_file: str, key_files: list[str]) -> None:
    """
    Print what a bundle is, if one of the keys has signed it.

    Raises:
        ValueError: It was not signed by any of them, or a file cannot be read.
    """
    bundle = _bundle(bundle_file, key_files)
    until = bundle.valid_until.isoformat() if bundle.valid_until else "another version is published"
    typer.echo(f"{bundle.program_id} version {bundle.version}: from {bundle.effective_from.isoformat()} until {until}")
    for assumed in assumptions(bundle, None):
        typer.echo(f"assumes {assumed}")
    typer.secho("The signature is good.", fg=typer.colors.GREEN)


def price(bundle_file: str, key_files: list[str], purchases_file: str, receipts_file: str | None) -> None:
    """
    Price purchases, one a line, and print them as they are to be posted later, each with what was promised.

    Raises:
        ValueError: The bundle is not signed, or a file cannot be read.
        typer.Exit: Lines could not be priced; which and why was told, and the others were printed.
    """
    bundle = _bundle(bundle_file, key_files)
    refused_count = 0
    with _open(purchases_file) as purchases, _receipts(receipts_file) as receipts:
        for number, line in _lines(purchases):
            try:
                provisional = price_on_till(bundle, decoded(_purchase, line))
            except LedgerError as refusal:
                refused_count += 1
                typer.secho(f"line {number}: {refusal.slug}: {refusal}", err=True, fg=typer.colors.RED)
                continue
            sys.stdout.write(msgspec.json.encode(provisional.upload).decode() + "\n")
            if receipts is not None:
                receipts.write(msgspec.json.encode(provisional.receipt) + b"\n")
    if refused_count:
        raise typer.Exit(2)


def show_key(found: Settings, *, as_base64: bool = False) -> None:
    """Print the public keys, the one that signs first; or that one alone, the base64 of its 32 bytes."""
    keyring = open_keyring(found.signing_key_file)
    if as_base64:
        *_, text, _ = keyring.published[0].public_pem.strip().split("\n")
        typer.echo(base64.b64encode(base64.b64decode(text)[-_KEY_BYTES:]).decode())
    else:
        _show(keyring)


def rotate_key(found: Settings) -> None:
    """Make a new key, and print all of them."""
    _show(rotate(found.signing_key_file, datetime.now(UTC)))
    typer.echo("Start the API processes again, so that they sign with the new key.", err=True)


def _show(keyring: Keyring) -> None:
    for one in keyring.published:
        retired = f", retired {one.retired_at.isoformat()}" if one.retired_at else ""
        typer.echo(f"# {one.key_id}, since {one.since.isoformat()}{retired}\n{one.public_pem}", nl=False)


def _bundle(file: str, key_files: list[str]) -> Bundle:
    keys = [public_key(name) for name in key_files]
    with _open(file) as source:
        return read(opened(source.read(_MAX_BUNDLE_BYTES), PAYLOAD_TYPE, keys))


def public_key(given: str) -> Ed25519PublicKey:
    """Return a public key from a PEM file, or from the base64 of its 32 bytes."""
    if not Path(given).exists():
        try:
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(given, validate=True))
        except (ValueError, binascii.Error):
            raise ValueError(f"{given!r} is neither a file nor a public key in base64.") from None
    with _open(given) as source:
        try:
            return public_of(source.read(_MAX_LINE_BYTES))
        except ValueError:
            raise ValueError(f"{given} holds no public Ed25519 key in PEM.") from None


def _open(file: str) -> IO[bytes]:
    try:
        return sys.stdin.buffer if file == "-" else Path(file).open("rb")
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}.") from None


class _receipts:  # noqa: N801  # reads as a statement
    """A file for receipts, if one is wanted."""

    def __init__(self, file: str | None) -> None:
        self._file = Path(file).open("wb") if file else None  # noqa: SIM115  # closed on leaving

    def __enter__(self) -> IO[bytes] | None:
        return self._file

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _lines(source: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := source.readline(_MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > _MAX_LINE_BYTES:
            raise ValueError(f"Line {number} is longer than {_MAX_LINE_BYTES} bytes.")
        if line.strip():
            yield number, line
