"""Rules by themselves: what they may read, whether one is acceptable, and what it does with given facts."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Raw, Struct
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import operation, query_parameter
from api.resources import resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import UnknownProgram
from ledger.program.state import Program
from ledger.program.terms import RoundingMode
from rules.catalog import Catalog, ResultType, Scope, Unit, Variable, VariableType
from rules.evaluate import InvalidFacts
from rules.explain import Note, Step, award_sentence, explain, match_sentence
from rules.facts import read_facts
from rules.parse import parse
from rules.pricing.catalogs import program_catalogs
from rules.problems import InvalidRule, RuleProblem
from rules.scopes import RESULT_TYPES, catalog
from rules.variables import BASE_POINTS

router = APIRouter(prefix="/v1/rules", tags=["rules"])

_SCOPE = query_parameter("scope", "What the rule is for.", {"type": "string", "enum": list(RESULT_TYPES)})
_PROGRAM = query_parameter(
    "program",
    "Of which program: adds what its draft, or else its newest version, declares. For earn and burn rules.",
    {"type": "string"},
)


class VariableView(Struct, frozen=True):
    """A fact that rules of the scope can read."""

    name: str
    type: VariableType
    unit: Unit
    nullable: bool
    null_as: Decimal | None
    """What an absent number counts as; null where a rule has to say so itself."""
    enum: tuple[str, ...]
    source: str
    description: str
    fields: "tuple[VariableView, ...]" = ()
    """Of a list of objects: what each of its items holds."""


class VariablesView(Struct, frozen=True):
    """What rules of a scope can read, and what they yield."""

    scope: Scope
    yields: ResultType
    variables: list[VariableView]


class RuleToCheck(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule, and what it is for."""

    scope: Scope
    rule: Annotated[Raw, Meta(description="JSONLogic, as a JSON object.")]


class Verdict(Struct, frozen=True):
    """Whether a rule can be saved."""

    valid: bool
    digest: str | None
    """SHA-256 of the calculation: the same for every spelling of it. Null if it is not valid."""
    problems: tuple[RuleProblem, ...]
    """Everything that is wrong, each with its place."""
    warnings: tuple[RuleProblem, ...] = ()
    """What may not have been meant; none of it stands in the way of saving."""


class RuleToExplain(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule and the facts to try it on."""

    scope: Scope
    rule: Annotated[Raw, Meta(description="JSONLogic, as a JSON object.")]
    facts: Annotated[Raw, Meta(description="Names of variables and their values; see /v1/rules/variables.")]
    rounding: RoundingMode = RoundingMode.FLOOR
    """How points are rounded; for earn rules."""
    scale: Annotated[int, Meta(ge=0, le=9)] = 0
    """Decimal places of the point currency; for earn rules."""


class Explanation(Struct, frozen=True):
    """What a rule makes of facts, and how."""

    result: Any
    text: str | None
    """One sentence to read out; null for a rule that only calculates."""
    digest: str
    facts: dict[str, Any]
    """What the rule read."""
    steps: tuple[Step, ...]
    skipped: tuple[str, ...]
    """JSON pointers of what was not asked for."""
    notes: tuple[Note, ...]
    """What happened silently: what an absent number counted as, a division by zero."""


_check = msgspec.json.Decoder(RuleToCheck).decode
_explain = msgspec.json.Decoder(RuleToExplain).decode

_GUIDE = {"and": [{">": [{"var": "total_revenue"}, 1000]}, {"<": [{"var": "last_purchase_days_ago"}, 30]}]}


@router.get(
    "/variables",
    summary="List what rules can read",
    **operation(
        Action.READ_PROGRAMS,
        answer=VariablesView,
        parameters=[_SCOPE, _PROGRAM],
        refusals=[InvalidInput, UnknownProgram, LedgerUnavailable],
    ),
)
def list_variables(request: Request) -> Response:
    """Return the variables of a scope, with type, unit, what absence counts as, and where each comes from."""
    scope = request.query_params.get("scope", "earn")
    if scope not in RESULT_TYPES:
        raise InvalidInput(f"There is no scope {scope!r}; there are {', '.join(RESULT_TYPES)}.", pointer="/scope")
    program_id = request.query_params.get("program")
    known = _of_program(resources(request).fresh_program(program_id), scope) if program_id else catalog(scope)
    variables = [_view(one) for one in known.variables.values()]
    return _json({"scope": scope, "yields": known.yields, "variables": variables})


def _of_program(program: Program, scope: str) -> Catalog:
    """Return everything that a rule of a program may read, whatever kind of rule it is."""
    terms = program.draft or (program.versions[-1].terms if program.versions else None)
    if scope not in ("earn", "burn") or terms is None:
        raise InvalidInput("A program declares variables for earn and burn rules.", pointer="/program")
    catalogs = program_catalogs(terms, program.currency)
    return catalogs.burn if scope == "burn" else catalogs.line.extended([BASE_POINTS])


def _view(one: Variable) -> VariableView:
    return VariableView(
        one.name,
        one.type,
        one.unit,
        one.nullable,
        one.null_as,
        one.enum,
        one.source,
        one.description,
        tuple(map(_view, one.fields)),
    )


@router.post(
    "/validate",
    summary="Check a rule",
    **operation(Action.READ_PROGRAMS, body=RuleToCheck, answer=Verdict, example={"scope": "segment", "rule": _GUIDE}),
)
async def validate(request: Request) -> Response:
    """Say everything that is wrong with a rule: each problem with its place and, where there is one, a remedy."""
    asked = await body_of(request, _check)
    try:
        rule = parse(_text(asked.rule), asked.scope)
    except InvalidRule as refusal:
        return _json(Verdict(valid=False, digest=None, problems=refusal.problems))
    return _json(Verdict(valid=True, digest=rule.digest, problems=(), warnings=rule.warnings))


@router.post(
    "/explain",
    summary="Try a rule on facts",
    **operation(
        Action.READ_PROGRAMS,
        body=RuleToExplain,
        answer=Explanation,
        refusals=[InvalidRule, InvalidFacts],
        example={"scope": "segment", "rule": _GUIDE, "facts": {"total_revenue": "1200.50"}},
    ),
)
async def try_out(request: Request) -> Response:
    """Return a rule's result for given facts, every step that led to it, and a sentence that says why."""
    asked = await body_of(request, _explain)
    rule = parse(_text(asked.rule), asked.scope)
    facts = read_facts(_text(asked.facts), rule)
    text = None
    if asked.scope == "earn":
        text = award_sentence(rule, facts, asked.rounding, asked.scale, "points")
    elif rule.catalog.yields == "bool":
        text = match_sentence(rule, facts)
    trace = explain(rule, facts)
    return _json(Explanation(trace.result, text, rule.digest, trace.facts, trace.steps, trace.skipped, trace.notes))


def _text(raw: Raw) -> str:
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError:
        raise InvalidInput("A rule and its facts must be in UTF-8.") from None


def _json(answer: Any) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
