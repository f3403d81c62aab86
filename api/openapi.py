"""OpenAPI from the very types that decode and encode the bodies."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from api.caller import allow
from api.problems import (
    MEDIA_TYPE,
    STATUS,
    TYPE_PREFIX,
    BodyTooLarge,
    Forbidden,
    InternalError,
    MalformedBody,
    RequestTimeout,
    Unauthorized,
)
from ledger.access.roles import Action
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.instruction import LedgerBusy

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
    action: Action,
    *,
    body: type[Struct] | dict[str, Any] | None = None,
    answer: type[Struct] | dict[str, Any] | None = None,
    status: int = 200,
    refusals: Sequence[type[LedgerError]] = (),
    parameters: Sequence[dict[str, Any]] = (),
    example: Any = None,
    also: Mapping[int, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """
    Return what FastAPI is to say about an operation.

    Args:
        action: What a caller must be allowed to do; checked before anything else.
        body: The type of its JSON body, or the ``content`` object if it takes several.
        answer: The type of its answer, or the ``content`` object.
        status: Of success.
        refusals: What it can refuse besides what every operation can.
        parameters: Path and query parameters, as OpenAPI objects.
        example: Of the body.
        also: Further statuses with a body like that of success, and what they mean. Whatever creates something can be
            sent again, and is answered 200 then.
    """
    common: list[type[LedgerError]] = [
        Unauthorized,
        Forbidden,
        InternalError,
        LedgerBusy,
        *([RequestTimeout, MalformedBody, BodyTooLarge, InvalidInput] if body else []),
    ]
    by_status: dict[int, list[type[LedgerError]]] = {}
    for refusal in [*common, *refusals]:
        by_status.setdefault(STATUS[refusal].value, []).append(refusal)
    responses: dict[str, Any] = {str(code): _problems(found) for code, found in sorted(by_status.items())}
    repeats = {200: "It was done before; this is the first answer again."} if status == HTTPStatus.CREATED else {}
    for code, meaning in ({status: "Done."} | repeats | dict(also)).items():
        responses[str(code)] = {"description": meaning} | ({"content": _content(answer)} if answer else {})
    extra: dict[str, Any] = {"responses": responses, "parameters": list(parameters), "x-action": action.value}
    if body:
        extra["requestBody"] = {"required": True, "content": _content(body, example)}
    return {
        "openapi_extra": extra,
        "status_code": status,
        "response_model": None,
        "dependencies": [Depends(allow(action))],
    }


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
    lines = [f"- `{refusal.slug}`: {refusal.title()}." for refusal in dict.fromkeys(refusals)]
    return {
        "description": "\n".join(lines),
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
    }


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the whole API."""
    if app.openapi_schema:
        return app.openapi_schema
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, components = msgspec.json.schema_components(list(_TYPES.values()), ref_template=_REF)
    found.setdefault("components", {})["schemas"] = {"Problem": _PROBLEM_SCHEMA} | components
    found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, methods in found["paths"].items():
        if path.startswith("/v1"):
            for described in methods.values():
                described["security"] = [{"key": []}]
    app.openapi_schema = found
    return found
