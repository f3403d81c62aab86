"""What we sign verifies as the convention says, and as our own documentation does."""

import json
import re
import time
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from projections.webhooks.signing import shown, signed_headers

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "receive-webhooks.md"
DELIVERY = UUID(int=7)


@given(secret=st.binary(min_size=24, max_size=64), content=st.dictionaries(st.text(), st.text()))
def test_the_library_of_the_convention_agrees(secret: bytes, content: dict[str, str]) -> None:
    """Whatever the secret and the body."""
    body = json.dumps(content, ensure_ascii=False)
    now = datetime.now(UTC)
    headers = signed_headers(DELIVERY, body, [secret], now)
    assert Webhook(shown(secret)).verify(body, headers) == content
    assert Webhook(secret).sign(headers["webhook-id"], now, body) == headers["webhook-signature"]


def documented() -> Any:
    """Return the function that the page shows."""
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)
    return names["verify"]


def test_the_page_verifies_what_we_sign() -> None:
    """With either secret while one replaces the other, and nothing that was changed, is old or is somebody else's."""
    verify, now = documented(), datetime.now(UTC)
    secrets = [b"n" * 32, b"o" * 32]
    body = '{"a":"é"}'
    headers = signed_headers(DELIVERY, body, secrets, now)
    for secret in secrets:
        verify(shown(secret), headers, body.encode())
    for secret, changed, sent in (
        (b"x" * 32, headers, body),
        (secrets[0], headers, body + " "),
        (secrets[0], headers | {"webhook-id": "msg_8"}, body),
        (secrets[0], headers | {"webhook-timestamp": str(int(time.time()) + 1)}, body),
        (secrets[0], signed_headers(DELIVERY, body, secrets, datetime.fromtimestamp(time.time() - 400, UTC)), body),
    ):
        with pytest.raises(ValueError, match=r"not ours|too old"):
            verify(shown(secret), changed, sent.encode())


def test_a_secret_is_shown_as_the_convention_spells_it() -> None:
    """The prefix, and base64."""
    assert shown(bytes(24)) == "whsec_" + b64encode(bytes(24)).decode()
