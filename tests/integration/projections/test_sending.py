"""One attempt over TLS: the address is looked up by us, and the certificate must still be the host's."""

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from projections.webhooks.sending import Attempt, Message, Sender
from tests.receiver import Receiver

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with the openssl command")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Provide a certificate for localhost, and its key."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext".split()
    command += ["subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def send(url: str) -> Attempt:
    """Send a message."""

    async def once() -> Attempt:
        async with Sender(may_call_private=True) as sender:
            return await sender.send(Message(uuid4(), url, "{}", (bytes(32),)))

    return asyncio.run(once())


def test_the_certificate_must_be_the_hosts(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Known and for this host it is good; unknown, or for another, nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with Receiver(tls=context) as receiver:
        unknown = send(receiver.url.replace("127.0.0.1", "localhost"))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        other = send(receiver.url)
        assert receiver.received == []
        good = send(receiver.url.replace("127.0.0.1", "localhost"))
        assert receiver.received[0].headers["host"].startswith("localhost:")
    assert (unknown.status_code, other.status_code, good.status_code) == (None, None, 200)
    assert "self-signed" in unknown.error
    assert "mismatch" in other.error
