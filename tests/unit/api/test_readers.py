"""Lines and items are cut at the same places, however the body is cut into pieces."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.array_reader import ArrayReader
from api.line_reader import LineReader
from api.problems import BodyTooLarge, MalformedBody

LIMIT = 2_000

PIECES = st.integers(1, 40)
LINES = st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=10)
    | st.sampled_from(['"', "\\", "[{", "a,b]}", "\n"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def cut(body: bytes, size: int) -> Iterable[bytes]:
    """Cut a body into pieces."""
    return (body[start : start + size] for start in range(0, len(body), size))


def lines_of(body: bytes, size: int, limit: int = LIMIT) -> list[Any]:
    """Read a body as lines."""
    reader = LineReader(limit)
    return [line for piece in cut(body, size) for line in reader.feed(piece)] + reader.end()


def items_of(body: bytes, size: int, limit: int = LIMIT) -> list[bytes]:
    """Read a body as an array."""
    reader = ArrayReader(limit)
    found = [item for piece in cut(body, size) for item in reader.feed(piece)]
    reader.end()
    return found


@given(LINES, PIECES)
def test_lines_are_those_of_the_whole(lines: list[bytes], size: int) -> None:
    """Whatever is not blank comes out, in order, also where the last line has no end."""
    expected = [line for line in lines if line.strip()]
    assert lines_of(b"\n".join(lines), size) == expected
    assert lines_of(b"\n".join(lines) + b"\n", size) == expected


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_line_that_is_too_long_costs_only_itself(size: int) -> None:
    """It is not kept, and its neighbours are."""
    first, long, last = lines_of(b"12345\n" + b"x" * 50 + b"\n1\n", size, limit=5)
    assert (first, last) == (b"12345", b"1")
    assert isinstance(long, BodyTooLarge)
    (unfinished,) = lines_of(b"y" * 50, size, limit=5)
    assert isinstance(unfinished, BodyTooLarge)


@given(st.lists(VALUES, max_size=6), PIECES, st.sampled_from([None, 2]))
def test_items_are_those_of_the_whole(values: list[Any], size: int, indent: int | None) -> None:
    """However they are nested, spaced and quoted; and each stands on one line."""
    items = items_of(json.dumps(values, indent=indent).encode(), size)
    assert [json.loads(item) for item in items] == values
    assert not any(b"\n" in item for item in items)


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    "body",
    [b"", b"5", b"{}", b'"[1]"', b"[1", b'["1', b"[1]]", b"[1] 2", b"[1][2]", b"[,]", b"[1,]", b"[1,,2]", b"[1}"],
)
def test_what_is_no_array_is_refused(body: bytes, size: int) -> None:
    """Whatever is wrong with it, and wherever it is cut."""
    with pytest.raises(MalformedBody):
        items_of(body, size)


def test_an_item_that_is_too_long_is_refused() -> None:
    """Before it is there as a whole."""
    reader = ArrayReader(10)
    with pytest.raises(BodyTooLarge):
        list(reader.feed(b'["' + b"x" * 20))
    with pytest.raises(BodyTooLarge):
        items_of(b'["12345678901"]', 100, limit=10)
