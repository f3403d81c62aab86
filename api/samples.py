"""Examples of answers, made from their schemas: what a field is called tells what a likely value is."""

from typing import Any

_BY_NAME: dict[str, Any] = {
    "account_id": "0f8b1c52-6a3e-5d0b-9c1f-2f6f3a7f1d11",
    "member_id": "3b1d5c60-93a5-4f34-8a52-8b7f8c6d2a10",
    "program_id": "demo",
    "point_currency": "points",
    "currency": "EUR",
    "position": "0:1234",
    "next_cursor": None,
    "transaction_id": "T-1001",
    "redemption_id": "R-2001",
    "hold_id": "H-1001",
    "source": "store-330",
    "points": 249,
    "amount_minor": 24990,
    "kind": "base",
    "rule": "earn",
    "funding": "program",
    "timezone": "Europe/Berlin",
    "email": "ada@example.org",
    "phone": "+41790000000",
    "language": "de",
    "country": "CH",
    "unit": "none",
    "day": "12-31",
    "topic": "account.purchase_posted.v1",
}
_BY_FORMAT = {
    "date-time": "2026-11-22T08:30:00Z",
    "date": "2026-11-22",
    "uuid": "3b1d5c60-93a5-4f34-8a52-8b7f8c6d2a10",
    "decimal": "249.90",
    "uri": "https://example.org/",
}
_BY_TYPE: dict[str, Any] = {"string": "text", "integer": 1, "number": 1, "boolean": False, "null": None}
_DEEPEST = 6
_OF_TYPE: dict[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "null": (type(None),)}


def sample(schema: dict[str, Any], schemas: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """
    Return a value that a schema allows.

    Args:
        schema: JSON Schema, as msgspec writes it.
        schemas: What references lead to.
        name: Of the field it is for.
        depth: How many schemas it lies in; optional fields are left out where a type holds itself.
    """
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, name, depth + 1)
    if "oneOf" in schema:
        return sample(schema["oneOf"][0], schemas, name, depth)
    if "anyOf" in schema:
        return _one_of(schema["anyOf"], schemas, name, depth)
    if schema.get("type") == "object":
        return _object(schema, schemas, depth)
    if schema.get("type") == "array":
        return _array(schema, schemas, name, depth)
    return _scalar(schema, name)


def _scalar(schema: dict[str, Any], name: str) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "format" in schema:
        return _BY_FORMAT.get(schema["format"], "text")
    kind = schema.get("type", "null")
    found = _BY_NAME.get(name)
    if type(found) not in _OF_TYPE.get(kind, ()):
        found = _BY_TYPE[kind]
    return max(found, schema["minimum"]) if "minimum" in schema else found


def _one_of(choices: list[dict[str, Any]], schemas: dict[str, Any], name: str, depth: int) -> Any:
    is_deep, has_null = depth > _DEEPEST, {"type": "null"} in choices
    if has_null and (is_deep or _BY_NAME.get(name, name) is None):
        return None
    return sample(next(one for one in choices if one != {"type": "null"}), schemas, name, depth + 1)


def _object(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> dict[str, Any]:
    required = schema.get("required", [])
    found = {
        name: sample(one, schemas, name, depth + 1)
        for name, one in schema.get("properties", {}).items()
        if name in required or depth < _DEEPEST
    }
    more = schema.get("additionalProperties")
    if isinstance(more, dict) and not found and (depth < _DEEPEST or "minProperties" in schema):
        found["points"] = sample(more, schemas, "points", depth + 1)
    return found


def _array(schema: dict[str, Any], schemas: dict[str, Any], name: str, depth: int) -> list[Any]:
    if "prefixItems" in schema:
        return [sample(one, schemas, name, depth + 1) for one in schema["prefixItems"]]
    if depth >= _DEEPEST and not schema.get("minItems"):
        return []
    items = schema.get("items")
    return [sample(items, schemas, name, depth + 1)] if isinstance(items, dict) else []
