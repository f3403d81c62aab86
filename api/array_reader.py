"""Items out of a JSON array that arrives in pieces, without building any of them."""

import re
from collections.abc import Iterator

from api.problems import BodyTooLarge, MalformedBody

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.|\\\Z)*+(?P<end>"|\Z)|[\[\]{},]', re.DOTALL)
"""A text, whole or cut off by the end of the piece, or something that opens, closes or divides."""

_BLANK = b" \t\r\n"


class ArrayReader:
    """
    Cuts pieces of a body into the items of a JSON array; keeps no more than one unfinished item.

    It only looks for where items end. Whether an item is good is found out by whoever reads it.
    """

    def __init__(self, limit: int) -> None:
        """
        Args:
            limit: Bytes of an item.
        """
        self._limit = limit
        self._rest = b""
        self._scanned = 0
        self._depth = 0
        self._has_items = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """
        Take a piece, and give the items that it completes, without line breaks.

        Raises:
            MalformedBody: It is no array.
            BodyTooLarge: An item is too long.
        """
        text = self._rest + piece
        start = 0
        at = self._scanned
        for token in _TOKEN.finditer(text, self._scanned):
            sign = token[0][:1]
            if sign == b'"' and not token["end"]:
                at = token.start()
                break
            at = token.end()
            if self._depth == 0:
                self._open(sign, text[start : token.start()])
                start = at
            elif sign in b"[{":
                self._depth += 1
            elif self._depth == 1 and sign in b",]":
                if item := self._item(text[start : token.start()], is_last=sign == b"]"):
                    yield item
                start = at
            elif sign in b"]}":
                self._depth -= 1
        else:
            at = len(text)
        self._rest = text[start:]
        self._scanned = at - start
        if len(self._rest) > self._limit:
            raise self._too_long()

    def end(self) -> None:
        """
        See to it that the array was whole.

        Raises:
            MalformedBody: It was not.
        """
        if self._depth != _ENDED or self._rest.strip(_BLANK):
            raise MalformedBody("The body is not one whole JSON array.")

    def _open(self, sign: bytes, before: bytes) -> None:
        if sign != b"[" or before.strip(_BLANK):
            raise MalformedBody(
                f"Send a JSON array of purchases; this begins with {(before.strip(_BLANK) + sign)[:1]!r}."
            )
        self._depth = 1

    def _item(self, text: bytes, *, is_last: bool) -> bytes:
        """Return an item; nothing for the end of an array that has none."""
        item = text.strip(_BLANK)
        if len(item) > self._limit:
            raise self._too_long()
        if not item and (self._has_items or not is_last):
            raise MalformedBody("The array has an item that is empty.")
        self._has_items = True
        if is_last:
            self._depth = _ENDED
        return item.replace(b"\r", b" ").replace(b"\n", b" ")

    def _too_long(self) -> BodyTooLarge:
        return BodyTooLarge(f"An item has at most {self._limit} bytes.", limit_bytes=self._limit)


_ENDED = -1
