"""Rules as text."""

from typing import Any

import msgspec

_encode = msgspec.json.Encoder(decimal_format="number").encode


def written(rule: Any) -> str:
    """Write a rule as JSON, its decimals digit by digit."""
    return _encode(rule).decode()
