"""Which If-Match names which states; what is none of ours never matches."""

import pytest
from fastapi import Request

from api.etags import expected_of
from ledger.errors import InvalidInput


def asked(value: str | None) -> Request:
    """Return a request with this If-Match."""
    headers = [] if value is None else [(b"if-match", value.encode())]
    return Request({"type": "http", "headers": headers})


CASES = [
    (None, None),
    ("*", None),
    ('"7"', (7,)),
    ('"7.2"', (7,)),
    ('"7", "9"', (7, 9)),
    ('W/"7"', ()),
    ('W/"7", "8"', (8,)),
    ('"abc"', ()),
    ('""', ()),
    ('"99999999999999999999"', ()),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
def test_if_match_names_versions_of_the_stream(value: str | None, expected: tuple[int, ...] | None) -> None:
    """One of several is enough; a weak tag and a foreign one match nothing."""
    assert expected_of(asked(value)) == expected


@pytest.mark.parametrize("value", ["7", '"7', "", '"7" "8"', "*, *"])
def test_what_holds_no_etags_is_refused(value: str) -> None:
    """Rather than taken for no condition."""
    with pytest.raises(InvalidInput) as refused:
        expected_of(asked(value))
    assert refused.value.pointer == "/If-Match"
