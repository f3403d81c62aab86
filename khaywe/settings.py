"""What the environment decides: read once at the start, handed on as a value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Self

HIGHEST_PORT = 65_535


class SettingsError(Exception):
    """An environment variable has a value that cannot be used."""

    def __init__(self, variable: str, value: str, allowed: str) -> None:
        super().__init__(f"{variable} is {value!r}, but must be {allowed}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator sets through the environment."""

    home: Path
    """Absolute folder of everything this machine keeps: the embedded PostgreSQL, uploads, exports."""

    database_url: str | None = field(repr=False)
    """External PostgreSQL; when set, nothing is embedded. May hold a password, so it is never shown."""

    host: str
    """Address the API listens on."""

    port: int
    """Port the API listens on."""

    database_port: int | None
    """Loopback port of the embedded PostgreSQL; 0: Unix socket only; None: chosen once and remembered."""

    signing_key_file: Path
    """The private key that signs rule bundles; processes that answer for one ledger share it."""

    webhook_allow_private: bool = False
    """Whether webhooks may go to private addresses and without TLS: for tests, and where everything is inside."""

    guesses_per_s: int = 10
    """Wrong keys and passwords that an address may show; more where everybody comes through one proxy."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """
        Read the ``KHAYWE_*`` variables; an empty one counts as not set.

        Raises:
            SettingsError: A value is outside what its variable allows.
        """
        home = Path(environ.get("KHAYWE_HOME") or "var").expanduser().absolute()
        return cls(
            home=home,
            database_url=_database_url(environ.get("KHAYWE_DATABASE_URL") or None),
            host=_host(environ.get("KHAYWE_HOST") or "127.0.0.1"),
            port=_port("KHAYWE_PORT", environ.get("KHAYWE_PORT") or "8000", lowest=1),
            database_port=_database_port(environ.get("KHAYWE_DATABASE_PORT") or None),
            guesses_per_s=_count("KHAYWE_GUESSES_PER_S", environ.get("KHAYWE_GUESSES_PER_S") or "10"),
            webhook_allow_private=_switch("KHAYWE_WEBHOOK_ALLOW_PRIVATE", environ),
            signing_key_file=_signing_key_file(environ.get("KHAYWE_SIGNING_KEY_FILE"), home),
        )


def _database_url(text: str | None) -> str | None:
    if text is None or re.match(r"postgres(ql)?://", text):
        return text
    # The value is shown without what may be a password: errors end up in logs and tickets.
    shown = re.sub(r"://[^/]*@|(?<=password=)\S+", "…", text)
    raise SettingsError("KHAYWE_DATABASE_URL", shown, "a URL like postgresql://user:password@host:5432/database")


def _signing_key_file(text: str | None, home: Path) -> Path:
    return Path(text).expanduser().absolute() if text else home / "signing-key.pem"


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", text):
        try:
            ip_address(text)
        except ValueError:
            allowed = "a host name or an IP address, without a port (that is KHAYWE_PORT)"
            raise SettingsError("KHAYWE_HOST", text, allowed) from None
    return text


def _database_port(text: str | None) -> int | None:
    return None if text is None else _port("KHAYWE_DATABASE_PORT", text, lowest=0)


def _switch(variable: str, environ: Mapping[str, str]) -> bool:
    text = environ.get(variable) or "0"
    if text not in {"0", "1"}:
        raise SettingsError(variable, text, "0 or 1")
    return text == "1"


def _port(variable: str, text: str, *, lowest: int) -> int:
    # int() alone would also take "8_000", " 80 " and digits of other scripts.
    if not re.fullmatch(r"[0-9]{1,5}", text) or not lowest <= int(text) <= HIGHEST_PORT:
        raise SettingsError(variable, text, f"a whole number from {lowest} to {HIGHEST_PORT}")
    return int(text)


def _count(variable: str, text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise SettingsError(variable, text, "a whole number from 1 to 999999")
    return int(text)
