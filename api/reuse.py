"""What is different about a request that reuses a key: told from what was recorded, and never who the member is."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.requests import Request

from api.access.caller import Caller, caller_of
from api.resources import position_token
from ledger.account.events import PointsAccrued, PurchaseLine, PurchasePosted
from ledger.errors import LedgerError
from ledger.money import to_major
from ledger.posting.instruction import KeyReused, Posted

_LIMIT: Final = 20
_MEMBERS: Final = ("member", "to_member", "into_member")
_IDS: Final = (
    "transaction_id",
    "redemption_id",
    "hold_id",
    "return_id",
    "accrual_id",
    "adjustment_id",
    "reinstatement_id",
    "transfer_id",
)
_OTHER_MEMBER: Final = "It is about another member."
_UNNAMED: Final = (
    "Nothing that the ledger keeps of it differs: the member is named in another way, it was sent to another "
    "operation, or it differs in a field that is not kept."
)

decode_loosely = msgspec.json.Decoder(float_hook=Decimal).decode

Difference = dict[str, Any]


def with_differences(refusal: LedgerError, request: Request) -> LedgerError:
    """Return a refusal; if a key was reused, it says for what, and what is different now."""
    if isinstance(refusal, KeyReused):
        body = request.scope.get("khaywe.body")
        given = decode_loosely(body) if body else {}
        named = {name: text for name, text in request.path_params.items() if name != "program_id"}
        return described(refusal, caller_of(request), named | (given if isinstance(given, dict) else {}))
    return refusal


def described(refusal: KeyReused, caller: Caller, given: Mapping[str, Any]) -> KeyReused:
    """
    Add to a refusal where the key was used first, and what differs.

    Args:
        refusal: Changed in place.
        caller: Who asks; values of something that others reported are not for everybody.
        given: Fields of the request, those of its path included.
    """
    first = refusal.first
    if first is None or first.event is None:
        return refusal
    found = [
        one
        for reused in (refusal, *refusal.also)
        if reused.first is not None
        for one in _differences(reused, reused.first, given)
    ]
    named = [one for at, one in enumerate(found) if one not in found[:at]]
    differences = (named or [{"pointer": "", "note": _UNNAMED}])[:_LIMIT]
    told = {"kind": type(first.event).TOPIC, "position": position_token(first), "recorded_at": first.recorded_at}
    if _may_see(caller, refusal, first):
        names = ("source", *_IDS)
        told |= {name: getattr(first.event, name) for name in names if getattr(first.event, name, None)}
    else:
        differences = [{name: one[name] for name in one if name != "first"} for one in differences]
    refusal.members |= {"first": told, "differences": differences}
    return refusal


def _may_see(caller: Caller, refusal: KeyReused, first: Posted) -> bool:
    """Tell whether a caller may know what was recorded: all of it, or what came from them or their stores."""
    is_theirs = refusal.reference[0] == caller.family
    is_free = not (caller.partners or caller.stores)
    return is_theirs or is_free or getattr(first.event, "source", None) in caller.stores


def _differences(refusal: KeyReused, first: Posted, given: Mapping[str, Any]) -> Iterator[Difference]:
    event = first.event
    if not isinstance(event, refusal.asked):
        asked = refusal.asked if isinstance(refusal.asked, tuple) else (refusal.asked,)
        yield _difference("", type(event).TOPIC, " or ".join(one.TOPIC for one in asked))  # type: ignore[attr-defined]
        return
    if refusal.stream_id != first.stream_id and (member := next((one for one in _MEMBERS if one in given), None)):
        yield {"pointer": f"/{member}", "note": _OTHER_MEMBER}
    yield from _of_fields(event, given)


def _of_fields(event: Struct, given: Mapping[str, Any]) -> Iterator[Difference]:
    """Compare what a request says with the fields of the same name that were recorded."""
    for name in event.__struct_fields__:
        before, now = getattr(event, name), given.get(name)
        if name == "amount_minor":
            yield from _of_amount(event, before, given.get("amount"))
        elif now is not None and isinstance(before, str | int | date) and not _same(before, now):
            yield _difference(f"/{name}", before, now)
    if isinstance(event, PointsAccrued) and (points := sum(one.points for one in event.accruals)) != given.get(
        "points"
    ):
        yield _difference("/points", points, given.get("points"))
    if isinstance(event, PurchasePosted):
        yield from _of_mapping("/attributes", event.attributes, given.get("attributes") or {})
        yield from _of_lines(event, given.get("lines") or [])


def _of_amount(event: Struct, before: int | None, now: Any) -> Iterator[Difference]:
    currency = getattr(event, "currency", None)
    if now is None or before is None:
        # A return without an amount takes what the ledger makes of it; elsewhere a missing one is a difference.
        if (now is None) != (before is None) and currency is None:
            yield {"pointer": "/amount"}
        return
    if currency is not None:
        amount = to_major(before, currency)
        if not _same(amount, now):
            yield _difference("/amount", str(amount), now)


def _of_mapping(at: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield _difference(f"{at}/{name}", before.get(name), now.get(name))


def _of_lines(event: PurchasePosted, given: list[Mapping[str, Any]]) -> Iterator[Difference]:
    if len(event.lines) != len(given):
        yield _difference("/lines", f"{len(event.lines)} lines", f"{len(given)} lines")
        return
    for index, (before, now) in enumerate(zip(event.lines, given, strict=True)):
        yield from _of_line(f"/lines/{index}", before, now, event.currency)


def _of_line(at: str, before: PurchaseLine, now: Mapping[str, Any], currency: str) -> Iterator[Difference]:
    amount = to_major(before.amount_minor, currency)
    if not _same(amount, now.get("amount")):
        yield _difference(f"{at}/amount", str(amount), now.get("amount"))
    if not _same(Decimal(before.quantity), now.get("quantity", 1)):
        yield _difference(f"{at}/quantity", before.quantity, now.get("quantity", 1))
    for name in ("sku", "category", "brand"):
        if getattr(before, name) != now.get(name, ""):
            yield _difference(f"{at}/{name}", getattr(before, name), now.get(name))
    yield from _of_mapping(f"{at}/attributes", before.attributes, now.get("attributes") or {})


def _same(before: Any, now: Any) -> bool:
    """Compare what was meant, not how it was spelled. What is given was checked to be of the right type."""
    match before:
        case Decimal():
            return before == Decimal(str(now))
        case datetime():
            return bool(before == datetime.fromisoformat(now).astimezone(UTC))
        case date():
            return bool(before.isoformat() == now)
        case _:
            return bool(before == now)


def _difference(pointer: str, first: Any, now: Any) -> Difference:
    return {"pointer": pointer, "first": first, "now": now}
