"""Books over REST: months that are closed, opened again, and what finance reads of them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from projections.books.chart import SCHEME_VERSION
from projections.books.history import read_history
from projections.books.reading import opened
from tests.acceptance.conftest import Answer, Client
from tests.acceptance.desk import Desk, open_desk

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/accounting.json").read_text())["ifrs15_ie52"]
BOOKS = "/v1/programs/coffee/books"
SETTINGS: dict[str, Any] = {
    "point_currency": "points",
    "effective_on": "2020-01-01",
    "currency": "EUR",
    "point_value_minor": "1",
    "redemption_rate": "0.95",
}


@pytest.fixture
def desk(client: Client) -> Desk:
    """Provide a program in which a euro is a point, worth a cent, of which 95 % are redeemed; and two members."""
    desk = open_desk(client, "1", "2", transfers=[{"point_currency": "points"}])
    assert client.post(f"{BOOKS}/settings", SETTINGS).status == 201
    return desk


def close(desk: Desk, period: str) -> Any:
    """Close a month."""
    answer = desk.client.post(f"{BOOKS}/{period}/close", None)
    assert answer.status == 201, answer.text
    return answer.json


def lines(desk: Desk, period: str) -> list[dict[str, Any]]:
    """Return the journal of a month."""
    answer = desk.client.get(f"{BOOKS}/{period}/journal")
    assert answer.status == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def moved(desk: Desk, period: str) -> dict[str, int]:
    """Return by how much the journal moves each account, debits less credits, in cents."""
    sums: dict[str, int] = {}
    for line in lines(desk, period):
        if line["currency"] == "EUR":
            account = line["account"]
            sums[account] = sums.get(account, 0) + line["debit_minor"] - line["credit_minor"]
    return {account: amount for account, amount in sorted(sums.items()) if amount}


def test_example_52_by_purchases_and_redemptions(lone_client: Client) -> None:
    """100,000 euros of sales with 10,000 points worth a euro each; figures of the standard, to the unit."""
    desk = open_desk(
        lone_client, "1", earn={"rule": {"/": [{"var": "transaction_amount"}, 10]}, "point_currency": "points"}
    )
    assert desk.client.post(f"{BOOKS}/settings", SETTINGS | {"point_value_minor": "100"}).status == 201
    for _ in range(10):
        desk.buy(10_000, "2025-01-10")
    desk.done("redemptions", "2025-01-20", points=4_500)
    close(desk, "2025-01")
    first = {account: round(amount / 100) for account, amount in moved(desk, "2025-01").items()}
    assert first == {
        "1000": 100_000,
        "2000": -GOLDEN["liab_y1"],
        "4000": -GOLDEN["products"],
        "4100": -GOLDEN["rev_y1"],
    }
    estimate = {"cohort": "2025-01/own/points", "redeemed_points": 9_700, "reason": "more come than expected"}
    assert desk.client.post(f"{BOOKS}/estimates", estimate).status == 201
    desk.done("redemptions", "2025-02-20", points=4_000)
    close(desk, "2025-02")
    second = {account: round(amount / 100) for account, amount in moved(desk, "2025-02").items()}
    assert second == {"2000": GOLDEN["rev_y2"], "4100": -GOLDEN["rev_y2"]}
    (owed,) = desk.client.get(f"{BOOKS}/2025-02/liability").json["cohorts"]
    assert (round(owed["contract_minor"] / 100), owed["open_points"], owed["expected_points"]) == (
        GOLDEN["liab_y2"],
        1_500,
        1_200,
    )


def test_a_month_of_everything_adds_up(desk: Desk) -> None:
    """Roll-forward, liability, journal and events agree; a closed month is the same whenever it is read."""
    bought = desk.buy(1_000, "2025-03-02")
    desk.done("accruals", "2025-03-03", points=100, reason="welcome")
    desk.done("transfers", "2025-03-04", to_member="card:2", points=50)
    spent = desk.done("redemptions", "2025-03-05", points=300)
    desk.done(f"redemptions/{spent['redemption_id']}/reversal", "2025-03-06", points=100, reason="regret")
    desk.done(
        f"purchases/{bought['transaction_id']}/returns?source=till-1", "2025-03-07", amount="200", reason="broken"
    )
    desk.done("adjustments", "2025-03-08", points=-30, reason="correction")
    closed = close(desk, "2025-03")
    roll = desk.client.get(f"{BOOKS}/2025-03/rollforward").json
    (line,) = roll["cohorts"]
    assert line["points"]["movements"] == {
        "issued": 1_100,
        "redeemed": -300,
        "reversed": 100,
        "clawed_back": -200,
        "adjusted": -30,
    }
    assert (
        line["points"]["closing"] == 670 == desk.balance()["balance_points"] + desk.balance(card="2")["balance_points"]
    )
    (owed,) = desk.client.get(f"{BOOKS}/2025-03/liability").json["cohorts"]
    assert line["value_minor"]["closing"] == owed["contract_minor"] + owed["given_minor"]
    assert closed["journal_hash"] == roll["journal_hash"]
    journal = lines(desk, "2025-03")
    entries: dict[tuple[str, str], int] = {}
    for one in journal:
        key = one["entry_id"], one["currency"]
        entries[key] = entries.get(key, 0) + one["debit_minor"] - one["credit_minor"]
    assert not any(entries.values())
    desk.buy(77, "2025-03-09", member="card:2")
    with desk.client.database.connect() as connection:
        # What is kept of closed months is a cache.
        connection.execute("DELETE FROM books.lots")
        connection.execute("DELETE FROM books.kept")
    assert lines(desk, "2025-03") == journal
    assert desk.client.get(f"{BOOKS}/2025-03/rollforward").json == roll
    assert desk.client.get(BOOKS).json["closed"][0]["journal_hash"] == closed["journal_hash"]


def test_what_comes_late_is_posted_in_the_open_month(desk: Desk) -> None:
    """With the date on which it counts; what comes early waits for its month."""
    desk.buy(100, "2025-04-10")
    desk.buy(40, "2025-05-02")
    desk.done("redemptions", "2025-05-03", points=30)
    assert close(desk, "2025-04")["event_count"] == 1
    before = lines(desk, "2025-04")
    desk.buy(60, "2025-04-20")
    late = desk.client.get(f"{BOOKS}/2025-05/cutoff").json
    assert (late["late_count"], late["is_closed"]) == (1, False)
    (event,) = late["events"]
    assert (event["kind"], event["service_date"], event["posting_date"]) == (
        "account.purchase_posted.v1",
        "2025-04-20",
        "2025-05-01",
    )
    assert close(desk, "2025-05")["event_count"] == 3
    assert lines(desk, "2025-04") == before
    posted = [(one["service_date"], one["period"]) for one in lines(desk, "2025-05") if one["account"] == "1000"]
    assert sorted(posted) == [("2025-04-20", "2025-05"), ("2025-05-02", "2025-05")]
    april, may = desk.client.get(f"{BOOKS}/2025-05/rollforward").json["cohorts"]
    assert (april["points"]["opening"], april["points"]["closing"]) == (100, 130)
    assert may["points"] == {"opening": 0, "movements": {"issued": 40}, "closing": 40}


def test_opening_a_month_again_takes_two_people(desk: Desk) -> None:
    """And leaves a trace; closed again, it is posted by the settings that hold then."""
    client = desk.client
    clerk, boss = key(client), key(client)
    desk.buy(100, "2025-06-10")
    first = close(desk, "2025-06")
    refused = client.post(f"{BOOKS}/settings", SETTINGS | {"effective_on": "2025-06-01"})
    assert (refused.status, refused.slug) == (409, "period-closed")
    asked = client.post(f"{BOOKS}/2025-06/reopen", {"reason": "the value was wrong"}, key=clerk)
    assert (asked.status, asked.json["kind"], asked.json["status"]) == (202, "reopening", "pending"), asked.text
    assert client.get(BOOKS).json["next_period"] == "2025-07"
    path = f"/v1/programs/coffee/approvals/{asked.json['approval_id']}/approve"
    own = client.post(path, None, key=clerk)
    assert (own.status, own.slug) == (403, "second-person-needed")
    reopened = client.post(path, None, key=boss)
    assert (reopened.status, reopened.json["period"]) == (201, "2025-06"), reopened.text
    assert client.post(f"{BOOKS}/settings", SETTINGS | {"point_value_minor": "2"}).status == 201
    second = close(desk, "2025-06")
    assert first["journal_hash"] != second["journal_hash"]
    assert moved(desk, "2025-06")["2000"] < -180
    trace = client.get(BOOKS).json["trace"]
    assert [one["kind"] for one in trace] == [
        "books.period_closed.v1",
        "books.period_reopened.v1",
        "books.period_closed.v1",
    ]
    assert (trace[1]["by"] != trace[1]["approved_by"], trace[1]["reason"]) == (True, "the value was wrong")
    assert trace[0]["journal_hash"] == first["journal_hash"]


def test_months_are_closed_in_order(desk: Desk) -> None:
    """Each once, when it is over, and with settings."""
    client = desk.client

    def refused(period: str, verb: str = "close", body: Any = None) -> str | None:
        answer: Answer = client.post(f"{BOOKS}/{period}/{verb}", body)
        return answer.slug

    close(desk, "2025-01")
    assert refused("2025-01") == "period-closed"
    assert refused("2025-03") == "period-not-next"
    assert refused("2025-1") == "invalid-input"
    assert refused("2024-12", "reopen", {"reason": "x"}) == "period-not-closed"
    client.create_program("tea")
    answer = client.post("/v1/programs/tea/books/2025-01/close", None)
    assert (answer.status, answer.slug) == (409, "books-not-set-up")
    assert client.post("/v1/programs/tea/books/settings", SETTINGS).status == 201
    answer = client.post("/v1/programs/tea/books/2999-01/close", None)
    assert (answer.status, answer.slug) == (409, "period-not-over")


def test_books_of_programs_are_kept_apart(desk: Desk) -> None:
    """What happens in another program is no event of this one."""
    desk.client.create_program("tea")
    desk.client.enrol("1", "tea")
    desk.buy(100, "2025-01-10")
    body = {
        "source": "t",
        "transaction_id": "1",
        "member": "card:1",
        "amount": "500",
        "currency": "EUR",
        "occurred_at": "2025-01-10T12:00:00Z",
    }
    assert desk.client.post("/v1/programs/tea/purchases", body).status == 201
    assert close(desk, "2025-01")["event_count"] == 1
    assert moved(desk, "2025-01")["1000"] == 10_000


def test_who_may_read_and_who_may_close(desk: Desk) -> None:
    """Finance does both, an analyst reads, a till does neither."""
    client = desk.client
    analyst, till = key(client, role="analyst"), key(client, role="pos")
    assert client.call("GET", BOOKS, key=analyst).status == 200
    assert client.post(f"{BOOKS}/2025-01/close", None, key=analyst).slug == "forbidden"
    assert client.call("GET", BOOKS, key=till).slug == "forbidden"


def key(client: Client, **grant: Any) -> str:
    """Issue a key."""
    return str(client.post("/v1/access/keys", {"role": "finance"} | grant).json["key"])


def test_a_close_whose_answer_was_lost_is_sent_again(desk: Desk) -> None:
    """With its key it is answered again, also a third time; the key of one month closes no other."""
    headers = {"Idempotency-Key": "close-1"}
    first = desk.client.post(f"{BOOKS}/2025-01/close", None, headers=headers)
    again = desk.client.post(f"{BOOKS}/2025-01/close", None, headers=headers)
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (201, 200, "true")
    assert first.json == again.json
    other = desk.client.post(f"{BOOKS}/2025-02/close", None, headers=headers)
    assert (other.status, other.slug) == (422, "key-reused")
    assert desk.client.post(f"{BOOKS}/2025-01/close", None).slug == "period-closed"


def test_what_is_closed_is_signed(desk: Desk) -> None:
    """The closing itself included."""
    close(desk, "2025-01")
    newest = desk.client.get("/v1/audit/checkpoints?limit=1").json["checkpoints"][0]
    assert sum(tree["size"] for tree in newest["trees"]) == desk.client.event_count()


def test_a_month_that_an_older_scheme_closed_stays_as_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read again, its journal has the hash that it was closed with; the month after it is closed with today's."""
    desk.buy(1_000, "2025-01-02")
    spent = desk.done("redemptions", "2025-01-05", points=300)
    desk.done(f"redemptions/{spent['redemption_id']}/reversal", "2025-01-06", points=100, reason="regret")
    with monkeypatch.context() as older:
        older.setattr("projections.books.history.SCHEME_VERSION", 1)
        first = close(desk, "2025-01")
        as_closed = lines(desk, "2025-01")
    assert {one["scheme_version"] for one in as_closed} == {1}
    assert lines(desk, "2025-01") == as_closed
    close(desk, "2025-02")
    with desk.client.database.connect() as connection:
        forget(connection)
        history = read_history(connection, "coffee", desk.client.database.partition_count)
        with opened(connection, "coffee", history, "2025-01") as (basis, reading):
            for _ in reading.entries():
                pass
            again = reading.month.closed("test", datetime.now(UTC))
    assert (basis.scheme_version, again.journal_hash) == (1, first["journal_hash"])
    assert history.closing("2025-02").scheme_version == SCHEME_VERSION == 2


def test_a_reversal_at_a_supplier_undoes_the_entry(desk: Desk) -> None:
    """Months later and at another rate, whether what was posted is kept or worked out again: line by line."""
    airline = [{"source": "airline", "role": "agent", "reimbursement_minor": "0.333"}]
    dearer = [{"source": "airline", "role": "agent", "reimbursement_minor": "0.9"}]
    assert desk.client.post(f"{BOOKS}/settings", SETTINGS | {"suppliers": airline}).status == 201
    later = SETTINGS | {"suppliers": dearer, "effective_on": "2025-02-01"}
    assert desk.client.post(f"{BOOKS}/settings", later).status == 201
    desk.buy(1_000, "2025-01-02")
    spent = desk.done("redemptions", "2025-01-05", points=101, source="airline")
    close(desk, "2025-01")
    reversal = f"redemptions/{spent['redemption_id']}/reversal"
    desk.done(reversal, "2025-02-06", points=50, reason="regret")
    close(desk, "2025-02")
    desk.done(reversal, "2025-03-06", points=51, reason="regret")

    def money(period: str, kind: str) -> dict[str, int]:
        found = [one for one in lines(desk, period) if one["event_kind"] == f"account.{kind}.v1"]
        return {one["account"]: one["debit_minor"] - one["credit_minor"] for one in found if one["currency"] == "EUR"}

    there = money("2025-01", "points_redeemed")
    back = [money(period, "redemption_reversed") for period in ("2025-02", "2025-03")]
    assert there["2100"] == -34
    assert {name: sum(part[name] for part in back) for name in there} == {name: -minor for name, minor in there.items()}
    with desk.client.database.connect() as connection:
        forget(connection)
    assert [money(period, "redemption_reversed") for period in ("2025-02", "2025-03")] == back


def forget(connection: Connection[Any]) -> None:
    """Forget what is kept of closed months: it is a cache."""
    connection.execute("DELETE FROM books.lots")
    connection.execute("DELETE FROM books.redeemed_lots")
    connection.execute("DELETE FROM books.kept")


def test_lines_say_what_happened_and_who_agreed(client: Client) -> None:
    """In words, with the ids of the outside; the second person where it took two."""
    desk = open_desk(client, "1", approvals={"adjustments_above": 50})
    assert client.post(f"{BOOKS}/settings", SETTINGS).status == 201
    boss, by = key(client, role="admin"), ""
    bought = desk.buy(100, "2025-01-10")
    desk.done("accruals", "2025-01-11", points=20, reason="welcome", accrual_id="a-1")
    for kind, own_id, points in (("accruals", "a-2", 200), ("adjustments", "d-1", -60)):
        name = "accrual_id" if kind == "accruals" else "adjustment_id"
        asked = desk.send(kind, "2025-01-12", points=points, reason="correction", **{name: own_id})
        assert asked.status == 202, asked.text
        path = f"/v1/programs/coffee/approvals/{asked.json['approval_id']}"
        assert client.post(f"{path}/approve", None, key=boss).status == 201
        by = client.get(path).json["decided_by"]
    assert by
    told = {one["description"]: one["approved_by"] for one in lines(desk, "2025-01") if one["position"]}
    assert told == {
        f"Sale {bought['transaction_id']}": "",
        "Accrual a-1": "",
        "Accrual a-2": by,
        "Adjustment d-1: correction": by,
    }


def test_what_comes_late_does_not_wait_for_what_comes_early(desk: Desk) -> None:
    """
    A member who bought in May already, when April is closed: what is reported late for April and May is posted in May,
    and what takes from points of June waits for June.
    """
    desk.buy(100, "2025-04-10")
    desk.buy(40, "2025-05-02")
    desk.buy(500, "2025-06-02")
    close(desk, "2025-04")
    desk.buy(60, "2025-04-20")
    desk.done("redemptions", "2025-05-20", points=30)
    late = desk.client.get(f"{BOOKS}/2025-05/cutoff").json
    assert [event["service_date"] for event in late["events"]] == ["2025-04-20"]
    desk.done("redemptions", "2025-06-03", points=650)
    assert close(desk, "2025-05")["event_count"] == 3
    closings = {period: desk.client.get(f"{BOOKS}/{period}/rollforward").json["by_funding"] for period in MONTHS}
    assert [line["points"]["closing"] for (line,) in closings.values()] == [100, 170, 20]
    # As of the same days, the accounts say the same.
    assert [desk.balance(f"2025-{month}-30")["balance_points"] for month in ("04", "05", "06")] == [160, 170, 20]


MONTHS = ("2025-04", "2025-05", "2025-06")


def test_what_waited_for_an_account_in_an_older_scheme_is_posted_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There all that an account did after something early waited; the month after takes it in."""
    desk.buy(100, "2025-04-10")
    desk.buy(40, "2025-05-02")
    desk.buy(60, "2025-04-20")
    with monkeypatch.context() as older:
        older.setattr("projections.books.history.SCHEME_VERSION", 1)
        assert close(desk, "2025-04")["event_count"] == 1
    assert (close(desk, "2025-05")["event_count"], close(desk, "2025-06")["event_count"]) == (2, 0)
    closings = [desk.client.get(f"{BOOKS}/{period}/rollforward").json["by_funding"] for period in MONTHS]
    assert [line["points"]["closing"] for (line,) in closings] == [100, 200, 200]


def test_a_roll_forward_in_another_currency(desk: Desk) -> None:
    """At three rates that are given together; what the rates leave is a column of its own."""
    desk.buy(1_000, "2025-01-10")
    close(desk, "2025-01")
    path = f"{BOOKS}/2025-01/rollforward"
    rates = "opening_rate=1.02&average_rate=1.05&closing_rate=1.1"
    told = desk.client.get(f"{path}?currency=USD&{rates}").json
    (line,) = told["cohorts"]
    assert line["value_minor"] == {"opening": 0, "movements": {"issued": 988, "translation": 47}, "closing": 1_035}
    assert told["translation"] == {
        "from_currency": "EUR",
        "opening_rate": "1.02",
        "average_rate": "1.05",
        "closing_rate": "1.1",
    }
    assert desk.client.get(path).json["translation"] is None
    for query, pointer in ((f"?{rates}", "/currency"), (f"?currency=USD&{rates}0x", "/closing_rate")):
        answer = desk.client.get(path + query)
        assert (answer.status, answer.slug, answer.json["pointer"]) == (422, "invalid-input", pointer)
    assert desk.client.get(f"{path}?currency=XYZ&{rates}").slug == "unknown-currency"
