"""Lines out of a body that arrives in pieces."""

from api.problems import BodyTooLarge

Line = bytes | BodyTooLarge
"""A line, or what is said about one that is too long to be kept."""


class LineReader:
    """Cuts pieces of a body into lines; keeps no more than one unfinished line. Blank lines are passed over."""

    def __init__(self, limit: int) -> None:
        """
        Args:
            limit: Bytes of a line.
        """
        self._limit = limit
        self._rest = b""
        self._is_skipping = False

    def feed(self, piece: bytes) -> list[Line]:
        """Take a piece, and return the lines that it completes."""
        whole = self._rest + piece
        *lines, self._rest = whole.split(b"\n")
        found: list[Line] = []
        if lines and self._is_skipping:
            del lines[0]
            self._is_skipping = False
            found.append(self._too_long())
        if len(whole) <= self._limit:
            found += [line for line in lines if line and not line.isspace()]
        else:
            found += [
                line if len(line) <= self._limit else self._too_long() for line in lines if line and not line.isspace()
            ]
        if self._is_skipping or len(self._rest) > self._limit:
            self._is_skipping = True
            self._rest = b""
        return found

    def end(self) -> list[Line]:
        """Return the last line, if it did not end in a line break."""
        if self._is_skipping:
            return [self._too_long()]
        return [self._rest] if self._rest and not self._rest.isspace() else []

    def _too_long(self) -> BodyTooLarge:
        message = f"A line has at most {self._limit} bytes."
        return BodyTooLarge(message, limit_bytes=self._limit)
