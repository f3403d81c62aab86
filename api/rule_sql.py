"""Rules as SQL, for those who run them in their own warehouse."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Raw, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import operation
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from rules.catalog import Scope
from rules.parse import parse
from rules.problems import InvalidRule
from rules.sql import Dialect

router = APIRouter(prefix="/v1/rules", tags=["rules"])


class RuleToWrite(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule, and the warehouse that is to run it."""

    scope: Scope
    rule: Annotated[Raw, Meta(description="JSONLogic, as a JSON object.")]
    dialect: Dialect = "duckdb"


class WrittenRule(Struct, frozen=True):
    """A rule as SQL."""

    sql: str
    """Selects the customers for whom the rule holds."""
    digest: str
    """SHA-256 of the calculation: the same for every spelling of it."""
    dialect: Dialect


_decode = msgspec.json.Decoder(RuleToWrite).decode

_GUIDE = {"and": [{">": [{"var": "total_revenue"}, 1000]}, {"<": [{"var": "last_purchase_days_ago"}, 30]}]}


@router.post(
    "/sql",
    summary="Write a rule as SQL",
    **operation(
        Action.READ_PROGRAMS,
        body=RuleToWrite,
        answer=WrittenRule,
        refusals=[InvalidRule],
        example={"scope": "segment", "rule": _GUIDE, "dialect": "postgres"},
    ),
)
async def write(request: Request) -> Response:
    """Return the statement that selects the customers for whom a rule holds, in the SQL of a warehouse."""
    asked = await body_of(request, _decode)
    # Ibis takes milliseconds, and the first time much longer: not on the thread that answers everybody.
    written = await run_in_threadpool(_written, asked)
    return Response(msgspec.json.encode(written), media_type="application/json")


def _written(asked: RuleToWrite) -> WrittenRule:
    from rules.sql.statements import select_keys  # noqa: PLC0415  # brings Ibis, which most servers never need

    try:
        text = bytes(asked.rule).decode()
    except UnicodeDecodeError:
        raise InvalidInput("A rule must be in UTF-8.") from None
    rule = parse(text, asked.scope)
    return WrittenRule(select_keys(rule, asked.dialect), rule.digest, asked.dialect)
