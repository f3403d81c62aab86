"""The body of a batch: put aside as it arrives, then cut into blocks of items that can be stored."""

import asyncio
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import IO

from fastapi import Request

from api.access.caller import Caller
from api.array_reader import ArrayReader
from api.line_reader import LineReader
from api.problems import BodyStalled, MalformedBody
from api.purchase_lines import LINE_LIMIT, NDJSON, read_purchase
from ledger.errors import InvalidInput, LedgerError
from projections.batches import BLOCK_SIZE, Block, Told

ITEM_LIMIT = 1_000_000
"""Items of one batch."""

_IDLE_S = 60.0
_PIECE = 64 * 1024


async def put_aside(request: Request, file: IO[bytes]) -> tuple[bytes, int]:
    """
    Write the body of a request to a file as it arrives.

    Returns:
        Its SHA-256, and its bytes.

    Raises:
        BodyStalled: Nothing came for a minute.
        MalformedBody: The caller hung up.
    """
    digest, size, is_last = sha256(), 0, False
    while not is_last:
        try:
            async with asyncio.timeout(_IDLE_S):
                message = await request.receive()
        except TimeoutError:
            raise BodyStalled(f"Nothing came for {_IDLE_S:g} seconds; send the batch again.") from None
        if message["type"] == "http.disconnect":
            raise MalformedBody("The body ended before it was whole.")
        piece = message.get("body", b"")
        digest.update(piece)
        size += len(piece)
        file.write(piece)
        is_last = not message.get("more_body", False)
    return digest.digest(), size


def blocks(file: IO[bytes], media_type: str, caller: Caller) -> Iterator[Block]:
    """
    Cut a body into blocks.

    Args:
        file: The body.
        media_type: NDJSON or JSON.
        caller: Who sent it.

    Raises:
        MalformedBody: It is no array.
        BodyTooLarge: An item is too long.
        InvalidInput: There are too many.
    """
    file.seek(0)
    items = _lines(file) if media_type == NDJSON else _elements(file)
    count = 0
    while block := list(islice(items, BLOCK_SIZE)):
        count += len(block)
        if count > ITEM_LIMIT:
            raise InvalidInput(f"A batch has at most {ITEM_LIMIT} items; send more in several batches.")
        yield Block(block, dict(_unreadable(block, caller)))


def _unreadable(items: Iterable[bytes], caller: Caller) -> Iterator[tuple[int, Told]]:
    for place, item in enumerate(items):
        try:
            read_purchase(item, caller)
        except LedgerError as refusal:
            yield place, Told.refusing(refusal)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    reader = LineReader(LINE_LIMIT)
    while piece := file.read(_PIECE):
        yield from _kept(reader.feed(piece))
    yield from _kept(reader.end())


def _kept(lines: Iterable[bytes | LedgerError]) -> Iterator[bytes]:
    for line in lines:
        if isinstance(line, LedgerError):
            raise line
        yield line


def _elements(file: IO[bytes]) -> Iterator[bytes]:
    reader = ArrayReader(LINE_LIMIT)
    while piece := file.read(_PIECE):
        yield from reader.feed(piece)
    reader.end()
