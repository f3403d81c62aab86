"""Where webhooks may go: out into the world, and nowhere behind our own doors unless the operator says so."""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ledger.errors import LedgerError

MAX_URL: Final = 2000

_NAT64: Final = IPv6Network("64:ff9b::/96")
_PORTS: Final = {"http": 80, "https": 443}


class TargetRefused(LedgerError):
    """Webhooks are not sent to this address."""

    slug = "webhook-target-refused"


class Target(NamedTuple):
    """A URL, taken apart."""

    scheme: str
    host: str
    port: int
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """What goes into the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def at(self, address: str) -> str:
        """Return the URL with the host replaced by an address of it."""
        host = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def target_of(url: str, *, may_call_private: bool) -> Target:
    """
    Take a URL apart.

    Raises:
        TargetRefused: It is none, or one that webhooks are not sent to.
    """
    if not (url.isascii() and url.isprintable() and " " not in url and "\\" not in url and len(url) <= MAX_URL):
        raise _refused(f"A URL has at most {MAX_URL} printable ASCII characters and no spaces.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _refused(f"This is not a URL: {error}.") from None
    if parts.scheme not in _PORTS or (parts.scheme == "http" and not may_call_private):
        raise _refused("A URL starts with https://.")
    if not host or port == 0 or parts.username is not None or parts.password is not None or "#" in url:
        raise _refused("A URL names a host, and has no user, password or fragment.")
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], (parts.path or "/") + query)


def checked(addresses: Sequence[str], *, may_call_private: bool) -> str:
    """
    Return the address to connect to: the first, if none of them is private.

    Raises:
        TargetRefused: One of them is.
    """
    for address in addresses:
        if not (may_call_private or is_public(address)):
            raise _refused("The host resolves to an address that is not on the public internet.")
    return addresses[0]


def resolve(target: Target) -> list[str]:
    """
    Return the addresses of a host.

    Raises:
        OSError: It has none.
    """
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def check(url: str, *, may_call_private: bool) -> None:
    """
    Check a URL before it is saved; a host that has no address yet may get one.

    Raises:
        TargetRefused: Webhooks are not sent there.
    """
    target = target_of(url, may_call_private=may_call_private)
    try:
        addresses = resolve(target)
    except (OSError, UnicodeError):
        return
    checked(addresses, may_call_private=may_call_private)


def is_public(text: str) -> bool:
    """Tell whether an address belongs to the public internet, also where IPv6 wraps an address of IPv4."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(IPv4Address(int(address) & 0xFFFF_FFFF))
        if any(one is not None and not is_public(str(one)) for one in inner):
            return False
        if address.ipv4_mapped is not None:
            return True
    return address.is_global and not address.is_multicast


def _refused(detail: str) -> TargetRefused:
    return TargetRefused(detail, pointer="/url")
