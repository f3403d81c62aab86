"""The test button: whether a receiver is there, and what it says."""

from datetime import UTC, datetime
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.openapi import PROGRAM, operation
from api.paging import as_json
from api.resources import resources
from api.webhooks import OF_ONE, WEBHOOK, webhook_of
from ledger.access.roles import Action
from projections.webhooks.log import LoggedAttempt
from projections.webhooks.outbox import secrets_of
from projections.webhooks.payload import test_body
from projections.webhooks.sending import Attempt, Message, Sender

router = APIRouter(prefix="/v1/programs/{program_id}/webhooks/{webhook_id}", tags=["webhooks"])


@router.post(
    "/test",
    summary="Send a trial to a webhook",
    **operation(Action.WRITE_WEBHOOKS, answer=LoggedAttempt, parameters=[PROGRAM, WEBHOOK], refusals=OF_ONE),
)
async def send_trial(request: Request) -> Response:
    """
    Send a ``webhook.test``, signed like every message, and answer with what the receiver answered.

    It is sent at once, also while the webhook is disabled, once, and is not in the log.
    """
    message = await run_in_threadpool(_message, request, datetime.now(UTC))
    async with Sender(may_call_private=resources(request).may_call_private) as sender:
        return as_json(_logged(await sender.send(message)))


def _message(request: Request, now: datetime) -> Message:
    webhook = webhook_of(request)
    with resources(request).connection() as connection:
        secrets = secrets_of(connection, [webhook.webhook_id], now).get(webhook.webhook_id, ())
    return Message(uuid4(), webhook.url, test_body(request.path_params["program_id"], now), secrets)


def _logged(attempt: Attempt) -> LoggedAttempt:
    return LoggedAttempt(
        1, attempt.started_at, attempt.duration_ms, attempt.status_code, attempt.error, attempt.response
    )
