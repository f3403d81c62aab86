"""What an operator sees: figures, probes, one line per request without personal data, and the documentation."""

import io
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from khaywe.logs import configure_logging
from tests.acceptance.conftest import Client, purchase
from tests.acceptance.desk import BASE, open_desk

CARD = "4929000000006655"
STORED = ("ops@example.org", CARD)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.BytesIO]:
    """Provide what the process logs, as it would stand in its log."""
    wrapper = io.TextIOWrapper(stream := io.BytesIO())
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", wrapper)
        configure_logging("cli")
    yield stream
    structlog.reset_defaults()
    wrapper.detach()


def logged(stream: io.BytesIO, message: str) -> list[dict[str, Any]]:
    """Return the lines with a message."""
    return [line for line in map(json.loads, stream.getvalue().splitlines()) if line["message"] == message]


def figure(client: Client, name: str) -> float:
    """Return the value of a series, 0 if it is not there yet."""
    text = client.call("GET", "/metrics", key="").text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_every_request_has_one_line_that_says_what_became_of_it(lines: io.BytesIO, lone_client: Client) -> None:
    """Where it landed, whether it was a repeat, why it was refused, under the caller's own request id."""
    desk = open_desk(lone_client)
    body = purchase()
    for name in ("first", "again"):
        lone_client.post(f"{BASE}/purchases", body, headers={"X-Request-Id": name})
    desk.send("redemptions", "2026-03-02", points=10**6)
    found = {line["request_id"]: line for line in logged(lines, "request_answered")}
    first, again = found["first"], found["again"]
    assert (first["program_id"], first["replayed"], again["replayed"]) == ("coffee", False, True)
    assert (first["version"], first["position"]) == (again["version"], again["position"])
    assert first["sent_bytes"] > 0
    assert first["received_bytes"] == len(json.dumps(body))
    (refused,) = [line for line in found.values() if line.get("slug") == "insufficient-points"]
    assert (refused["status"], refused["level"], refused["route"]) == (
        409,
        "info",
        "/v1/programs/{program_id}/redemptions",
    )


def test_no_line_names_a_person(lines: io.BytesIO, lone_client: Client) -> None:
    """Identifiers in addresses, bodies, queries and refusals of every kind stand in no line of the log."""
    desk = open_desk(lone_client, CARD)
    lone_client.post(
        f"{BASE}/members", {"identifiers": [{"kind": "email", "value": STORED[0]}, {"kind": "card", "value": CARD}]}
    )
    for member in (f"card:{CARD}", f"email:{STORED[0]}", CARD):
        desk.send("purchases", "2026-03-01", member=member, amount="10", currency="EUR")
        desk.send("redemptions", "2026-03-01", member=member, points=10**6)
        lone_client.get(f"{BASE}/members/{member}/account")
        lone_client.get(f"{BASE}/members/{member}/lots?cursor={CARD}")
        lone_client.get(f"/v1/programs/{CARD}/members/{member}/account")
        lone_client.post(f"/v1/programs/{CARD}/purchases", purchase(member=member, amount=CARD, currency=CARD))
        lone_client.get(f"/{member}")
        lone_client.post(f"{BASE}/purchases", f'{{"member": "{member}"')
    with lone_client.database.connect_as_owner() as connection:
        # A query that fails inside the server: what it says about its rows is not for the log either.
        connection.execute("ALTER TABLE views.accounts RENAME TO hidden")
        lone_client.get(f"{BASE}/members/card:{CARD}/account")
        connection.execute("ALTER TABLE views.hidden RENAME TO accounts")
    text = lines.getvalue().decode()
    assert "request_answered" in text
    assert [stored for stored in STORED if stored in text] == []


def test_figures_count_what_happened(lone_client: Client) -> None:
    """Requests by route, refusals by slug, batches, repeats, lag, and whether the books add up."""
    desk = open_desk(lone_client)
    desk.buy(100, "2026-03-01", transaction_id="T1")
    desk.buy(30, "2026-03-01", transaction_id="T2")
    lone_client.post(f"{BASE}/purchases", purchase(transaction_id="T3", amount="100.00"))
    lone_client.post(f"{BASE}/purchases", purchase(transaction_id="T3", amount="100.00"))
    desk.send("redemptions", "2026-03-02", points=10**6)
    desk.run("check-balances", "2026-03-02T12:00:00")
    route = 'method="POST",route="/v1/programs/{program_id}/purchases",status="2xx"'
    assert figure(lone_client, f"khaywe_request_duration_seconds_count{{{route}}}") == 4
    assert figure(lone_client, 'khaywe_refusals_total{slug="insufficient-points"}') == 1
    assert figure(lone_client, "khaywe_poster_replays_total") == 1
    assert figure(lone_client, "khaywe_poster_batch_size_count") > 4
    assert figure(lone_client, "khaywe_poster_running") == 1
    assert figure(lone_client, "khaywe_database_reachable") == 1
    assert figure(lone_client, "khaywe_requests_in_flight") == 1
    assert figure(lone_client, 'khaywe_projection_lag_events{partition="0",view="balances"}') == 0
    text = lone_client.call("GET", "/metrics", key="").text
    assert 'khaywe_projection_lag_seconds{partition="0",view="lots"} 0.0' in text


def test_books_that_do_not_add_up_are_told(lines: io.BytesIO, lone_client: Client) -> None:
    """A lot that was changed behind the ledger's back shows in the figures, in the probe and in the log."""
    desk = open_desk(lone_client)
    desk.buy(100, "2026-03-01")
    desk.done("redemptions", "2026-03-02", points=40)
    desk.done("holds", "2026-03-03", points=15)
    assert desk.run("check-balances", "2026-03-04T12:00:00").refused_count == 0
    assert lone_client.get("/health/ready").json["status"] == "ready"
    with lone_client.database.connect_as_owner() as connection:
        connection.execute("UPDATE views.lots SET open_points = open_points + 1")
    assert desk.run("check-balances", "2026-03-04T13:00:00").refused_count == 1
    answer = lone_client.get("/health/ready")
    assert (answer.status, answer.json["status"], answer.json["invariants_hold"]) == (200, "degraded", False)
    assert figure(lone_client, "khaywe_invariants_hold") == 0
    assert figure(lone_client, "khaywe_invariants_checked_seconds") > 0
    assert len(logged(lines, "balances_do_not_add_up")) == 1


def test_probes_say_what_they_looked_at(client: Client) -> None:
    """Alive without asking anybody; ready with the schema, the poster and the views."""
    assert client.call("GET", "/health/live", key="").json == {"status": "alive"}
    answer = client.call("GET", "/health/ready", key="")
    assert answer.status == 200
    assert (answer.json["is_schema_up_to_date"], answer.json["is_poster_running"]) == (True, True)
    with client.database.connect_as_owner() as connection:
        connection.execute("DELETE FROM migrations.applied WHERE number = (SELECT max(number) FROM migrations.applied)")
    answer = client.call("GET", "/health/ready", key="")
    assert (answer.status, answer.json["status"]) == (503, "unavailable")


def test_figures_from_elsewhere_need_a_key(lone_client: Client) -> None:
    """A proxy on the same machine speaks for others: a key is needed, and it must be a good one."""
    through = {"X-Forwarded-For": "203.0.113.9"}
    assert lone_client.call("GET", "/metrics", key="").status == 200
    assert lone_client.call("GET", "/metrics", key="", headers=through).slug == "unauthorized"
    assert lone_client.call("GET", "/metrics", headers=through).status == 200


def test_a_failure_names_its_request(lone_client: Client) -> None:
    """A 5xx carries the id under which our log knows it."""
    lone_client.create_program()
    lone_client.enrol()
    far = f"{BASE}/members/card:1/lots?min_position=0:999999"
    answer = lone_client.call("GET", far, headers={"X-Request-Id": "mine"})
    assert (answer.status, answer.slug, answer.json["request_id"]) == (503, "view-behind", "mine")


def test_the_documentation_needs_no_network(lone_client: Client) -> None:
    """The page names nothing outside, and its scripts may come from here only."""
    page = lone_client.call("GET", "/docs", key="")
    files = re.findall(r'(?:src|href|url)[=:] ?"([^"]+)"', page.text)
    assert sorted(files) == [
        "docs/favicon-32x32.png",
        "docs/swagger-ui-bundle.js",
        "docs/swagger-ui.css",
        "openapi.json",
    ]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for name in files:
        if not name.endswith(".png"):
            assert len(lone_client.call("GET", f"/{name}", key="").text) > 10_000
    assert lone_client.call("GET", "/docs/other.js", key="").slug == "no-such-resource"
