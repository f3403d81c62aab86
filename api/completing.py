"""What is the same for every operation of the OpenAPI document: its id, headers of answers, examples."""

import json
import re
from typing import Any

from api.samples import sample

TAGS = [
    {"name": "purchases", "description": "What members bought, and the points they earned by it."},
    {"name": "redemptions", "description": "Points in exchange for a reward: quote, redeem, reverse."},
    {"name": "batches", "description": "Many purchases taken in at once and carried out in the background."},
    {
        "name": "checkouts",
        "description": "A basket at the till: what it would earn, and paying a part of it with points.",
    },
    {"name": "holds", "description": "Points reserved for a checkout, then captured or voided."},
    {"name": "returns", "description": "Goods that come back, and what becomes of their points."},
    {"name": "points", "description": "Points without a purchase: given, corrected, moved, confirmed."},
    {"name": "pools", "description": "Members who spend from one balance."},
    {"name": "members", "description": "Who holds points, and the accounts they hold them in."},
    {"name": "accounts", "description": "What a member has, did and may: balances, lots, holds, history."},
    {"name": "tiers", "description": "Status levels: progress towards them, and placing members."},
    {"name": "time", "description": "What happens by itself: jobs, warnings, changed policies."},
    {"name": "programs", "description": "The scheme: drafts, published versions, terms."},
    {"name": "rules", "description": "Checking, explaining and translating rules; simulation."},
    {"name": "what-ifs", "description": "What another version would have come to, and booking the difference."},
    {"name": "approvals", "description": "What takes a second person before it is done."},
    {"name": "books", "description": "Accounting: settings, closing months, journal, roll-forward, liability."},
    {
        "name": "offline tills",
        "description": "Pricing without a network, and what was promised against what was booked.",
    },
    {"name": "analytics", "description": "Views for analysts, and files made of them."},
    {"name": "audit", "description": "Signed checkpoints of the ledger, and proofs of what is in them."},
    {"name": "webhooks", "description": "Telling your systems what happens, in the order of each account."},
    {"name": "access", "description": "Keys, users and sessions, and the record of what was allowed and read."},
    {"name": "health", "description": "Probes: does the process live, can it do its work."},
    {"name": "operation", "description": "Figures for whoever runs it."},
]
"""Every tag with a description, in the order of the documentation. A test keeps it complete."""

HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "Names the request in our log: the caller's own X-Request-Id, or one that was made.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait before asking again.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "How to say who is asking.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "true: it had been done before, and this is the first answer again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
_OF_STATUS = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}


def operation_id(method: str, path: str) -> str:
    """
    Return an id made of method and path, which are as stable as anything: ``POST /v1/programs/{…}/purchases`` is
    ``post_purchase``. What a parameter or a POST picks one of stands in the singular;
    an ending, as in ``{view}.parquet``, is kept.
    """
    rest = re.sub(r"^/v1/programs/\{program_id\}/(?=.)", "", path).removeprefix("/v1").strip("/")
    parts = rest.split("/")
    words = []
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        if not part.startswith("{"):
            is_one = following.startswith("{") if following else method == "post"
            words.append(_singular(part) if is_one else part)
        elif ending := part.partition("}.")[2]:
            words.append(ending)
    return "_".join([method, *words]).replace("-", "_").replace(".", "_")


def complete(responses: dict[str, Any], components: dict[str, Any]) -> None:
    """
    Add the headers that every answer has, and an example where an answer has none.

    Args:
        responses: Of one operation; changed.
        components: Hold the schemas.
    """
    for status, response in responses.items():
        names = ["X-Request-Id", *([_OF_STATUS[status]] if status in _OF_STATUS else [])]
        headers = response.setdefault("headers", {})
        headers.update({name: {"$ref": f"#/components/headers/{name}"} for name in names})
        for media in response.get("content", {}).values():
            if "example" not in media and "examples" not in media and "schema" in media:
                media["example"] = sample(media["schema"], components["schemas"])


def tidy(schema: Any) -> Any:
    """
    Return a schema as generators of clients take it: arrays say what is in them, if only that it is anything, and
    defaults that are objects stand in the description.
    """
    if isinstance(schema, list):
        return [tidy(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: tidy(value) if key != "default" else value for key, value in schema.items()}
    if found.get("type") == "array" and "items" not in found and "prefixItems" not in found:
        found["items"] = {}
    if isinstance(found.get("default"), dict):
        default = json.dumps(found.pop("default"))
        found["description"] = f"{found.get('description', '')} Default: `{default}`.".strip()
    return found


def _singular(word: str) -> str:
    if word == "history":
        return "change"
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us")) else word
