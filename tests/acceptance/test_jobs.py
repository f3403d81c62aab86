"""What keeps time, as an operator sees it over REST: runs, warnings, and changed policies for points of the past."""

from typing import Any

from tests.acceptance.conftest import Client
from tests.acceptance.desk import BASE, open_desk, publish

CURRENCY = {"code": "points", "name": "Points", "expiry": {"type": "after", "days": 30}}
LADDER = {
    "code": "club",
    "tiers": [{"code": "base", "name": "Base"}, {"code": "gold", "name": "Gold", "min_points": 100}],
    "validity": {"type": "for_months", "months": 1},
}


def test_the_history_of_runs_can_be_read(lone_client: Client) -> None:
    """Newest first, of all jobs or of one."""
    desk = open_desk(lone_client, point_currencies=[CURRENCY])
    desk.buy(250, "2026-03-01")
    desk.run("expire-lots", "2026-03-30")
    desk.run("expire-lots", "2026-03-31")
    desk.run("release-lots", "2026-03-31")
    runs = lone_client.get("/v1/jobs/runs").json["runs"]
    assert [one["job"] for one in runs] == ["release-lots", "expire-lots", "expire-lots"]
    assert {one["status"] for one in runs} == {"finished"}
    (last,) = lone_client.get("/v1/jobs/runs?job=expire-lots&limit=1").json["runs"]
    assert (last["as_of"], last["account_count"], last["event_count"]) == ("2026-03-31T00:00:00Z", 1, 1)
    assert lone_client.get("/v1/jobs/runs?job=no-such-job").json["runs"] == []
    assert lone_client.get("/v1/jobs/runs?limit=0").slug == "invalid-input"


def test_warnings_can_be_read_page_by_page(client: Client) -> None:
    """Each once, however small the page: one member has several of the same moment."""
    desk = open_desk(client, "1", "2", "3", point_currencies=[CURRENCY], ladders=[LADDER, LADDER | {"code": "guild"}])
    for card in "123":
        desk.buy(250, "2026-03-01", member=f"card:{card}")
    desk.run("warn-members", "2026-03-10")
    found: list[Any] = []
    cursor = ""
    while True:
        page = client.get(f"{BASE}/warnings?limit=2{cursor}").json
        found += [(one["member_id"], one["kind"], one["subject"], one["due_on"]) for one in page["warnings"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(found) == len(set(found)) == 9
    assert {one[1:] for one in found} == {
        ("points_lapse", "points", "2026-03-31"),
        ("tier_ends", "club:gold", "2026-04-01"),
        ("tier_ends", "guild:gold", "2026-04-01"),
    }
    assert client.get(f"{BASE}/warnings?cursor=x").slug == "invalid-input"
    assert client.get("/v1/programs/tea/warnings").slug == "unknown-program"


def test_points_of_the_past_change_only_when_asked(client: Client) -> None:
    """A new version leaves them alone; a preview tells whom it concerns; then it is done once."""
    desk = open_desk(client, "1", "2", point_currencies=[CURRENCY])
    desk.buy(250, "2026-11-01")
    desk.buy(100, "2026-11-02", member="card:2")
    sooner = CURRENCY | {"expiry": {"type": "after", "days": 10}}
    publish(client, "2026-11-20T00:00:00Z", point_currencies=[sooner])
    assert [one["expires_on"] for one in desk.lots()] == ["2026-12-01"]
    before = client.event_count()
    preview = client.post(f"{BASE}/expiry-migrations", {"is_preview": True, "version": 2}).json
    assert (preview["account_count"], preview["lot_count"]) == (2, 2)
    assert (preview["points"], preview["points_sooner"]) == ({"points": 350}, {"points": 350})
    assert [(one["before"], one["after"]) for one in preview["first_hit"]] == [
        ("2026-12-01", "2026-11-11"),
        ("2026-12-02", "2026-11-12"),
    ]
    refused = client.post(f"{BASE}/expiry-migrations", {"is_preview": False})
    assert (refused.slug, refused.json["pointer"]) == ("invalid-input", "/version")
    assert client.post(f"{BASE}/expiry-migrations", {"is_preview": True, "version": 3}).slug == "unknown-version"
    assert client.event_count() == before
    done = client.post(f"{BASE}/expiry-migrations", {"is_preview": False, "version": 2})
    assert done.status == 200, done.text
    assert [one["expires_on"] for one in desk.lots()] == ["2026-11-11"]
    assert client.event_count() == before + 2
    assert client.post(f"{BASE}/expiry-migrations", {"is_preview": False, "version": 2}).json["account_count"] == 0
    assert client.event_count() == before + 2
