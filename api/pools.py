"""Pools: members who spend their points together."""

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.booking import COMMON, PRICING, book, booked
from api.openapi import PROGRAM, operation, path_parameter
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.account.errors import (
    InsufficientPoints,
    InvalidPoints,
    RedemptionAlreadyReversed,
    RedemptionExists,
    UnknownRedemption,
)
from ledger.pool.decide import InvalidPool, PoolExists, UnknownPool
from ledger.pool.events import (
    PoolMemberAdded,
    PoolMemberRemoved,
    PoolOpened,
    PoolRedeemed,
    PoolRedemptionReversed,
)
from ledger.pool.state import Pool
from ledger.posting.cache import StateCache
from ledger.streams import POOL, pool_stream_id
from rules.activity import Reversal
from rules.errors import (
    PoolChanged,
)
from rules.instructions.pools import PoolOf, change_pool, open_pool, redeem_from_pool, reverse_pool_redemption
from rules.requests import PoolMemberRequest, PoolRedemptionRequest, PoolRequest

router = APIRouter(prefix="/v1/programs/{program_id}/pools", tags=["pools"])

_POOL = path_parameter("pool_id", "The id it was opened under.", "household-12")
_opening = msgspec.json.Decoder(PoolRequest).decode
_member = msgspec.json.Decoder(PoolMemberRequest).decode
_redemption = msgspec.json.Decoder(PoolRedemptionRequest).decode
_reversal = msgspec.json.Decoder(Reversal).decode
_AT = {"source": "app", "occurred_at": "2026-11-24T10:00:00+01:00"}


class PoolView(Struct, frozen=True):
    """A pool as it is now."""

    pool_id: str
    members: list[str]
    """Their ids."""
    redeemed_points: dict[str, int]
    """What each member contributed to redemptions, reversed ones taken off."""


@router.post(
    "",
    summary="Open a pool",
    **operation(
        Action.MANAGE_ACCOUNTS,
        body=PoolRequest,
        answer=booked("PoolOpenedView", PoolOpened),
        status=201,
        parameters=[PROGRAM],
        refusals=[*COMMON, PoolExists, InvalidPool],
        example=_AT | {"pool_id": "household-12", "members": ["card:6000123456789", "card:6000987654321"]},
    ),
)
async def post_pool(request: Request) -> Response:
    """Let members spend their points together; each keeps their account. The pool id is the key."""
    asked = await body_of(request, _opening)
    return await book(request, lambda program, now, keys: open_pool(program, asked, now, keys=keys))


@router.get(
    "/{pool_id}",
    summary="Read a pool",
    **operation(Action.READ_ACCOUNTS, answer=PoolView, parameters=[PROGRAM, _POOL], refusals=[UnknownPool]),
)
def read_pool(request: Request) -> Response:
    """Return its members and what each contributed, as the ledger has it now."""
    pool = _pool(resources(request), request.path_params["program_id"], request.path_params["pool_id"])
    view = PoolView(pool.pool_id, pool.members, pool.redeemed_points)
    return Response(msgspec.json.encode(view), media_type="application/json")


@router.post(
    "/{pool_id}/members",
    summary="Let a member join a pool",
    **operation(
        Action.MANAGE_ACCOUNTS,
        body=PoolMemberRequest,
        answer=booked("PoolJoinedView", PoolMemberAdded),
        status=201,
        parameters=[PROGRAM, _POOL],
        refusals=[*COMMON, UnknownPool, InvalidPool],
        example=_AT | {"member": "card:6000123456789"},
    ),
)
async def post_member(request: Request) -> Response:
    """Let somebody join; what they earned before counts too."""
    asked, pool_id = await body_of(request, _member), request.path_params["pool_id"]
    return await book(
        request, lambda program, now, keys: change_pool(program, pool_id, asked, now, joins=True, keys=keys)
    )


@router.post(
    "/{pool_id}/departures",
    summary="Let a member leave a pool",
    **operation(
        Action.MANAGE_ACCOUNTS,
        body=PoolMemberRequest,
        answer=booked("PoolLeftView", PoolMemberRemoved),
        status=201,
        parameters=[PROGRAM, _POOL],
        refusals=[*COMMON, UnknownPool, InvalidPool],
        example=_AT | {"member": "card:6000123456789"},
    ),
)
async def post_departure(request: Request) -> Response:
    """Let somebody go; their points go with them, because they never left their account."""
    asked, pool_id = await body_of(request, _member), request.path_params["pool_id"]
    return await book(
        request, lambda program, now, keys: change_pool(program, pool_id, asked, now, joins=False, keys=keys)
    )


@router.post(
    "/{pool_id}/redemptions",
    summary="Redeem points of a pool",
    **operation(
        Action.REDEEM,
        body=PoolRedemptionRequest,
        answer=booked("PoolRedemptionView", PoolRedeemed),
        status=201,
        parameters=[PROGRAM, _POOL],
        refusals=[
            *COMMON,
            UnknownPool,
            PoolChanged,
            *PRICING,
            InsufficientPoints,
            RedemptionExists,
            InvalidPoints,
        ],
        example=_AT | {"redemption_id": "R-9001", "points": 5000},
    ),
)
async def post_redemption(request: Request) -> Response:
    """
    Spend points of all members, each in proportion to what is available, to the point: what does not divide goes to the
    largest remainders. All accounts change, or none. The redemption id is the key.
    """
    asked, found = await body_of(request, _redemption), resources(request)
    program_id, pool_id = request.path_params["program_id"], request.path_params["pool_id"]
    members = tuple((await run_in_threadpool(_pool, found, program_id, pool_id)).members)
    return await book(
        request, lambda program, now, keys: redeem_from_pool(PoolOf(program, pool_id, members), asked, now, keys=keys)
    )


@router.post(
    "/{pool_id}/redemptions/{redemption_id}/reversal",
    summary="Reverse a redemption of a pool",
    **operation(
        Action.REDEEM,
        body=Reversal,
        answer=booked("PoolReversalView", PoolRedemptionReversed),
        status=201,
        parameters=[PROGRAM, _POOL, path_parameter("redemption_id", "The id it was booked under.", "R-9001")],
        refusals=[*COMMON, UnknownPool, UnknownRedemption, RedemptionAlreadyReversed, PoolChanged],
        example=_AT | {"reason": "order cancelled"},
    ),
)
async def post_reversal(request: Request) -> Response:
    """Give every member who had paid the same points back, to the same lots, also to those who left since."""
    asked, found = await body_of(request, _reversal), resources(request)
    program_id, pool_id = request.path_params["program_id"], request.path_params["pool_id"]
    redemption_id = request.path_params["redemption_id"]
    pool = await run_in_threadpool(_pool, found, program_id, pool_id)
    booked_as = pool.redemptions.get(redemption_id)
    members = tuple([share.member_id for share in booked_as.shares]) if booked_as else ()
    return await book(
        request,
        lambda program, now, keys: reverse_pool_redemption(
            PoolOf(program, pool_id, members), redemption_id, asked, now, keys=keys
        ),
    )


def _pool(found: Resources, program_id: str, pool_id: str) -> Pool:
    found.program(program_id)
    stream_id = pool_stream_id(program_id, pool_id)
    cache = StateCache(found.partition_count)
    with found.connection() as connection:
        cache.load(connection, {stream_id: POOL})
    state = cache.entries[stream_id].state
    if state is None:
        raise UnknownPool(f"{program_id!r} has no pool {pool_id!r}.")
    assert isinstance(state, Pool)
    return state
