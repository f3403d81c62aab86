"""
Signatures after the Standard Webhooks convention.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

SECRET_BYTES: Final = 32
"""Of a new secret; the convention wants 24 to 64."""


def shown(secret: bytes) -> str:
    """Return a secret as its owner is shown it, once."""
    return "whsec_" + b64encode(secret).decode()


def message_id(delivery_id: UUID) -> str:
    """Return the ``webhook-id``: the same for every attempt, so that a receiver knows what it has seen."""
    return f"msg_{delivery_id.hex}"


def signed_headers(delivery_id: UUID, body: str, secrets: Sequence[bytes], now: datetime) -> dict[str, str]:
    """
    Return the headers that prove where a message comes from.

    Args:
        delivery_id: Of the message.
        body: Exactly as it is sent.
        secrets: In force: one, or more while one is being replaced; a signature for each.
        now: When it is sent.
    """
    name, timestamp = message_id(delivery_id), str(int(now.timestamp()))
    signed = f"{name}.{timestamp}.{body}".encode()
    signatures = [b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets]
    return {
        "webhook-id": name,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
