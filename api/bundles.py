"""Rule bundles for tills without a network, and the public keys that they are verified with."""

from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from api.openapi import PROGRAM, operation, path_parameter, query_parameter
from api.resources import resources
from ledger.access.roles import Action
from ledger.dates import as_utc
from ledger.errors import InvalidInput
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import UnknownProgram, UnknownVersion
from ledger.program.state import Program
from ledger.signing import Envelope, PublishedKey, sign
from rules.errors import NoVersionInForce
from rules.pricing.price import version_in_force
from rules.tills.bundle import PAYLOAD_TYPE, bundle_of, written

router = APIRouter(prefix="/v1", tags=["offline tills"])

CURRENT = "current"


class KeysView(Struct, frozen=True):
    """Public keys, newest first; the first one signs."""

    keys: tuple[PublishedKey, ...]


@router.get(
    "/signing-keys",
    summary="Read the public keys that signatures are verified with",
    **operation(Action.READ_TILLS, answer=KeysView),
)
def signing_keys(request: Request) -> Response:
    """Return the key that signs, and those that did before: what they signed stays signed."""
    return Response(
        msgspec.json.encode(KeysView(resources(request).signing_keys.published)), media_type="application/json"
    )


@router.get(
    "/programs/{program_id}/bundles/{version}",
    summary="Download a rule bundle",
    **operation(
        Action.READ_TILLS,
        answer=Envelope,
        parameters=[
            PROGRAM,
            path_parameter("version", "A published version, or current for the one in force.", CURRENT),
            query_parameter(
                "at",
                "Which moment current is about; absent: now.",
                {"type": "string", "format": "date-time"},
            ),
        ],
        refusals=[InvalidInput, UnknownProgram, UnknownVersion, NoVersionInForce, LedgerUnavailable],
    ),
)
def download(request: Request) -> Response:
    """
    Return one version of a program as a signed document that a till can price by without asking anybody.

    It is a DSSE envelope: payload in base64, its type, and an Ed25519 signature over both. One version gives the same
    bytes until another version follows it or another key signs; send the ETag back as If-None-Match, and be told 304.
    """
    found = resources(request)
    at = _instant(request.query_params.get("at"))
    program = found.fresh_program(request.path_params["program_id"])
    number = _number(program, request.path_params["version"], at)
    envelope = sign(found.signing_keys, PAYLOAD_TYPE, written(bundle_of(program, number)))
    etag = f'"{sha256(envelope).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if _is_known(request.headers.get("if-none-match"), etag):
        return Response(None, 304, headers)
    return Response(envelope, 200, headers, "application/json")


def _number(program: Program, wanted: str, at: datetime | None) -> int:
    if wanted == CURRENT:
        return version_in_force(program, at or datetime.now(UTC)).version
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):  # noqa: PLR2004  # beyond any version
        raise UnknownVersion(f"A version is a number, or {CURRENT!r}.")
    return int(wanted)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInput("at is a moment with a zone, such as 2026-11-22T09:30:00Z.", pointer="/at")
    return as_utc(at)


def _is_known(sent: str | None, etag: str) -> bool:
    return sent is not None and any(one.strip().removeprefix("W/") in {etag, "*"} for one in sent.split(","))
