"""Webhooks: who is told what happens."""

import secrets
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import PROGRAM, operation, path_parameter
from api.paging import as_json
from api.resources import Resources, idempotency_references, resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.instruction import KeyReused, LedgerUnavailable
from ledger.program.decide import UnknownProgram
from projections.webhooks import endpoints
from projections.webhooks.endpoints import Endpoint, TooManyWebhooks, UnknownWebhook, Wanted
from projections.webhooks.kinds import EVERY, KINDS
from projections.webhooks.signing import SECRET_BYTES, shown
from projections.webhooks.targets import MAX_URL, TargetRefused, check

router = APIRouter(prefix="/v1/programs/{program_id}/webhooks", tags=["webhooks"])

WEBHOOK = path_parameter("webhook_id", "The webhook.", "0193e9d5-6c3f-4d4e-9b8e-0f4f5a1c2b3d")
OF_ONE: list[type[LedgerError]] = [UnknownProgram, UnknownWebhook, LedgerUnavailable]
"""What every operation on one webhook can refuse."""

Url = Annotated[str, Meta(max_length=MAX_URL, description="Where to post to; https.", examples=["https://example.com"])]
Kinds = Annotated[list[str], Meta(min_length=1, max_length=100, description="What to tell; * for everything.")]
Description = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*(?![\s\S])")]
Position = Annotated[str, Meta(pattern=r"^[0-9]{1,9}:[0-9]{1,18}(?![\s\S])")]


class WebhookRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to tell what happens in a program."""

    url: Url
    kinds: Kinds
    description: Description = ""
    from_position: Position | None = None
    """Begin after this position of its partition; without it, with what happens next."""


class WebhookChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; what is absent stays."""

    url: Url | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET
    """False stops deliveries; true goes on where they stopped."""


class NewWebhook(Struct, frozen=True):
    """A webhook that was made, with what signs its messages."""

    webhook: Endpoint
    secret: str | None
    """Shown this once. Null when the request was sent again more than a day later."""


class NewSecret(Struct, frozen=True):
    """What signs messages from now on."""

    secret: str
    """Shown this once."""
    previous_expires_at: datetime
    """Until then every message carries a signature of the secret before as well."""


class WebhookList(Struct, frozen=True):
    """The webhooks of a program, oldest first."""

    webhooks: list[Endpoint]


_create = msgspec.json.Decoder(WebhookRequest).decode
_change = msgspec.json.Decoder(WebhookChange).decode


@router.post(
    "",
    summary="Make a webhook",
    **operation(
        Action.WRITE_WEBHOOKS,
        body=WebhookRequest,
        answer=NewWebhook,
        status=201,
        parameters=[PROGRAM],
        refusals=[UnknownProgram, TargetRefused, KeyReused, TooManyWebhooks, LedgerUnavailable],
        example={"url": "https://example.com/khaywe", "kinds": ["purchase.posted", "points.redeemed"]},
    ),
)
async def create(request: Request) -> Response:
    """Tell somebody what happens. The answer is the only one that holds the secret: keep it."""
    asked = await body_of(request, _create)
    body = await request.body()
    return await run_in_threadpool(_make, request, asked, sha256(body).digest())


def _make(request: Request, asked: WebhookRequest, body_hash: bytes) -> Response:
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    _check_kinds(asked.kinds)
    start = _start(found, asked.from_position)
    key = next(iter(idempotency_references(request)), None)
    check(asked.url, may_call_private=found.may_call_private)
    wanted = Wanted(asked.url, _sorted(asked.kinds), asked.description, secrets.token_bytes(SECRET_BYTES), start)
    with found.connection() as connection:
        again = (" ".join(key), body_hash) if key else None
        made = endpoints.make_endpoint(connection, program_id, wanted, again, datetime.now(UTC))
        webhook = endpoints.read_endpoint(connection, program_id, made.endpoint_id)
    view = NewWebhook(webhook, None if made.secret is None else shown(made.secret))
    headers = {"Idempotency-Replayed": "true"} if made.replayed else {}
    return Response(msgspec.json.encode(view), 200 if made.replayed else 201, headers, "application/json")


@router.get(
    "",
    summary="List webhooks",
    **operation(
        Action.READ_WEBHOOKS,
        answer=WebhookList,
        parameters=[PROGRAM],
        refusals=[UnknownProgram, LedgerUnavailable],
    ),
)
def read_all(request: Request) -> Response:
    """Return all webhooks of a program, at most 50, with how each of them does."""
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    with found.connection() as connection:
        return as_json(WebhookList(endpoints.read_endpoints(connection, program_id)))


@router.get(
    "/{webhook_id}",
    summary="Read a webhook",
    **operation(Action.READ_WEBHOOKS, answer=Endpoint, parameters=[PROGRAM, WEBHOOK], refusals=OF_ONE),
)
def read_one(request: Request) -> Response:
    """Return a webhook, and how it does."""
    return as_json(webhook_of(request))


@router.patch(
    "/{webhook_id}",
    summary="Change a webhook",
    **operation(
        Action.WRITE_WEBHOOKS,
        body=WebhookChange,
        answer=Endpoint,
        parameters=[PROGRAM, WEBHOOK],
        refusals=[*OF_ONE, TargetRefused],
        example={"is_enabled": True},
    ),
)
async def change(request: Request) -> Response:
    """
    Change what is named. A webhook that is enabled again misses nothing: it goes on where it stopped.

    What waits already is sent to the new address; another choice of kinds concerns events from here on.
    """
    asked = await body_of(request, _change)
    return await run_in_threadpool(_apply, request, asked)


def _apply(request: Request, asked: WebhookChange) -> Response:
    found, program_id = resources(request), request.path_params["program_id"]
    webhook_id = webhook_of(request).webhook_id
    if asked.kinds is not UNSET:
        _check_kinds(asked.kinds)
    if asked.url is not UNSET:
        check(asked.url, may_call_private=found.may_call_private)
    with found.connection() as connection:
        endpoints.change_endpoint(
            connection,
            program_id,
            webhook_id,
            url=_or_none(asked.url),
            kinds=None if asked.kinds is UNSET else _sorted(asked.kinds),
            description=_or_none(asked.description),
            is_enabled=_or_none(asked.is_enabled),
        )
        return as_json(endpoints.read_endpoint(connection, program_id, webhook_id))


@router.delete(
    "/{webhook_id}",
    summary="Delete a webhook",
    **operation(Action.WRITE_WEBHOOKS, status=204, parameters=[PROGRAM, WEBHOOK], refusals=OF_ONE),
)
def delete(request: Request) -> Response:
    """Delete a webhook with its secrets, its log and what still waits for it."""
    found, program_id = resources(request), request.path_params["program_id"]
    webhook_id = webhook_of(request).webhook_id
    with found.connection() as connection:
        endpoints.delete_endpoint(connection, program_id, webhook_id)
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/rotate-secret",
    summary="Replace the secret of a webhook",
    **operation(Action.WRITE_WEBHOOKS, answer=NewSecret, parameters=[PROGRAM, WEBHOOK], refusals=OF_ONE),
)
def rotate(request: Request) -> Response:
    """Sign with a new secret, and for 24 hours with the one before as well, so that receivers can change over."""
    found, secret = resources(request), secrets.token_bytes(SECRET_BYTES)
    webhook_id = webhook_of(request).webhook_id
    with found.connection() as connection:
        expires_at = endpoints.rotate_secret(connection, webhook_id, secret, datetime.now(UTC))
    return as_json(NewSecret(shown(secret), expires_at))


def webhook_of(request: Request) -> Endpoint:
    """
    Return the webhook that a path names. Not to be called with a connection in hand, because it borrows others.

    Raises:
        UnknownProgram: There is no such program.
        UnknownWebhook: The program does not have it.
    """
    found = resources(request)
    program_id, text = request.path_params["program_id"], request.path_params["webhook_id"]
    found.program(program_id)
    try:
        webhook_id = UUID(text)
    except ValueError:
        raise UnknownWebhook(f"{program_id!r} has no webhook {text!r}.") from None
    with found.connection() as connection:
        return endpoints.read_endpoint(connection, program_id, webhook_id)


def _check_kinds(kinds: list[str]) -> None:
    for number, kind in enumerate(kinds):
        if kind != EVERY and kind not in KINDS:
            detail = f"There is no kind {kind!r}; there are {', '.join(KINDS)}, and * for all."
            raise InvalidInput(detail, pointer=f"/kinds/{number}")


def _sorted(kinds: list[str]) -> list[str]:
    return [EVERY] if EVERY in kinds else sorted(set(kinds))


def _start(found: Resources, place: str | None) -> tuple[int, int] | None:
    if place is None:
        return None
    partition, _, position = place.partition(":")
    if int(partition) >= found.partition_count:
        raise InvalidInput("The ledger has no such partition.", pointer="/from_position")
    return int(partition), int(position)


def _or_none(value: Any) -> Any:
    return None if value is UNSET else value
