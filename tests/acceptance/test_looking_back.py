"""Accounts and programs as they were, over REST."""

import pytest

from tests.acceptance.conftest import Client
from tests.acceptance.desk import BASE, Desk, open_desk

MEMBER = f"{BASE}/members/card:1"


@pytest.fixture
def desk(client: Client) -> Desk:
    """Provide a program in which points lapse after two months and a euro is a point."""
    return open_desk(client, "1", "2", point_currencies=[{"code": "points", "name": "Points", "expiry_months": 2}])


def figures(desk: Desk, asked: str, path: str = "as-of") -> tuple[int, int, int]:
    """Return what was available, held and booked."""
    answer = desk.client.get(f"{MEMBER}/{path}{asked}")
    assert answer.status == 200, answer.text
    (row,) = answer.json["balances"] or [dict.fromkeys(("available_points", "held_points", "balance_points"), 0)]
    return row["available_points"], row["held_points"], row["balance_points"]


def test_entries_count_from_their_day_on(desk: Desk) -> None:
    """As of a date what was booked later, with effect later, is not there; what came late with an earlier date is."""
    desk.buy(100, "2026-03-01")
    desk.done("redemptions", "2026-03-20", points=40)
    assert figures(desk, "?as_of=2026-02-28") == (0, 0, 0)
    assert figures(desk, "?as_of=2026-03-01") == (100, 0, 100)
    assert figures(desk, "?as_of=2026-03-20") == (60, 0, 60)
    assert figures(desk, "?as_of=2026-05-01") == (0, 0, 60)
    late = desk.buy(7, "2026-03-10")
    assert figures(desk, "?as_of=2026-03-09") == (100, 0, 100)
    assert figures(desk, "?as_of=2026-03-10") == (107, 0, 107)
    partition, position = late["position"].split(":")
    before = f"{partition}:{int(position) - 1}"
    assert figures(desk, f"?as_of=2026-03-10&as_at={before}") == (100, 0, 100)
    assert figures(desk, f"?as_of=2026-03-10&as_at={late['position']}") == (107, 0, 107)
    for path in ("account", "as-of"):
        assert figures(desk, "?as_of=2026-03-10", path) == (107, 0, 107)


def test_an_instant_is_what_was_known_then(desk: Desk) -> None:
    """The answer names a position; asked as at it, or as at its instant, it never changes."""
    desk.buy(100, "2026-03-01")
    then = desk.client.get(f"{MEMBER}/as-of?as_of=2026-03-31").json
    desk.buy(50, "2026-03-02")
    desk.done("redemptions", "2026-03-03", points=10)
    assert figures(desk, "?as_of=2026-03-31") == (140, 0, 140)
    for as_at in (then["position"], then["as_at"]):
        again = desk.client.get(f"{MEMBER}/as-of?as_of=2026-03-31&as_at={as_at}").json
        for name in ("balances", "lots", "holds", "tiers", "lot_count", "position"):
            assert again[name] == then[name]
    assert figures(desk, f"?as_of=2026-03-31&as_at={then['position']}", "account") == (100, 0, 100)


def test_lists_take_the_same_questions(desk: Desk) -> None:
    """Lots with what was left in them, page by page, and holds with what had become of them."""
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        desk.buy(10, day)
    desk.done("holds", "2026-03-04", hold_id="H", points=15, expires_at="2026-03-05T12:00:00Z")
    desk.done("holds/H/capture", "2026-03-04T13:00:00Z", points=15)

    def lots(asked: str) -> list[tuple[str, int]]:
        found, cursor = [], ""
        while True:
            page = desk.client.get(f"{MEMBER}/lots?limit=2&{asked}{cursor}").json
            found += [(lot["earned_on"], lot["open_points"]) for lot in page["lots"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    assert lots("as_of=2026-03-02") == [("2026-03-01", 10), ("2026-03-02", 10)]
    assert lots("as_of=2026-03-04") == [("2026-03-02", 5), ("2026-03-03", 10)]
    assert lots("as_of=2026-03-04&with_used=true") == [("2026-03-01", 0), ("2026-03-02", 5), ("2026-03-03", 10)]
    assert desk.client.get(f"{MEMBER}/holds?as_of=2026-03-03&with_resolved=true").json["holds"] == []
    (hold,) = desk.client.get(f"{MEMBER}/holds?as_of=2026-03-04&with_resolved=true").json["holds"]
    assert (hold["hold_id"], hold["status"], hold["captured_points"]) == ("H", "captured", 15)
    assert desk.client.get(f"{MEMBER}/tiers?as_of=2026-03-04").json["tiers"] == []


def test_a_program_is_all_its_members(desk: Desk) -> None:
    """Balances and open lots by month and funding; what another member owes or has is added, not offset."""
    desk.buy(100, "2026-03-01")
    desk.buy(30, "2026-04-01", member="card:2")
    desk.done("redemptions", "2026-04-02", points=40)
    desk.catch_up()
    found = desk.client.get(f"{BASE}/balances?as_of=2026-04-02")
    assert found.status == 200, found.text
    (row,) = found.json["balances"]
    assert (row["account_count"], row["available_points"], row["redeemed_points"]) == (2, 90, 40)
    assert [(lot["earned_in"], lot["funding"], lot["open_points"]) for lot in found.json["lots"]] == [
        ("2026-03", "own", 60),
        ("2026-04", "own", 30),
    ]
    (row,) = desk.client.get(f"{BASE}/balances?as_of=2026-03-31").json["balances"]
    assert (row["account_count"], row["available_points"]) == (1, 100)
    (row,) = desk.client.get(f"{BASE}/balances").json["balances"]
    assert row["balance_points"] == 90


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ("as_of=yesterday", "/as_of"),
        ("as_at=yesterday", "/as_at"),
        ("as_at=2026-03-01T00:00:00", "/as_at"),
        ("as_at=99:1", "/as_at"),
        ("as_at=0:999999", "/as_at"),
    ],
)
def test_questions_that_are_none(desk: Desk, asked: str, pointer: str) -> None:
    """Neither a date, nor an instant with its zone, nor a position that there is."""
    for path in (f"{MEMBER}/as-of", f"{MEMBER}/account", f"{MEMBER}/lots", f"{BASE}/balances"):
        answer = desk.client.get(f"{path}?{asked}")
        assert (answer.status, answer.slug, answer.json["pointer"]) == (422, "invalid-input", pointer), path


def test_who_was_not_there_yet(desk: Desk) -> None:
    """Before the account was opened there is none, and somebody unknown is unknown at any time."""
    answer = desk.client.get(f"{MEMBER}/as-of?as_at=2001-01-01T00:00:00Z")
    assert (answer.status, answer.slug) == (404, "unknown-member")
    assert desk.client.get(f"{BASE}/members/card:9/as-of").slug == "unknown-member"
    assert desk.client.get("/v1/programs/none/members/card:1/as-of").slug == "unknown-program"
    assert desk.client.get("/v1/programs/none/balances").slug == "unknown-program"
