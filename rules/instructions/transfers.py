"""Points sent from one member to another: both accounts, or neither."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from uuid import UUID

from msgspec.structs import replace

from ledger.account import decide as account
from ledger.account.commands import Award, ExpireHolds, TransferIn, TransferOut
from ledger.account.errors import AccountNotOpen, SameAccount
from ledger.account.events import AccountEvent, PointsTransferredOut
from ledger.account.state import Account
from ledger.dates import as_utc
from ledger.posting.instruction import Further, Instruction, On, Reference, StreamKey
from ledger.program.state import Program
from ledger.program.terms import TransferRule
from ledger.streams import ACCOUNT, account_stream_id
from rules.activity import check_text, check_time, member_address
from rules.errors import BelowMinimum, NotInSteps, NotTransferable, TransferLimitReached
from rules.instructions.asking import dated, folded, hashed, plan_at, program_only
from rules.instructions.moving import point_currency_of
from rules.pricing.plans import Plan
from rules.requests import TransferRequest


def transfer_points(
    program_id: str, request: TransferRequest, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """
    Return the instruction that sends points from one member to another: both accounts, or neither.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: A member's name or the time is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, transfer_id=request.transfer_id)
    asked = hashed("transfer", program_id, replace(request, occurred_at=as_utc(request.occurred_at)))
    return Instruction(
        ACCOUNT,
        member_address(program_id, request.member),
        ((f"transfer:{program_id}", request.transfer_id), *keys),
        asked,
        partial(_decide_transfer, program_id, request),
        program_only(program_id),
        (Further(ACCOUNT, member_address(program_id, request.to_member, "/to_member"), "/to_member"),),
        answer=PointsTransferredOut,
    )


def _decide_transfer(
    program_id: str,
    request: TransferRequest,
    state: Account | None,
    program: Program | None,
    receiver: Account | None,
) -> Sequence[AccountEvent | On]:
    plan = plan_at(program, request.occurred_at)
    at, on = dated(program, request.occurred_at)
    rule = _transfer_rule(plan, request.point_currency)
    if receiver is None:
        raise AccountNotOpen("Who gets the points has no account in this program.", pointer="/to_member")
    if state is not None and state.member_id == receiver.member_id:
        raise SameAccount("Points cannot be moved from an account to itself.", pointer="/to_member")
    _check_transfer(rule, request.points)
    if state is not None:
        _check_year("sends", rule.out_per_year, _used(state, "transfer_out", rule, on), request.points, on.year)
    _check_year("gets", rule.in_per_year, _used(receiver, "transfer_in", rule, on), request.points, on.year)
    ended: list[AccountEvent] = []
    if state is not None and state.holds:
        # What ended holds give back is among what can be sent.
        ended = account.decide(state, ExpireHolds(at, on))
        state = folded(state, ended)
    sent = TransferOut(
        request.source, request.transfer_id, at, on, rule.point_currency, request.points, receiver.member_id
    )
    out = account.decide(state, sent)
    assert state is not None
    awards = moved_lots(state, out, rule.point_currency)
    got = TransferIn(request.source, request.transfer_id, at, on, rule.point_currency, state.member_id, awards)
    key = StreamKey(ACCOUNT, account_stream_id(program_id, UUID(receiver.member_id)))
    return [*ended, *out, *(On(key, event) for event in account.decide(receiver, got))]


def moved_lots(sender: Account, events: Sequence[AccountEvent], point_currency: str) -> tuple[Award, ...]:
    """Return the lots that leave an account, as the other one gets them: with age, expiry, kind and funding."""
    taken = next(event.taken for event in events if isinstance(event, PointsTransferredOut))
    lots = sender.books[point_currency].lots
    return tuple(
        Award(
            point_currency,
            part.points,
            lots[part.lot].available_from,
            lots[part.lot].expires_on,
            lots[part.lot].kind,
            "",
            lots[part.lot].funding,
            (),
            lots[part.lot].earned_on,
            lots[part.lot].awaits,
            lots[part.lot].cancels_on,
            lots[part.lot].idle_months,
            lots[part.lot].activities,
            lots[part.lot].converts,
        )
        for part in taken
    )


def _transfer_rule(plan: Plan, wanted: str | None) -> TransferRule:
    rules = plan.version.terms.transfers
    rule = next((one for one in rules if wanted in (None, one.point_currency)), None)
    if rule is None:
        point_currency_of(plan, wanted)
        what = f"{wanted!r} " if wanted else ""
        raise NotTransferable(f"Members of this program cannot send {what}points to each other.")
    return rule


def _check_transfer(rule: TransferRule, points: int) -> None:
    minimum, step = rule.minimum_points, rule.step_points
    if minimum and points < minimum:
        message = f"At least {minimum} points are transferred at once, and {points} were asked for."
        raise BelowMinimum(message, pointer="/points", minimum_points=minimum)
    if step and points % step:
        message = f"Points are transferred in steps of {step}, and {points} is none."
        raise NotInSteps(message, pointer="/points", step_points=step)


def _check_year(verb: str, limit: int | None, used: int, points: int, year: int) -> None:
    if limit is not None and used + points > limit:
        message = f"A member {verb} at most {limit} points in a year; {used} of {year} are used."
        raise TransferLimitReached(message, pointer="/points", limit_points=limit, used_points=used)


def _used(of: Account, way: str, rule: TransferRule, on: date) -> int:
    return of.capped_points.get(f"{way}:{rule.point_currency}", {}).get(str(on.year), 0)
