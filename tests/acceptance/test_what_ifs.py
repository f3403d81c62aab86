"""What another version would have come to, over REST: asked, answered, read, repaired."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.conftest import Answer, Client
from tests.acceptance.desk import A_POINT_A_EURO, BASE, CENT, Desk, open_desk, publish
from workers.repairing import carry_out_repairs
from workers.sweeping import Deps
from workers.what_ifs import answer_what_ifs

PATH = f"{BASE}/what-ifs"
WINDOW = {"window_start": "2026-01-01T00:00:00Z", "as_of": "2027-01-01T00:00:00Z"}
DOUBLE = {
    "point_currencies": [{"code": "points", "name": "Points"}],
    "earn": {"rule": {"*": [{"var": "transaction_amount"}, 2]}, "point_currency": "points"},
    "burn": CENT,
}
HALF = DOUBLE | {"earn": {"rule": {"*": [{"var": "transaction_amount"}, 0.5]}, "point_currency": "points"}}


def work(client: Client) -> None:
    """Do what the workers do, until there is nothing more to do."""
    with client.database.poster() as poster:
        deps = Deps(client.database.connect, poster, client.database.partition_count)
        while answer_what_ifs(deps, uuid4()) + carry_out_repairs(deps, uuid4()):
            pass


def asked(client: Client, **body: Any) -> str:
    """Ask, have it answered, and return where."""
    answer = client.post(PATH, WINDOW | body)
    assert answer.status == 202, answer.text
    assert answer.json["status"] == "queued"
    work(client)
    return str(answer.headers["Location"])


def answered(client: Client, **body: Any) -> Any:
    """Ask, have it answered, and return the answer."""
    found = client.get(asked(client, **body)).json
    assert found["status"] == "done", found["failure"]
    return found


def key(client: Client, role: str = "finance") -> str:
    """Issue a key."""
    return str(client.post("/v1/access/keys", {"role": role}).json["key"])


def repaired(client: Client, path: str, **body: Any) -> Any:
    """Ask for a repair, let a second person agree, have it carried out, and return it."""
    repair = client.post(f"{path}/repairs", {"reason": "wrong rule"} | body)
    assert repair.status == 202, repair.text
    approved = client.post(f"{repair.json['approval']}/approve", None, key=key(client))
    assert approved.status == 201, approved.text
    work(client)
    return client.get(repair.headers["Location"]).json


@pytest.fixture
def desk(client: Client) -> Desk:
    """Provide two members who bought before and in the window, and one who never did."""
    desk = open_desk(client, "1", "2", "3")
    desk.buy(100, "2025-06-01")
    desk.buy(40, "2026-02-01")
    desk.buy(10, "2026-03-01", member="card:2")
    return desk


def test_it_is_told_what_a_draft_would_have_come_to(desk: Desk) -> None:
    """In all, per member with the largest difference first, and as a file; only purchases in the window count."""
    client = desk.client
    client.call("PUT", f"{BASE}/draft", DOUBLE)
    count = client.event_count()
    path = asked(client, version="draft", point_value_minor={"points": "0.5"})
    found = client.get(path).json
    assert (found["status"], found["version"], found["done_count"], found["account_count"]) == ("done", "draft", 3, 3)
    totals = found["totals"]
    assert (totals["account_count"], totals["different_count"], totals["window_purchase_count"]) == (3, 2, 2)
    points = totals["currencies"][0]
    assert (points["awarded_points"], points["hypothetical_points"], points["difference_points"]) == (50, 100, 50)
    assert (points["liability_before_points"], points["liability_after_points"]) == (150, 200)
    assert (points["liability_change_points"], points["liability_change_minor"]) == (50, 25)
    assert (points["winner_count"], points["loser_count"], points["distribution"]) == (2, 0, {"0": 1, "10": 2})
    members = client.get(f"{path}/members?limit=1").json
    assert [one["change_points"] for one in members["members"]] == [40]
    more = client.get(f"{path}/members?limit=10&cursor={members['next_cursor']}").json
    assert [one["change_points"] for one in more["members"]] == [10]
    assert [one["change_points"] for one in found["winners"]] == [40, 10]
    rows = list(csv.DictReader(io.StringIO(client.get(f"{path}/csv").text)))
    assert [(row["balance_points"], row["hypothetical_balance_points"]) for row in rows] == [
        ("140", "180"),
        ("10", "20"),
    ]
    assert client.event_count() == count
    assert [one["what_if_id"] for one in client.get(PATH).json["what_ifs"]] == [found["what_if_id"]]


def test_the_same_question_has_the_same_answer(desk: Desk) -> None:
    """By its hash; and under the version that was in force nothing would be different."""
    client = desk.client
    first, second = answered(client, version=DOUBLE), answered(client, version=DOUBLE)
    assert first["result_sha256"] == second["result_sha256"]
    assert first["totals"] == second["totals"]
    same = answered(client, version=1)
    assert (same["totals"]["different_count"], same["totals"]["currencies"][0]["difference_points"]) == (0, 0)
    assert same["result_sha256"] != first["result_sha256"]
    sample = answered(client, version=DOUBLE, sample=1)
    assert sample["totals"]["account_count"] == sample["account_count"] == 1


def test_a_question_is_asked_once_under_its_key(desk: Desk) -> None:
    """The same again is the same what-if; something else under the key is refused."""
    client = desk.client

    def send(**body: Any) -> Answer:
        return client.post(PATH, WINDOW | {"version": 1} | body, headers={"Idempotency-Key": "K1"})

    first, again = send(), send()
    assert first.json["what_if_id"] == again.json["what_if_id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert send(sample=1).slug == "key-reused"
    cancelled = client.post(f"{first.headers['Location']}/cancel", None)
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    work(client)
    assert client.get(first.headers["Location"]).json["status"] == "cancelled"
    refused = client.get(f"{first.headers['Location']}/repairs/preview")
    assert (refused.status, refused.slug) == (409, "what-if-unfinished")


def test_what_cannot_be_asked_is_refused(desk: Desk) -> None:
    """With its place."""
    client = desk.client
    assert client.post(PATH, WINDOW | {"version": "draft"}).slug == "nothing-to-publish"
    assert client.post(PATH, WINDOW | {"version": 9}).slug == "unknown-version"
    bad = DOUBLE | {"earn": {"rule": {"var": "nothing_such"}, "point_currency": "points"}}
    refused = client.post(PATH, WINDOW | {"version": bad})
    assert (refused.slug, refused.json["problems"][0]["pointer"][:13]) == ("invalid-rule", "/version/earn")
    refused = client.post(PATH, WINDOW | {"version": 1, "window_end": "2025-01-01T00:00:00Z"})
    assert (refused.slug, refused.json["pointer"]) == ("invalid-input", "/window_end")
    refused = client.post(PATH, WINDOW | {"version": 1, "point_value_minor": {"points": "-1"}})
    assert (refused.slug, refused.json["pointer"]) == ("invalid-input", "/point_value_minor/points")
    assert client.get(f"{PATH}/{uuid4()}").slug == "unknown-what-if"
    assert client.get(f"{PATH}/nothing").slug == "unknown-what-if"
    assert client.post(PATH, WINDOW | {"version": 1}, key=key(client, "pos")).slug == "forbidden"


def test_tiers_chain(client: Client) -> None:
    """Points given more in the window reach a tier, and what that gives more reaches the next one, also later."""
    ladder = {
        "code": "status",
        "tiers": [
            {"code": "silver", "name": "Silver", "min_points": 100, "benefits": {"times": 2}},
            {"code": "gold", "name": "Gold", "min_points": 400, "benefits": {"times": 3}},
        ],
    }
    times = {"var": ["benefit_times", 1]}
    terms = {
        "point_currencies": [{"code": "points", "name": "Points", "qualifying": True}],
        "earn": {"rule": {"*": [{"var": "transaction_amount"}, times]}, "point_currency": "points"},
        "ladders": [ladder],
    }
    desk = open_desk(client, **terms)
    for month, spent in ((2, 60), (3, 60), (4, 100), (5, 10)):
        desk.buy(spent, f"2026-0{month}-01")
    assert desk.balance()["balance_points"] == 60 + 60 + 200 + 20
    more = {"*": [{"var": "transaction_amount"}, {"*": [2, times]}]}
    other = terms | {"earn": {"rule": more, "point_currency": "points"}, "burn": CENT}
    found = answered(client, version=other, window_end="2026-03-15T00:00:00Z", as_of="2026-06-01T00:00:00Z")
    # 120 in February reach silver; 240 in March, and 200 in April under the own version, reach gold; May gives thrice.
    points = found["totals"]["currencies"][0]
    assert (points["awarded_points"], points["hypothetical_points"]) == (340, 120 + 240 + 200 + 30)
    assert found["totals"]["tiers"] == {"status: silver -> gold": 1}
    (member,) = found["winners"]
    assert member["tiers"][0]["hypothetical_tier"] == "gold"
    assert member["change_points"] == 250


def test_redemptions_that_would_not_have_been_covered_are_named(desk: Desk) -> None:
    """With the points that would have been missing."""
    desk.done("redemptions", "2026-04-01", points=130)
    (loser,) = [one for one in answered(desk.client, version=HALF)["losers"] if one["uncovered"]]
    assert [(one["redemption_id"], one["short_points"]) for one in loser["uncovered"]] == [("redemptions-4", 10)]
    assert loser["change_points"] == -20


def test_points_that_lapsed_make_no_difference_today(client: Client) -> None:
    """Neither those that would have been given more and lapsed since, nor those that are gone already."""
    currencies = [{"code": "points", "name": "Points", "expiry_months": 2}]
    desk = open_desk(client, point_currencies=currencies)
    desk.buy(40, "2026-02-01")
    desk.buy(60, "2026-05-20")
    desk.run("expire-lots", "2026-06-01T00:00")
    zero = HALF | {"point_currencies": currencies}
    points = answered(client, version=zero, as_of="2026-06-01T00:00:00Z")["totals"]["currencies"][0]
    assert (points["difference_points"], points["lapsed_points"], points["liability_change_points"]) == (-50, -20, -30)
    more = DOUBLE | {"point_currencies": currencies}
    points = answered(client, version=more, as_of="2026-06-01T00:00:00Z")["totals"]["currencies"][0]
    assert (points["difference_points"], points["lapsed_points"], points["liability_change_points"]) == (100, 40, 60)
    longer = {"point_currencies": [{"code": "points", "name": "Points", "expiry_months": 9}], "earn": A_POINT_A_EURO}
    points = answered(client, version=longer | {"burn": CENT}, as_of="2026-06-01T00:00:00Z")["totals"]["currencies"][0]
    assert (points["difference_points"], points["lapsed_points"], points["liability_change_points"]) == (0, -40, 40)


def test_a_repair_books_what_a_second_person_agreed_to(desk: Desk) -> None:
    """One adjustment for each; originals stay; and then nothing is left to repair."""
    client = desk.client
    path = asked(client, version=DOUBLE)
    preview = client.get(f"{path}/repairs/preview?only=winners").json
    assert (preview["account_count"], preview["given_points"], preview["taken_points"]) == (2, {"points": 50}, {})
    assert client.get(f"{path}/repairs/preview?only=losers").json["account_count"] == 0
    assert client.post(f"{path}/repairs", {"reason": "x", "only": "losers"}).slug == "nothing-to-repair"
    waiting = client.post(f"{path}/repairs", {"reason": "wrong rule"})
    assert (waiting.status, waiting.json["status"]) == (202, "waiting")
    count = client.event_count()
    work(client)
    assert client.event_count() == count
    own = client.post(f"{waiting.json['approval']}/approve", None)
    assert own.slug == "second-person-needed"
    assert client.post(f"{waiting.json['approval']}/approve", None, key=key(client, "marketer")).slug == "forbidden"
    assert client.post(f"{waiting.json['approval']}/approve", None, key=key(client)).status == 201
    work(client)
    repair = client.get(waiting.headers["Location"]).json
    assert (repair["status"], repair["posted_count"], repair["points"]) == ("done", 2, {"points": 50})
    assert desk.balance()["balance_points"] == 180
    assert desk.balance(card="2")["balance_points"] == 20
    entries = client.get(f"{waiting.headers['Location']}/entries").json["entries"]
    assert sorted((one["result"], one["points"]) for one in entries) == [("posted", 10), ("posted", 40)]
    after = answered(client, version=DOUBLE)["totals"]
    assert after["different_count"] == 0
    assert after["currencies"][0]["repaired_points"] == after["currencies"][0]["difference_points"] == 50
    again = repaired(client, path)
    assert (again["status"], again["posted_count"], again["replayed_count"]) == ("done", 0, 2)
    assert desk.balance()["balance_points"] == 180


def test_the_books_name_who_agreed_to_a_repair(desk: Desk) -> None:
    """On the lines of each adjustment."""
    client = desk.client
    settings = {
        "point_currency": "points",
        "effective_on": "2025-01-01",
        "currency": "EUR",
        "point_value_minor": "1",
        "redemption_rate": "1",
    }
    assert client.post(f"{BASE}/books/settings", settings).status == 201
    repair = repaired(client, asked(client, version=DOUBLE))
    by = client.get(repair["approval"]).json["decided_by"]
    answer = client.get(f"{BASE}/books/{datetime.now(UTC):%Y-%m}/journal")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    adjusted = [line for line in lines if line["event_kind"] == "account.points_adjusted.v1"]
    assert {line["approved_by"] for line in adjusted} == {by}
    assert by
    assert {line["approved_by"] for line in lines if line not in adjusted} == {""}


def test_an_account_that_changed_is_skipped(desk: Desk) -> None:
    """And found by the next what-if, which counts what was repaired."""
    path = asked(desk.client, version=DOUBLE)
    desk.buy(5, "2026-04-01", member="card:2")
    repair = repaired(desk.client, path)
    assert (repair["posted_count"], repair["skipped_count"]) == (1, 1)
    (entry,) = desk.client.get(f"{path}/repairs/{repair['repair_id']}/entries?result=skipped").json["entries"]
    assert (entry["slug"], entry["points"]) == ("account-changed", 10)
    assert desk.balance(card="2")["balance_points"] == 15
    path = asked(desk.client, version=DOUBLE)
    assert [one["change_points"] for one in desk.client.get(f"{path}/members").json["members"]] == [15]
    assert repaired(desk.client, path)["posted_count"] == 1
    assert desk.balance(card="2")["balance_points"] == 30


def test_losers_pay_with_what_they_have(desk: Desk) -> None:
    """Unless they are to owe it; what cannot be taken is told."""
    desk.done("redemptions", "2026-04-01", points=139)
    path = asked(desk.client, version=HALF)
    refused = repaired(desk.client, path, only="losers")
    assert (refused["posted_count"], refused["refused_count"]) == (1, 1)
    (entry,) = desk.client.get(f"{path}/repairs/{refused['repair_id']}/entries?result=refused").json["entries"]
    assert (entry["slug"], entry["points"]) == ("insufficient-points", -20)
    owing = repaired(desk.client, path, only="losers", may_overdraw=True)
    assert (owing["posted_count"], owing["replayed_count"]) == (1, 1)
    assert desk.balance()["balance_points"] == -19


def test_a_repair_that_is_rejected_books_nothing(desk: Desk) -> None:
    """Whoever asked may take it back, too."""
    client = desk.client
    path = asked(client, version=DOUBLE)
    repair = client.post(f"{path}/repairs", {"reason": "wrong rule"})
    assert client.post(f"{repair.json['approval']}/reject", {"reason": "no"}, key=key(client)).status == 200
    work(client)
    assert client.get(repair.headers["Location"]).json["status"] == "rejected"
    assert desk.balance()["balance_points"] == 140
    assert client.get(f"{path}/repairs").json["repairs"][0]["repair_id"] == repair.json["repair_id"]
    assert client.get(f"{path}/repairs/{uuid4()}").slug == "unknown-repair"


def test_the_draft_may_change_while_it_is_answered(desk: Desk) -> None:
    """The question keeps the terms that it was asked with."""
    client = desk.client
    client.call("PUT", f"{BASE}/draft", DOUBLE)
    answer = client.post(PATH, WINDOW | {"version": "draft"})
    publish(client, "2026-12-01T00:00:00Z")
    work(client)
    assert client.get(answer.headers["Location"]).json["totals"]["currencies"][0]["difference_points"] == 50
