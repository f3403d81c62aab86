"""Signatures: what others can check by themselves, and what does not verify."""

import base64
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.signing import Keyring, NotSigned, opened, pre_authentication, private_of, private_pem, published, sign
from rules.activity import EARLIEST

SEED = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
RING = Keyring(KEY, (published(KEY, EARLIEST),))
KIND = "application/vnd.khaywe.rule-bundle.v1+json"
VECTOR = {
    "payload": "eyJoZWxsbyI6IndvcmxkIn0=",
    "payloadType": KIND,
    "signatures": [
        {
            "keyid": "56475aa75463474c",
            "sig": "DqVl2CeKbj7LzAbNFJY7OUKThYs9tr0LuMjoi0Oo6YStK271nnvXYlT7E8bjFNX9GALW0l6lpenxeQH210hfCw==",
        }
    ],
}
"""Of docs/how-to/offline-tills.md."""


def test_the_vector_of_the_documentation_holds() -> None:
    """Key, signed bytes, signature and envelope, to the byte."""
    assert RING.published[0].public_base64 == "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
    signed = pre_authentication(KIND, b'{"hello":"world"}')
    assert signed == b'DSSEv1 42 application/vnd.khaywe.rule-bundle.v1+json 17 {"hello":"world"}'
    assert sign(RING, KIND, b'{"hello":"world"}') == msgspec.json.encode(VECTOR)


def test_what_was_signed_is_given_back() -> None:
    """By any of the trusted keys."""
    others = [Ed25519PrivateKey.generate().public_key(), KEY.public_key()]
    assert opened(sign(RING, KIND, b"anything"), KIND, others) == b"anything"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{}",
        b"\xff",
        json.dumps(VECTOR | {"payload": "?"}).encode(),
        json.dumps(VECTOR | {"payload": "eyJoZWxsbyI6IndvcmxlIn0="}).encode(),
        json.dumps(VECTOR | {"payloadType": "text/plain"}).encode(),
        json.dumps(VECTOR | {"signatures": []}).encode(),
        json.dumps(VECTOR | {"signatures": [{"keyid": "56475aa75463474c", "sig": "AAAA"}]}).encode(),
    ],
)
def test_what_is_not_signed_is_refused(broken: bytes) -> None:
    """Whatever was done to it."""
    with pytest.raises(NotSigned):
        opened(broken, KIND, [KEY.public_key()])


def test_a_signature_of_an_unknown_key_is_none() -> None:
    """Also where it names a key that is trusted."""
    other = Ed25519PrivateKey.generate()
    forged = Keyring(other, RING.published)
    with pytest.raises(NotSigned):
        opened(sign(forged, KIND, b"anything"), KIND, [KEY.public_key()])


def test_a_private_key_is_read_as_it_was_written_and_never_shown() -> None:
    """Its file holds it; what is printed of a keyring does not."""
    assert private_of(private_pem(KEY)).private_bytes_raw() == SEED
    assert base64.b64encode(SEED).decode() not in repr(RING)
    assert repr(RING) == "Keyring(56475aa75463474c)"


def test_another_kind_of_key_is_refused() -> None:
    """Only Ed25519, and only what is a key."""
    with pytest.raises(ValueError, match="no private key"):
        private_of(b"something else")
