"""The documentation of the API is complete, and its examples are true to their schemas. Failures say what to add."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from api.app import described_app
from api.completing import TAGS
from api.problems import STATUS
from ledger.access.roles import Action


class Operation(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    said: dict[str, Any]

    @property
    def name(self) -> str:
        """What a failure calls it."""
        return f"{self.method.upper()} {self.path}"


@cache
def document() -> dict[str, Any]:
    """Return the document as it is served; nothing of the application is started for it."""
    found: dict[str, Any] = json.loads(json.dumps(described_app("test")))
    return found


def operations() -> Iterator[Operation]:
    """Give every operation."""
    for path, methods in document()["paths"].items():
        for method, said in methods.items():
            yield Operation(method, path, said)


def lacking(needed: str) -> list[str]:
    """Return the operations that lack something, by name."""
    return [one.name for one in operations() if not one.said.get(needed)]


def complaints(schema: dict[str, Any], value: Any) -> list[str]:
    """Return what a schema says against a value."""
    rooted = {**schema, "components": document()["components"]}
    found = Draft202012Validator(rooted, format_checker=Draft202012Validator.FORMAT_CHECKER).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]


@pytest.mark.parametrize("needed", ["summary", "description", "operationId", "tags"])
def test_every_operation_says_what_it_is(needed: str) -> None:
    """A summary in its decorator, a docstring as its description, an id, and tags from its router."""
    assert lacking(needed) == []


def test_summaries_and_ids_are_unique() -> None:
    """Generated clients name their functions by the id; give a new operation another path if its id is taken."""
    for key in ("summary", "operationId"):
        found: dict[str, list[str]] = {}
        for one in operations():
            found.setdefault(one.said[key], []).append(one.name)
        assert {value: names for value, names in found.items() if len(names) > 1} == {}


def test_every_tag_is_described() -> None:
    """Add a line to TAGS in api/completing.py for a new tag."""
    used = {tag for one in operations() for tag in one.said["tags"]}
    assert used - {tag["name"] for tag in TAGS} == set()


def test_every_body_has_an_example_that_its_schema_allows() -> None:
    """Add ``example=`` to the ``operation(…)``, or correct what the schema says against it."""
    wrong = []
    for one in operations():
        for kind, media in one.said.get("requestBody", {}).get("content", {}).items():
            examples = (
                [media["example"]] if "example" in media else [e["value"] for e in media.get("examples", {}).values()]
            )
            if not examples:
                wrong.append(f"{one.name} ({kind}): no example of the body")
            wrong += [f"{one.name} ({kind}): {text}" for e in examples for text in complaints(media["schema"], e)]
    assert wrong == []


def test_every_answer_has_an_example_that_its_schema_allows() -> None:
    """Examples are made by api/samples.py; name the type of the answer with ``answer=``, or add an example there."""
    wrong = []
    for one in operations():
        for status, response in one.said["responses"].items():
            if status.startswith("2") and status != "204" and "content" not in response:
                wrong.append(f"{one.name} {status}: say answer=")
            for media in response.get("content", {}).values():
                if "example" in media:
                    wrong += [f"{one.name} {status}: {text}" for text in complaints(media["schema"], media["example"])]
                elif "examples" not in media:
                    wrong.append(f"{one.name} {status}: no example of the answer")
    assert wrong == []


def test_every_problem_has_an_example() -> None:
    """Each slug of an operation leads to a problem that the schema of problems allows."""
    shared = document()["components"]["examples"]
    assert set(shared) == {refusal.slug for refusal in STATUS}
    schema = document()["components"]["schemas"]["Problem"]
    assert [text for one in shared.values() for text in complaints(schema, one["value"])] == []
    for one in operations():
        for status, response in one.said["responses"].items():
            for slug in response.get("content", {}).get("application/problem+json", {}).get("examples", {}):
                assert shared[slug]["value"]["status"] == int(status), f"{one.name} {status} {slug}"


def test_headers_are_told() -> None:
    """Every answer has a request id, a 503 says when to come back, and a write that takes a key says so."""
    for one in operations():
        for status, response in one.said["responses"].items():
            assert "X-Request-Id" in response["headers"], one.name
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503")), one.name
        takes_key = "Idempotency-Key" in {parameter["name"] for parameter in one.said.get("parameters", [])}
        replays = any("Idempotency-Replayed" in response["headers"] for response in one.said["responses"].values())
        assert takes_key == replays, one.name


def test_every_path_parameter_is_described() -> None:
    """Add ``path_parameter(…)`` to ``parameters=`` of the operation."""
    for one in operations():
        told = {parameter["name"] for parameter in one.said.get("parameters", []) if parameter["in"] == "path"}
        wanted = {part[1:].partition("}")[0] for part in one.path.split("/") if part.startswith("{")}
        assert told == wanted, f"{one.name}: {wanted ^ told}"
        assert all(parameter.get("description") for parameter in one.said.get("parameters", [])), one.name


def test_what_needs_a_key_says_so() -> None:
    """Below /v1 everything does, and names what the key must allow."""
    for one in operations():
        if one.path.startswith("/v1"):
            assert one.said["security"] in ([{"key": []}, {"session": []}], []), one.name
            # What names no action is for everybody who is known; signing in is for strangers.
            assert one.said.get("x-action") in {None, *Action}, one.name
