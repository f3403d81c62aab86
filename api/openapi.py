"""OpenAPI from the very types that decode and encode the bodies."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from api.access.reach import allow
from api.completing import HEADERS, TAGS, complete, operation_id, tidy
from api.problems import (
    MEDIA_TYPE,
    STATUS,
    TYPE_PREFIX,
    BodyTooLarge,
    Forbidden,
    InternalError,
    MalformedBody,
    RateLimited,
    RequestTimeout,
    Unauthorized,
    problem_example,
)
from ledger.access.roles import Action
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.instruction import KeyReused, LedgerBusy

CREATED, ACCEPTED = 201, 202
_IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Names this effect: sent again with the same body it is answered again, and not done twice.",
    "example": "6f1c2f0e-till-7-000123",
}
_REF = "#/components/schemas/{name}"
_TYPES: dict[str, type[Struct]] = {}

_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. Further members depend on the type.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": [TYPE_PREFIX + "insufficient-points"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "pointer": {"type": "string", "description": "JSON pointer of the field at fault."},
    },
}


def operation(
    action: Action | None,
    *,
    is_open: bool = False,
    sees_members: bool = False,
    body: type[Struct] | dict[str, Any] | None = None,
    answer: type[Struct] | dict[str, Any] | None = None,
    status: int = 200,
    refusals: Sequence[type[LedgerError]] = (),
    parameters: Sequence[dict[str, Any]] = (),
    example: Any = None,
    also: Mapping[int, tuple[str, type[Struct] | None]] = MappingProxyType({}),
) -> dict[str, Any]:
    """
    Return what FastAPI is to say about an operation.

    Args:
        action: What a caller must be allowed to do; checked before anything else. ``None``: every caller may.
        is_open: It needs no key at all.
        sees_members: Callers limited to partners may, because it lets them reach only their own members; always so
            where the path names a member.
        body: The type of its JSON body, or the ``content`` object if it takes several.
        answer: The type of its answer, or the ``content`` object.
        status: Of success.
        refusals: What it can refuse besides what every operation can.
        parameters: Path and query parameters, as OpenAPI objects.
        example: Of the body.
        also: Further statuses, what they mean, and the type of their body; ``None`` where it is that of success.
            Whatever creates something can be sent again, and is answered 200 then.
    """
    common: list[type[LedgerError]] = [
        *([] if is_open else [Unauthorized]),
        *([Forbidden] if action else []),
        RateLimited,
        InternalError,
        LedgerBusy,
        *([RequestTimeout, MalformedBody, BodyTooLarge, InvalidInput] if body else []),
    ]
    said = described(answer=answer, status=status, refusals=[*common, *refusals])
    extra = said["openapi_extra"]
    extra["parameters"] = list(parameters)
    extra["x-action"] = action
    if is_open:
        extra["x-open"] = True
    if KeyReused in refusals:
        # Who refuses a key that was used for something else takes keys, and answers what was done before again.
        extra["parameters"].append(_IDEMPOTENCY_KEY)
        for code in {"200", str(status)} if status in {CREATED, ACCEPTED} else {str(status)}:
            replay = _done(answer) if code != str(status) else extra["responses"][code]
            replay["headers"] = {"Idempotency-Replayed": {"$ref": "#/components/headers/Idempotency-Replayed"}}
            replay["description"] = "Done." if code == str(status) else "Had been done before; the first answer again."
            extra["responses"][code] = replay
    if status == CREATED:
        extra["responses"].setdefault("200", _done(answer) | {"description": "Had been done before."})
    for further, (meaning, body_type) in also.items():
        extra["responses"][str(further)] = _done(body_type or answer) | {"description": meaning}
    if body:
        extra["requestBody"] = {"required": True, "content": _content(body, example)}
    return said | {"dependencies": [] if is_open else [Depends(allow(action, sees_members=sees_members))]}


def described(
    *,
    answer: type[Struct] | dict[str, Any] | None = None,
    status: int = 200,
    refusals: Sequence[type[LedgerError]] = (),
) -> dict[str, Any]:
    """
    Return what FastAPI is to say about an operation that nobody needs to be allowed, such as a probe.

    Args:
        answer: The type of its answer, or the ``content`` object.
        status: Of success.
        refusals: What it can refuse.
    """
    by_status: dict[int, list[type[LedgerError]]] = {}
    for refusal in refusals:
        by_status.setdefault(STATUS[refusal].value, []).append(refusal)
    responses: dict[str, Any] = {str(code): _problems(found) for code, found in sorted(by_status.items())}
    responses[str(status)] = _done(answer)
    return {"openapi_extra": {"responses": responses}, "status_code": status, "response_model": None}


def _done(answer: type[Struct] | dict[str, Any] | None) -> dict[str, Any]:
    return {"description": "Done."} | ({"content": _content(answer)} if answer else {})


def path_parameter(name: str, description: str, example: str) -> dict[str, Any]:
    """Describe a path parameter."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "description": description,
        "example": example,
    }


def query_parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Describe an optional query parameter."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


PROGRAM = path_parameter("program_id", "The program.", "demo")
MEMBER = path_parameter("member", "Our member id, or an identifier as kind:value.", "card:6000123456789")
LIMIT = query_parameter("limit", "Items at most.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100})
CURSOR = query_parameter("cursor", "Where the page before ended; from its next_cursor.", {"type": "string"})
MIN_POSITION = query_parameter(
    "min_position",
    "Wait until the view shows this position, as a write answered it.",
    {"type": "string", "examples": ["0:1234"]},
)


def _content(body: type[Struct] | dict[str, Any], example: Any = None) -> dict[str, Any]:
    if isinstance(body, dict):
        return body
    media: dict[str, Any] = {"schema": reference(body)}
    if example is not None:
        media["example"] = example
    return {"application/json": media}


def reference(body: type[Struct]) -> dict[str, str]:
    """Return a reference to the schema of a type, and see to it that the schema is there."""
    _TYPES[body.__name__] = body
    return {"$ref": _REF.format(name=body.__name__)}


def _problems(refusals: Sequence[type[LedgerError]]) -> dict[str, Any]:
    unique = list(dict.fromkeys(refusals))
    lines = [f"- `{refusal.slug}`: {refusal.title()}." for refusal in unique]
    examples = {refusal.slug: {"$ref": f"#/components/examples/{refusal.slug}"} for refusal in unique}
    return {
        "description": "\n".join(lines),
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}, "examples": examples}},
    }


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the whole API."""
    if app.openapi_schema:
        return app.openapi_schema
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS)
    _, schemas = msgspec.json.schema_components(list(_TYPES.values()), ref_template=_REF)
    found["components"] = {
        "schemas": {"Problem": _PROBLEM_SCHEMA} | tidy(schemas),
        "securitySchemes": {
            "key": {"type": "http", "scheme": "bearer", "description": "A key: khaywe_…"},
            "session": {"type": "apiKey", "in": "cookie", "name": "khaywe_session"},
        },
        "headers": HEADERS,
        "examples": {
            refusal.slug: {"summary": refusal.title(), "value": problem_example(refusal)} for refusal in STATUS
        },
    }
    for path, methods in found["paths"].items():
        for method, described_ in methods.items():
            described_["operationId"] = operation_id(method, path)
            if path.startswith("/v1"):
                described_["security"] = [] if described_.pop("x-open", False) else [{"key": []}, {"session": []}]
            complete(described_["responses"], found["components"])
    app.openapi_schema = found
    return found
