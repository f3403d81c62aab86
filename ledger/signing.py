"""
Ed25519 signatures over bytes, in DSSE envelopes.

Pure: keys are given, nothing is read or kept. What is signed is never the payload alone but its type with it
(`pre_authentication`), so that a signature on one kind of document is none on another. Ed25519 needs no random number:
one key and one document give one signature, always.

Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md; RFC 8032.
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Struct

KEY_ID_LENGTH = 16


class NotSigned(ValueError):
    """An envelope that none of the keys signed, or that is none."""


class PublishedKey(Struct, frozen=True, omit_defaults=True):
    """A public key as others are told of it."""

    key_id: str
    """The first 16 hex digits of the SHA-256 of the 32 bytes of the key."""
    public_pem: str
    public_base64: str
    """The 32 bytes of the key."""
    since: datetime
    """It signs from then on."""
    retired_at: datetime | None = None
    """It signs no more from then on; what it signed before stays signed."""


class Signature(Struct, frozen=True):
    """Who signed, and the signature in base64."""

    keyid: str
    sig: str


class Envelope(Struct, frozen=True, rename="camel"):
    """A signed document, as DSSE spells it."""

    payload: str
    """In base64, so that no reader can change a byte of what was signed."""
    payload_type: str
    signatures: tuple[Signature, ...]


class Keyring(Struct, frozen=True):
    """The key that signs, and the public keys of all that ever did, newest first."""

    private: Ed25519PrivateKey
    published: tuple[PublishedKey, ...]

    def __repr__(self) -> str:
        """Name the keys; the one that signs is never spelled."""
        return f"Keyring({', '.join(one.key_id for one in self.published)})"


def new_private_key() -> Ed25519PrivateKey:
    """Return a new key."""
    return Ed25519PrivateKey.generate()


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """Spell a private key: PKCS 8, not encrypted; for a file that only its owner reads."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def private_of(pem: bytes) -> Ed25519PrivateKey:
    """
    Read a private key.

    Raises:
        ValueError: It is none, or not of Ed25519.
    """
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise ValueError("it holds no private key that is not encrypted") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("its key is not one of Ed25519")  # noqa: TRY004  # its type is its content
    return key


def published(key: Ed25519PrivateKey, since: datetime) -> PublishedKey:
    """Return what others are told of a key."""
    public = key.public_key()
    raw = public.public_bytes_raw()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublishedKey(key_id(raw), pem, base64.b64encode(raw).decode(), since)


def key_id(raw: bytes) -> str:
    """Return the name of a public key, given its 32 bytes."""
    return sha256(raw).hexdigest()[:KEY_ID_LENGTH]


def public_of(pem: bytes) -> Ed25519PublicKey:
    """
    Read a public key.

    Raises:
        ValueError: It is none, or not of Ed25519.
    """
    key = load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("The key is not one of Ed25519.")  # noqa: TRY004  # its type is its content
    return key


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: ``DSSEv1``, and type and payload, each after its length in bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(keyring: Keyring, payload_type: str, payload: bytes) -> bytes:
    """Return the envelope of a document: JSON, and the same bytes whenever the same key signs the same document."""
    signed = keyring.private.sign(pre_authentication(payload_type, payload))
    signature = Signature(keyring.published[0].key_id, base64.b64encode(signed).decode())
    return msgspec.json.encode(Envelope(base64.b64encode(payload).decode(), payload_type, (signature,)))


def opened(envelope: bytes, payload_type: str, keys: Iterable[Ed25519PublicKey]) -> bytes:
    """
    Return the document in an envelope.

    Args:
        envelope: As `sign` made it.
        payload_type: Of the document that is expected.
        keys: Trusted; one signature of one of them is enough.

    Raises:
        NotSigned: It is none, of another type, or signed by none of the keys.
    """
    try:
        read = msgspec.json.decode(envelope, type=Envelope)
        payload = base64.b64decode(read.payload, validate=True)
        signatures = {one.keyid: base64.b64decode(one.sig, validate=True) for one in read.signatures}
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error):
        raise NotSigned("This is no DSSE envelope.") from None
    if read.payload_type != payload_type:
        raise NotSigned(f"This is a signed {read.payload_type!r}, not a {payload_type!r}.")
    message = pre_authentication(payload_type, payload)
    for key in keys:
        signature = signatures.get(key_id(key.public_bytes_raw()))
        if signature is not None and _is_valid(key, signature, message):
            return payload
    raise NotSigned("None of the keys given has signed this, or it was changed since.")


def _is_valid(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
