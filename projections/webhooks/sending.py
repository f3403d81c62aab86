"""One attempt to deliver: resolve, check, connect to what was checked, send, and read a little of the answer."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import httpx
from msgspec import Struct

from projections.webhooks.backoff import retry_after
from projections.webhooks.signing import signed_headers
from projections.webhooks.targets import Target, TargetRefused, checked, resolve, target_of

TIMEOUT_S: Final = 15.0
"""For everything: looking up, connecting, sending, and the whole answer."""

_KEPT_BYTES: Final = 1024
_READ_BYTES: Final = 64 * 1024
"""An answer longer than this is not read to its end."""

_GONE: Final = 410

_FEW: Final = httpx.Limits(max_connections=64, max_keepalive_connections=16)
"""Connections of one host. The library looks at all of them for every request, and then again for each of them."""


class Message(Struct, frozen=True):
    """What is sent to whom."""

    delivery_id: UUID
    url: str
    body: str
    secrets: tuple[bytes, ...]

    def __repr__(self) -> str:
        """Show which message it is, and nothing that signs it: this may end up in a log."""
        return f"Message({self.delivery_id})"


class Attempt(Struct, frozen=True):
    """What came of it."""

    started_at: datetime
    duration_ms: int
    status_code: int | None
    """Of the answer; absent if there was none."""
    error: str
    """Why there was none."""
    response: str
    """The first KiB of the answer."""
    asked_for: timedelta | None = None
    """By the receiver: how long to wait."""

    @property
    def is_success(self) -> bool:
        """Whether the receiver has it."""
        return self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004  # as HTTP says

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more, ever."""
        return self.status_code == _GONE


class Sender:
    """Sends messages, and keeps connections for the next."""

    def __init__(self, *, may_call_private: bool) -> None:
        """
        Args:
            may_call_private: Also to addresses that are not public, and without TLS.
        """
        self._may_call_private = may_call_private
        self._verify = httpx.create_ssl_context()
        # One for each host: a connection is known by its address, and two hosts may share one.
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    async def send(self, message: Message) -> Attempt:
        """Make one attempt. Never raises for what the other side does."""
        started_at, started = datetime.now(UTC), time.perf_counter()
        status_code, error, response, asked_for = None, "", "", None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status_code, headers, content = await self._post(message, started_at)
            response = content[:_KEPT_BYTES].decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
            asked_for = retry_after(headers.get("retry-after"), started_at)
        except TimeoutError:
            error = f"No answer within {TIMEOUT_S:.0f} s."
        except TargetRefused as refusal:
            error = refusal.detail
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as failure:
            error = f"{type(failure).__name__}: {failure}"[:_KEPT_BYTES].replace("\x00", "")
        duration_ms = round((time.perf_counter() - started) * 1000)
        return Attempt(started_at, duration_ms, status_code, error, response, asked_for)

    async def _post(self, message: Message, now: datetime) -> tuple[int, Mapping[str, str], bytes]:
        target = target_of(message.url, may_call_private=self._may_call_private)
        addresses = await asyncio.to_thread(resolve, target)
        address = checked(addresses, may_call_private=self._may_call_private)
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": "Khaywe-Webhooks/1",
            "Accept-Encoding": "identity",
        } | signed_headers(message.delivery_id, message.body, message.secrets, now)
        request = self._client(target).stream(
            "POST",
            target.at(address),
            content=message.body.encode(),
            headers=headers,
            extensions={"sni_hostname": target.host},
        )
        async with request as answer:
            content = b""
            async for chunk in answer.aiter_raw():
                content += chunk
                if len(content) > _READ_BYTES:
                    break
            return answer.status_code, answer.headers, content

    def _client(self, target: Target) -> httpx.AsyncClient:
        found = self._clients.get(target.authority)
        if found is None:
            found = self._clients[target.authority] = httpx.AsyncClient(
                verify=self._verify,
                trust_env=False,  # neither proxies nor .netrc: what was checked is what is called
                follow_redirects=False,
                timeout=TIMEOUT_S,
                limits=_FEW,
            )
        return found
