"""Where members stand on the program's ladders."""

from datetime import UTC, date, datetime

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from api.openapi import MEMBER, PROGRAM, operation, query_parameter
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.account.state import Account
from ledger.dates import local_date, time_zone
from ledger.errors import InvalidInput
from ledger.members.directory import UnknownMember
from ledger.posting.cache import StateCache
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import UnknownProgram
from ledger.streams import ACCOUNT
from rules.errors import NoVersionInForce
from rules.pricing.plans import plan_of
from rules.pricing.price import version_in_force
from rules.tiers.progress import Progress, progress_on

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}", tags=["accounts"])

_AS_OF = query_parameter(
    "as_of",
    "Program-local date to tell it for; absent: today. Dates are applied to what is booked now, so a date before the "
    "last activity does not tell what was then.",
    {"type": "string", "format": "date"},
)


class ProgressView(Struct, frozen=True):
    """A member on every ladder of the program."""

    program_id: str
    member_id: str
    as_of: date
    ladders: list[Progress]


@router.get(
    "/progress",
    summary="Read a member's tiers, and the way to the next",
    **operation(
        Action.READ_ACCOUNTS,
        answer=ProgressView,
        parameters=[PROGRAM, MEMBER, _AS_OF],
        refusals=[UnknownProgram, UnknownMember, InvalidInput, NoVersionInForce, LedgerUnavailable],
    ),
)
def progress(request: Request) -> Response:
    """
    Return, for each ladder, the tier that is held and until when, what counts so far, what the next tier takes, and
    what happens if nothing more counts. It is read from the ledger itself, so it shows everything that was answered.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    program = found.program(program_id)
    on = as_of(request) or local_date(datetime.now(UTC), time_zone(program.timezone))
    plan = plan_of(program, version_in_force(program, datetime.now(UTC)))
    account = account_state(found, program_id, request.path_params["member"])
    view = ProgressView(program_id, account.member_id, on, progress_on(plan.ladders, account, on))
    return Response(msgspec.json.encode(view), media_type="application/json")


def account_state(found: Resources, program_id: str, member: str) -> Account:
    """
    Return a member's account as the ledger has it now.

    Raises:
        UnknownMember: There is no such member, or no account.
    """
    with found.connection() as connection:
        account_id = found.account_of(connection, program_id, member)
        cache = StateCache(found.partition_count)
        cache.load(connection, {account_id: ACCOUNT})
    state = cache.entries[account_id].state
    if state is None:
        raise UnknownMember(f"{program_id!r} has no account of this member.", pointer="/member")
    assert isinstance(state, Account)
    return state


def as_of(request: Request) -> date | None:
    """
    Return the date that is asked about, if one is.

    Raises:
        InvalidInput: It is no date.
    """
    text = request.query_params.get("as_of")
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"as_of is a date such as 2026-11-22, not {text!r}.", pointer="/as_of") from None
