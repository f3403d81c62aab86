"""What an operator does to a member's account as a whole: stop it, end it, merge it, give it a tier."""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.booking import COMMON, answer, book, booked, carried_out
from api.openapi import MEMBER, PROGRAM, operation
from api.people import named_member
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.account.errors import AlreadySuspended, HoldsOpen, NotSuspended, PointsOwed, SameAccount
from ledger.account.events import AccountClosed, AccountSuspended, SuspensionLifted, TierChanged, TierRetained
from ledger.members.directory import UnknownMember
from ledger.members.errors import MemberErased
from ledger.members.merging import finish_merger
from ledger.members.people import member_of_account, read_member
from ledger.posting.instruction import Posted
from rules.activity import member_address
from rules.errors import UnknownTier
from rules.instructions import assign_tier, close_account, lift_suspension, merge_account, suspend_account
from rules.requests import MergerRequest, StandingRequest, TierRequest

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}", tags=["accounts"])

_standing = msgspec.json.Decoder(StandingRequest).decode
_tier = msgspec.json.Decoder(TierRequest).decode
_merger = msgspec.json.Decoder(MergerRequest).decode
_EXAMPLE = {"source": "service-desk", "occurred_at": "2026-11-24T10:00:00+01:00", "reason": "suspected misuse"}
_PARAMETERS = [PROGRAM, MEMBER]


@router.post(
    "/suspend",
    summary="Suspend an account",
    **operation(
        Action.MANAGE_ACCOUNTS,
        body=StandingRequest,
        answer=booked("SuspensionView", AccountSuspended),
        status=201,
        parameters=_PARAMETERS,
        refusals=[*COMMON, AlreadySuspended],
        example=_EXAMPLE | {"may_earn": True},
    ),
)
async def suspend(request: Request) -> Response:
    """Stop an account: nothing is spent, and nothing earned unless ``may_earn`` says so. Returns and voids go on."""
    asked, member = await body_of(request, _standing), request.path_params["member"]
    return await book(request, lambda program, now, keys: suspend_account(program, member, asked, now, keys=keys))


@router.post(
    "/resume",
    summary="Lift a suspension",
    **operation(
        Action.MANAGE_ACCOUNTS,
        body=StandingRequest,
        answer=booked("ResumptionView", SuspensionLifted),
        status=201,
        parameters=_PARAMETERS,
        refusals=[*COMMON, NotSuspended],
        example=_EXAMPLE | {"reason": "cleared"},
    ),
)
async def resume(request: Request) -> Response:
    """Let a suspended account go on."""
    asked, member = await body_of(request, _standing), request.path_params["member"]
    return await book(request, lambda program, now, keys: lift_suspension(program, member, asked, now, keys=keys))


@router.post(
    "/close",
    summary="Close an account",
    **operation(
        Action.MANAGE_ACCOUNTS,
        body=StandingRequest,
        answer=booked("ClosureView", AccountClosed),
        status=201,
        parameters=_PARAMETERS,
        refusals=[*COMMON, HoldsOpen],
        example=_EXAMPLE | {"reason": "left the program"},
    ),
)
async def close(request: Request) -> Response:
    """End an account for good; points that are left lapse. Returns of earlier purchases are still booked."""
    asked, member = await body_of(request, _standing), request.path_params["member"]
    return await book(request, lambda program, now, keys: close_account(program, member, asked, now, keys=keys))


@router.post(
    "/merge",
    summary="Merge an account into another",
    **operation(
        Action.MANAGE_ACCOUNTS,
        body=MergerRequest,
        answer=booked("MergerView", AccountClosed),
        status=201,
        parameters=_PARAMETERS,
        refusals=[MemberErased, *COMMON, SameAccount, PointsOwed, HoldsOpen],
        example=_EXAMPLE | {"reason": "two cards of one person", "into_member": "card:6000987654321"},
    ),
)
async def merge(request: Request) -> Response:
    """
    Move all points to another member's account, promised ones too, with their dates, and close this one.

    Both accounts change, or neither. Then the identifiers go to the other member, so that the old card works, and what
    the other's profile lacks is filled in. Should that be interrupted, it is made up for by sending the request again,
    or by a job; until then what is posted to the old identifiers is refused with ``account-closed``.
    """
    asked, member = await body_of(request, _merger), request.path_params["member"]
    await run_in_threadpool(_check_successor, resources(request), request, asked)
    merging = await carried_out(
        request, lambda program, now, keys: merge_account(program, member, asked, now, keys=keys)
    )
    await run_in_threadpool(_finish, resources(request), request.path_params["program_id"], merging)
    return answer(merging)


def _check_successor(found: Resources, request: Request, asked: MergerRequest) -> None:
    """
    Refuse to give somebody's identifiers to a member about whom nothing may be known.

    Raises:
        MemberErased: Who is to go on was erased. A merger before that is still answered.
    """
    program_id = request.path_params["program_id"]
    into = member_address(program_id, asked.into_member, "/into_member")
    if isinstance(into, tuple):
        return
    with found.connection() as connection, suppress(UnknownMember):
        erased_at = read_member(connection, program_id, UUID(asked.into_member)).erased_at
        if erased_at is not None and named_member(connection, request).merged_into is None:
            message = "Who is to go on was erased; merge the other way round, or into nobody."
            raise MemberErased(message, pointer="/into_member", erased_at=erased_at)


def _finish(found: Resources, program_id: str, merging: Posted) -> None:
    with found.connection() as connection:
        member_id = member_of_account(connection, merging.stream_id, found.partition_count)
        finish_merger(connection, program_id, member_id, UUID(merging.event.merged_into), datetime.now(UTC))


@router.post(
    "/tier",
    summary="Give a tier by hand",
    **operation(
        Action.MANAGE_ACCOUNTS,
        body=TierRequest,
        answer=booked("TierAssignmentView", TierChanged, TierRetained),
        status=201,
        parameters=_PARAMETERS,
        refusals=[*COMMON, UnknownTier],
        example=_EXAMPLE | {"reason": "status match", "tier": "gold", "valid_until": "2027-04-01"},
    ),
)
async def give_tier(request: Request) -> Response:
    """Give a tier until a date. It blocks falling below it, and no rise above it."""
    asked, member = await body_of(request, _tier), request.path_params["member"]
    return await book(request, lambda program, now, keys: assign_tier(program, member, asked, now, keys=keys))
