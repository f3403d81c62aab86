"""Tills without a network: a signed bundle, promises that are uploaded later, and the report of what differed."""

import base64
import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from khaywe.cli import app
from ledger.signing import NotSigned, opened
from projections.rebuild import BESIDE, build_beside, compare_and_swap
from projections.views import VIEWS
from rules.tills.bundle import PAYLOAD_TYPE, read
from tests.acceptance.conftest import Client
from tests.acceptance.desk import A_POINT_A_EURO, BASE, Desk, open_desk, publish

DOUBLE = {"rule": {"*": [{"var": "transaction_amount"}, 2]}, "point_currency": "points"}


PAGE = (Path(__file__).parents[2] / "docs/how-to/offline-tills.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def keys_of(client: Client) -> list[Ed25519PublicKey]:
    """Return the public keys that the API publishes."""
    found = client.get("/v1/signing-keys").json["keys"]
    return [Ed25519PublicKey.from_public_bytes(base64.b64decode(one["public_base64"])) for one in found]


def promise(points: int, version: int = 1) -> dict[str, Any]:
    """Return what a till promised."""
    return {"bundle_version": version, "points": {"points": points}}


def variances(desk: Desk, query: str = "") -> list[dict[str, Any]]:
    """Return the report, once the views show everything."""
    desk.catch_up()
    answer = desk.client.get(f"{BASE}/variances{query}")
    assert answer.status == 200, answer.text
    return list(answer.json["variances"])


def test_a_bundle_is_the_same_bytes_until_another_version_follows(client: Client) -> None:
    """It is signed, cached by its ETag, says when it ends, and names the version it is of."""
    open_desk(client)
    first, again = (client.get(f"{BASE}/bundles/current") for _ in range(2))
    assert first.status == 200
    assert again.text == first.text
    known = client.call("GET", f"{BASE}/bundles/1", headers={"If-None-Match": first.headers["ETag"]})
    assert (known.status, known.text) == (304, "")
    bundle = read(opened(first.text.encode(), PAYLOAD_TYPE, keys_of(client)))
    assert (bundle.version, bundle.valid_until, bundle.next_version) == (1, None, None)
    publish(client, "2030-01-01T00:00:00Z", earn=DOUBLE)
    later = client.call("GET", f"{BASE}/bundles/current", headers={"If-None-Match": first.headers["ETag"]})
    assert later.status == 200
    bundle = read(opened(later.text.encode(), PAYLOAD_TYPE, keys_of(client)))
    assert bundle.valid_until is not None
    assert (bundle.version, bundle.valid_until.isoformat(), bundle.next_version) == (1, "2030-01-01T00:00:00+00:00", 2)
    ahead = client.get(f"{BASE}/bundles/current?at=2030-01-01T00:00:00Z")
    assert read(opened(ahead.text.encode(), PAYLOAD_TYPE, keys_of(client))).version == 2


def test_a_bundle_holds_nothing_that_is_not_for_tills(lone_client: Client) -> None:
    """Neither how much a budget has, nor who pays."""
    earn = A_POINT_A_EURO | {"rule_id": "launch", "budget_points": 123456, "funding": "partner-7"}
    open_desk(lone_client, earn=earn)
    envelope = lone_client.get(f"{BASE}/bundles/1").text.encode()
    payload = opened(envelope, PAYLOAD_TYPE, keys_of(lone_client)).decode()
    assert "123456" not in payload
    assert "partner-7" not in payload
    assert read(payload.encode()).budgeted == ("launch",)


def test_a_changed_bundle_is_noticed(lone_client: Client) -> None:
    """A byte of the payload, its type, or another's key: none of them verifies."""
    open_desk(lone_client)
    envelope = lone_client.get(f"{BASE}/bundles/1").json
    payload = base64.b64decode(envelope["payload"]).replace(b'"points"', b'"paints"', 1)
    changed = envelope | {"payload": base64.b64encode(payload).decode()}
    with pytest.raises(NotSigned):
        opened(json.dumps(changed).encode(), PAYLOAD_TYPE, keys_of(lone_client))
    with pytest.raises(NotSigned):
        opened(json.dumps(envelope).encode(), "application/other", keys_of(lone_client))


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        (f"{BASE}/bundles/2", 404, "unknown-version"),
        (f"{BASE}/bundles/latest", 404, "unknown-version"),
        (f"{BASE}/bundles/current?at=yesterday", 422, "invalid-input"),
        (f"{BASE}/bundles/current?at=1999-01-01T00:00:00Z", 409, "no-version-in-force"),
        ("/v1/programs/none/bundles/1", 404, "unknown-program"),
        ("/v1/programs/none/variances", 404, "unknown-program"),
        (f"{BASE}/variances?from=yesterday", 422, "invalid-input"),
        (f"{BASE}/variances?only_different=perhaps", 422, "invalid-input"),
        (f"{BASE}/variances/summary?cursor=mine", 422, "invalid-input"),
    ],
)
def test_what_cannot_be_answered_is_refused(lone_client: Client, path: str, status: int, slug: str) -> None:
    """Each with its own problem."""
    open_desk(lone_client)
    answer = lone_client.get(path)
    assert (answer.status, answer.slug) == (status, slug)


def test_the_whole_walk(client: Client, tmp_path: Path) -> None:
    """Download, verify, price without a network, upload hours later out of order and twice, read the report."""
    earn = A_POINT_A_EURO | {"caps": [{"period": "day", "points": 150}]}
    desk = open_desk(client, earn=earn)
    (tmp_path / "bundle.json").write_text(client.get(f"{BASE}/bundles/current").text)
    (tmp_path / "key.pem").write_text(client.get("/v1/signing-keys").json["keys"][0]["public_pem"])
    # As a reader of the page would: in an interpreter of its own.
    checked = subprocess.run(
        [sys.executable, "-c", "\n".join([*SNIPPETS, "print(bundle['version'])"])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout == "1\n"
    lines = [
        {
            "source": "till-1",
            "transaction_id": f"T{hour}",
            "member": "card:1",
            "occurred_at": f"2026-03-01T{hour}:00:00Z",
            "amount": "100.00",
            "currency": "EUR",
        }
        for hour in (10, 11)
    ]
    (tmp_path / "sales.ndjson").write_text("\n".join(map(json.dumps, lines)))
    till = [str(tmp_path / "bundle.json"), "--key", str(tmp_path / "key.pem")]
    verified = CliRunner().invoke(app, ["till", "verify", *till])
    assert verified.exit_code == 0, verified.output
    assert "cap:earn:day" in verified.output
    priced = CliRunner().invoke(app, ["till", "price", till[0], str(tmp_path / "sales.ndjson"), *till[1:]])
    assert priced.exit_code == 0, priced.output
    uploads = [json.loads(line) for line in priced.stdout.splitlines()]
    assert [one["promised"]["points"] for one in uploads] == [{"points": 100}, {"points": 100}]

    for upload in reversed(uploads):
        assert client.post(f"{BASE}/purchases", upload).status == 201
    replayed = client.post(f"{BASE}/purchases", uploads[0] | {"promised": promise(7)})
    assert (replayed.status, replayed.json["promised"]) == (200, {"points": 100})

    report = variances(desk, "?only_different=true")
    assert [(one["transaction_id"], one["difference_points"], one["difference_now_points"]) for one in report] == [
        ("T11", 0, -50),
    ]
    assert report[0]["reason"] == "repriced"
    assert desk.available() == 150


def test_the_answer_says_what_differs_and_why(lone_client: Client) -> None:
    """Where nothing was promised, nothing is said; where the promise was kept, the difference is nought."""
    desk = open_desk(lone_client)
    assert desk.buy(10, "2026-03-01")["variance"] is None
    kept = desk.buy(10, "2026-03-01", promised=promise(10))
    assert (kept["variance"], kept["variance_reason"]) == ({"points": 0}, None)
    other = desk.buy(10, "2026-03-01", promised=promise(12))
    assert (other["promised"], other["variance"], other["variance_reason"]) == (
        {"points": 12},
        {"points": -2},
        "other_facts",
    )


def test_the_reason_is_what_the_till_did_not_know(lone_client: Client) -> None:
    """Each found by pricing again as the till may have seen it."""
    bonus = {
        "rule": {"if": [{"==": [{"var": "purchase_count"}, 0]}, 500, 0]},
        "rule_id": "first",
        "kind": "bonus",
        "point_currency": "points",
    }
    capped = A_POINT_A_EURO | {"caps": [{"period": "day", "points": 15}], "budget_points": 20}
    desk = open_desk(lone_client, "1", "2", earn=[capped, bonus])
    desk.buy(10, "2026-03-01", promised=promise(510))
    by_cap = desk.buy(10, "2026-03-01T13:00:00Z", promised=promise(10))
    assert (by_cap["variance"], by_cap["variance_reason"]) == ({"points": -5}, "cap_reached")
    by_history = desk.buy(5, "2026-03-02", promised=promise(505))
    assert (by_history["variance"], by_history["variance_reason"]) == ({"points": -500}, "history_differed")
    by_budget = desk.buy(10, "2026-03-02", member="card:2", promised=promise(510))
    assert (by_budget["variance"], by_budget["variance_reason"]) == ({"points": -10}, "budget_empty")
    publish(lone_client, "2026-03-03T00:00:00Z", earn=DOUBLE)
    by_version = desk.buy(10, "2026-03-04", promised=promise(10))
    assert (by_version["variance"], by_version["variance_reason"]) == ({"points": 10}, "other_version")


def test_a_late_arrival_is_named_as_the_reason(lone_client: Client) -> None:
    """Where it would have earned what was promised, had it come in its turn."""
    rule = {"if": [{"==": [{"var": "purchase_count"}, 0]}, 500, {"var": "transaction_amount"}]}
    desk = open_desk(lone_client, earn={"rule": rule, "point_currency": "points"})
    desk.buy(10, "2026-03-02", promised=promise(500))
    late = desk.buy(10, "2026-03-01", promised=promise(10))
    assert (late["variance"], late["variance_reason"]) == ({"points": 490}, "late_arrival")
    report = variances(desk)
    assert [(one["effective_on"], one["difference_points"], one["difference_now_points"]) for one in report] == [
        ("2026-03-01", 490, 490),
        ("2026-03-02", 0, -490),
    ]
    assert [one["reason"] for one in report] == ["late_arrival", "repriced"]


def test_a_currency_that_nobody_promised_is_in_the_report(lone_client: Client) -> None:
    """Also where it comes only with what arrives late."""
    extra = {
        "rule": {"if": [{"==": [{"var": "purchase_count"}, 1]}, 7, 0]},
        "rule_id": "second",
        "point_currency": "extra",
    }
    currencies = [{"code": "points", "name": "Points"}, {"code": "extra", "name": "Extra"}]
    desk = open_desk(lone_client, earn=[A_POINT_A_EURO, extra], point_currencies=currencies)
    desk.buy(10, "2026-03-02", promised=promise(10))
    desk.buy(10, "2026-03-01")
    report = variances(desk)
    assert [(one["point_currency"], one["promised_points"], one["booked_points"], one["points"]) for one in report] == [
        ("extra", 0, 0, 7),
        ("points", 10, 10, 10),
    ]


def test_a_tier_that_the_till_did_not_know_is_named(lone_client: Client) -> None:
    """Where another tier would have given what was promised."""
    ladder = {"code": "status", "tiers": [{"code": "gold", "name": "Gold", "min_points": 2000}]}
    earn = {
        "rule": {"if": [{"==": [{"var": "tier"}, "gold"]}, {"*": [{"var": "transaction_amount"}, 2]}, 5]},
        "point_currency": "points",
    }
    currency = {"code": "points", "name": "Points", "qualifying": True}
    desk = open_desk(lone_client, earn=earn, ladders=[ladder], point_currencies=[currency])
    given = desk.send("members/card:1/tier", "2026-03-01", tier="gold", reason="friend", valid_until="9999-12-31")
    assert given.status == 201, given.text
    seen = desk.buy(10, "2026-03-02", promised=promise(5))
    assert (seen["variance"], seen["variance_reason"]) == ({"points": 15}, "tier_differed")


def test_the_report_pages_sums_and_is_a_file(client: Client) -> None:
    """Pages hold every row once; sums add up; the file has all of it; returns are no variance."""
    desk = open_desk(client, "1", "2")
    for number in range(5):
        card = f"card:{1 + number % 2}"
        desk.buy(10, f"2026-03-0{1 + number}", member=card, transaction_id=f"=T{number}", promised=promise(10 + number))
    desk.done("purchases/=T0/returns?source=till-1", "2026-03-07", amount="4", reason="broken", return_id="R")
    rows = variances(desk)
    assert [one["difference_points"] for one in rows] == [0, -1, -2, -3, -4]
    assert (rows[0]["returned_points"], rows[0]["points"], rows[0]["difference_now_points"]) == (4, 6, 0)
    assert [one["transaction_id"] for one in variances(desk, "?only_different=true&from=2026-03-03&to=2026-03-05")] == [
        "=T2",
        "=T3",
    ]
    assert variances(desk, "?source=till-2") == []
    found, cursor = [], ""
    while True:
        page = client.get(f"{BASE}/variances?limit=2{cursor}").json
        found += page["variances"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == rows
    sums = client.get(f"{BASE}/variances/summary").json["sums"]
    assert sum(one["difference_points"] for one in sums) == -10
    assert sum(one["different_count"] for one in sums) == 4
    file = client.call("GET", f"{BASE}/variances?limit=1", headers={"Accept": "text/csv"})
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(file.text)))
    assert [line["transaction_id"] for line in lines] == [f"'=T{number}" for number in range(5)]
    assert [line["difference_points"] for line in lines] == ["0", "-1", "-2", "-3", "-4"]
    summed = client.call("GET", f"{BASE}/variances/summary", headers={"Accept": "text/csv"})
    assert len(summed.text.splitlines()) == 1 + len(sums)


def test_the_view_is_rebuilt_equal(client: Client) -> None:
    """With promises, returns and late arrivals in one page."""
    earn = A_POINT_A_EURO | {"caps": [{"period": "day", "points": 15}]}
    desk = open_desk(client, earn=earn)
    desk.buy(10, "2026-03-01T12:00:00Z", transaction_id="T", promised=promise(10))
    desk.buy(10, "2026-03-01T11:00:00Z", promised=promise(10))
    desk.done("purchases/T/returns?source=till-1", "2026-03-07", amount="4", reason="broken", return_id="R")
    desk.catch_up()
    database = client.database
    with (
        database.connect_as_owner() as owner,
        database.connect() as reader,
        database.connect_views(BESIDE) as writer,
    ):
        views = [VIEWS["promises"]]
        build_beside(owner, reader, writer, views, lambda _: None)
        compared = compare_and_swap(owner, reader, writer, views)
    assert {(one.table, one.is_equal) for one in compared} == {("promises", True)}
    assert sum(one.rebuilt_rows for one in compared) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"bundle_version": 0, "points": {"points": 1}},
        {"bundle_version": 1, "points": {}},
        {"bundle_version": 1, "points": {"points": -1}},
        {"bundle_version": 1, "points": {"No Code": 1}},
        {"bundle_version": 1, "points": {"points": 1}, "reason": "mine"},
    ],
)
def test_a_promise_that_is_none_is_refused(lone_client: Client, wrong: dict[str, Any]) -> None:
    """And nothing is booked."""
    open_desk(lone_client).refused(
        "purchases", "2026-03-01", "invalid-input", amount="1", currency="EUR", promised=wrong
    )
