"""The log of webhooks: what was delivered, what was not and why; and delivering it again."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import CURSOR, LIMIT, PROGRAM, operation, path_parameter, query_parameter
from api.paging import as_json, cursor_of, limit_of, token
from api.resources import resources
from api.webhooks import OF_ONE, WEBHOOK, webhook_of
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from projections.webhooks import log
from projections.webhooks.log import Cursor, Delivery, UnknownDelivery

router = APIRouter(prefix="/v1/programs/{program_id}/webhooks/{webhook_id}", tags=["webhooks"])

_STATUSES = ("waiting", "delivered", "dead")
_DELIVERY = path_parameter("delivery_id", "The delivery.", "0193e9d5-6c3f-4d4e-9b8e-0f4f5a1c2b3d")


class DeliveryPage(Struct, frozen=True):
    """Deliveries, those of the newest events first."""

    deliveries: list[Delivery]
    next_cursor: str | None


class ResendRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What to deliver again."""

    since: Annotated[datetime, Meta(tz=True)] | None = None
    """Everything recorded from then on that the log still has, delivered or not; absent: all dead letters."""


class Resent(Struct, frozen=True):
    """How many deliveries wait again."""

    resent_count: int


_resend = msgspec.json.Decoder(ResendRequest).decode


@router.get(
    "/deliveries",
    summary="Read the log of a webhook",
    **operation(
        Action.READ_WEBHOOKS,
        answer=DeliveryPage,
        parameters=[
            PROGRAM,
            WEBHOOK,
            query_parameter("status", "Only those.", {"type": "string", "enum": list(_STATUSES)}),
            LIMIT,
            CURSOR,
        ],
        refusals=[*OF_ONE, InvalidInput],
    ),
)
def deliveries(request: Request) -> Response:
    """Return deliveries with every attempt. What was delivered is kept for 30 days, what was given up for 90."""
    status, limit = request.query_params.get("status"), limit_of(request)
    after: Cursor | None = cursor_of(request, Cursor)
    if status is not None and status not in _STATUSES:
        raise InvalidInput(f"status is one of {', '.join(_STATUSES)}.", pointer="/status")
    found = resources(request)
    webhook_id = webhook_of(request).webhook_id
    with found.connection() as connection:
        rows = log.read_deliveries(connection, webhook_id, status=status, after=after, limit=limit)
    last = rows[-1] if len(rows) == limit else None
    return as_json(DeliveryPage(rows, token([last.recorded_at, last.delivery_id]) if last else None))


@router.get(
    "/deliveries/{delivery_id}",
    summary="Read a delivery with what was sent",
    **operation(
        Action.READ_WEBHOOKS,
        answer=Delivery,
        parameters=[PROGRAM, WEBHOOK, _DELIVERY],
        refusals=[*OF_ONE, UnknownDelivery],
    ),
)
def delivery(request: Request) -> Response:
    """Return a delivery, every attempt, and the body."""
    found = resources(request)
    webhook_id = webhook_of(request).webhook_id
    with found.connection() as connection:
        return as_json(log.read_delivery(connection, webhook_id, _delivery_id(request)))


@router.post(
    "/deliveries/{delivery_id}/resend",
    summary="Deliver an event again",
    **operation(
        Action.WRITE_WEBHOOKS,
        answer=Delivery,
        parameters=[PROGRAM, WEBHOOK, _DELIVERY],
        refusals=[*OF_ONE, UnknownDelivery],
    ),
)
def resend_one(request: Request) -> Response:
    """
    Deliver an event again, whether or not it was delivered, with the same id and a new schedule of retries.

    Until it has arrived, or is given up, later events of the same account wait for it. One that waits already stays
    where it is.
    """
    found, delivery_id = resources(request), _delivery_id(request)
    webhook_id = webhook_of(request).webhook_id
    with found.connection() as connection:
        log.read_delivery(connection, webhook_id, delivery_id)
        log.resend(connection, webhook_id, datetime.now(UTC), delivery_id=delivery_id)
        return as_json(log.read_delivery(connection, webhook_id, delivery_id))


@router.post(
    "/resend",
    summary="Deliver dead letters, or everything since an instant, again",
    **operation(
        Action.WRITE_WEBHOOKS,
        body=ResendRequest,
        answer=Resent,
        parameters=[PROGRAM, WEBHOOK],
        refusals=OF_ONE,
        example={"since": "2026-11-24T00:00:00Z"},
    ),
)
async def resend_many(request: Request) -> Response:
    """Deliver again, in the order of each account; receivers know by ``webhook-id`` what they have seen."""
    asked = await body_of(request, _resend)
    return await run_in_threadpool(_resend_many, request, asked)


def _resend_many(request: Request, asked: ResendRequest) -> Response:
    found = resources(request)
    webhook_id = webhook_of(request).webhook_id
    with found.connection() as connection:
        return as_json(Resent(log.resend(connection, webhook_id, datetime.now(UTC), since=asked.since)))


def _delivery_id(request: Request) -> UUID:
    text = request.path_params["delivery_id"]
    try:
        return UUID(text.removeprefix("msg_"))
    except ValueError:
        raise UnknownDelivery(f"The webhook has no delivery {text!r}.") from None
