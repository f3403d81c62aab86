"""The page for integrators: every call on it, in its order, with the status it says."""

import re
import shlex
from pathlib import Path

from tests.acceptance.conftest import Answer, Client

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
_CALL = re.compile(r"```sh\n# (?P<status>\d{3})\n(?P<line>curl .*)\n```")


def calls() -> list[tuple[int, str]]:
    """Return the calls of the page with the status each is to get."""
    return [(int(found["status"]), found["line"]) for found in _CALL.finditer(PAGE.read_text("utf-8"))]


def send(client: Client, line: str) -> Answer:
    """Send what a line of curl would send."""
    coffee = "/v1/programs/coffee"
    words = shlex.split(line.replace("$COFFEE", coffee).replace("$API", "/v1").replace("$AUTH", "Authorization: -"))
    headers, body, path = {}, None, ""
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(rest)
        elif word.startswith("/"):
            path = word
    del headers["Authorization"]
    return client.call("GET" if body is None else "POST", path, body, headers=headers)


def test_every_call_of_the_page_works(lone_client: Client) -> None:
    """As a till with a key of its own would make them."""
    lone_client.create_program()
    grant = {"role": "pos", "programs": ["coffee"], "stores": ["store-330"]}
    key = lone_client.post("/v1/access/keys", grant).json["key"]
    till = Client(lone_client.base, key, lone_client.database)
    listed = calls()
    assert len(listed) == 10
    answers = [(status, send(till, line), line) for status, line in listed]
    assert [(status, line) for status, answer, line in answers if answer.status != status] == []
    assert [answer.json.get("replayed") for _, answer, _ in answers[3:5]] == [False, True]
    assert answers[3][1].json["points"] == 24


def test_links_of_the_page_lead_somewhere() -> None:
    """To files that are there."""
    links = re.findall(r"\]\((?!http)([^)#]+)", PAGE.read_text("utf-8"))
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
