"""How Schemathesis writes and reads a type of body that it does not know; it loads this file itself."""

import json
from typing import Any

import schemathesis

NDJSON = "application/x-ndjson"


@schemathesis.serializer(NDJSON)
def lines(_: Any, value: Any) -> bytes:
    """Write a value as a line of NDJSON, and a list as several."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in (value if isinstance(value, list) else [value]))


@schemathesis.deserializer(NDJSON)
def first_line(_: Any, response: Any) -> Any:
    """Read the first line; the others are alike."""
    return json.loads(response.content.split(b"\n", 1)[0] or b"null")
