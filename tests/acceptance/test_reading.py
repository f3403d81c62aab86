"""Reading over REST: what was written is shown, at the position asked for."""

from tests.acceptance.conftest import Client, purchase

MEMBER = "/v1/programs/coffee/members/card:1"
PURCHASES = "/v1/programs/coffee/purchases"


def test_a_write_can_be_read_at_its_position(client: Client) -> None:
    """Asked with the position the write answered, every view shows the write."""
    client.create_program()
    client.enrol()
    position = client.post(PURCHASES, purchase()).json["position"]
    account = client.get(f"{MEMBER}/account?min_position={position}&as_of=2026-03-01").json
    (balance,) = account["balances"]
    assert (balance["available_points"], balance["balance_points"], balance["accrued_points"]) == (24, 24, 24)
    assert account["as_of"] == "2026-03-01"
    (lot,) = client.get(f"{MEMBER}/lots?min_position={position}").json["lots"]
    assert (lot["open_points"], lot["earned_on"], lot["rule"]) == (24, "2026-03-01", "earn")
    (bought,) = client.get(f"{MEMBER}/purchases").json["purchases"]
    assert (bought["transaction_id"], bought["amount_minor"], bought["points"]) == ("T1", 24990, 24)
    lines = client.get(f"{MEMBER}/timeline").json["lines"]
    assert [line["topic"] for line in lines] == ["account.purchase_posted.v1", "account.opened.v1"]
    assert (lines[0]["points"], lines[0]["balance_points"]) == (24, 24)


def test_dates_decide_what_is_available(client: Client) -> None:
    """Before it was earned there is no lot, on its expiry date it has lapsed, whether or not a worker ran."""
    client.create_program(point_currencies=[{"code": "points", "name": "Points", "expiry_months": 1}])
    client.enrol()
    position = client.post(PURCHASES, purchase(occurred_at="2026-01-31T10:00:00Z")).json["position"]
    client.get(f"{MEMBER}/account?min_position={position}")

    def on(day: str) -> tuple[int, int, int]:
        (balance,) = client.get(f"{MEMBER}/account?as_of={day}").json["balances"]
        return balance["promised_points"], balance["available_points"], balance["lapsed_points"]

    assert client.get(f"{MEMBER}/account?as_of=2026-01-30").json["balances"] == []
    assert on("2026-01-31") == (0, 24, 0)
    assert on("2026-02-27") == (0, 24, 0)
    assert on("2026-02-28") == (0, 0, 24)


def test_pages_join_without_gap_or_overlap(lone_client: Client) -> None:
    """Walking with next_cursor gives everything once, in order."""
    lone_client.create_program()
    lone_client.enrol()
    items = [purchase(transaction_id=f"P{index}") for index in range(7)]
    results = lone_client.post(f"{PURCHASES}/batch", items).json["results"]
    position = results[-1]["purchase"]["position"]
    for path, name, key in (
        ("lots", "lots", "lot"),
        ("purchases", "purchases", "version"),
        ("timeline", "lines", "version"),
    ):
        seen, cursor = [], ""
        while cursor is not None:
            page = lone_client.get(f"{MEMBER}/{path}?limit=3&min_position={position}{cursor}").json
            seen += [row[key] for row in page[name]]
            cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
        assert len(seen) == len(set(seen)) >= 7
        assert seen in (sorted(seen), sorted(seen, reverse=True))


def test_a_position_not_reached_is_refused_in_time(lone_client: Client) -> None:
    """A position far ahead is answered 503 with Retry-After, not for ever waited for."""
    lone_client.create_program()
    lone_client.enrol()
    refused = lone_client.get(f"{MEMBER}/account?min_position=0:999999")
    assert (refused.status, refused.slug) == (503, "view-behind")
    assert refused.headers["Retry-After"] in {"1", "2", "3"}


def test_bad_questions_are_refused(lone_client: Client) -> None:
    """A wrong limit, date, cursor or position names its parameter."""
    lone_client.create_program()
    lone_client.enrol()
    for query, pointer in (
        ("lots?limit=0", "/limit"),
        ("lots?limit=1001", "/limit"),
        ("lots?cursor=%21", "/cursor"),
        ("lots?cursor=WyJ4Il0", "/cursor"),
        ("account?as_of=yesterday", "/as_of"),
        ("account?min_position=7", "/min_position"),
    ):
        refused = lone_client.get(f"{MEMBER}/{query}")
        assert (refused.status, refused.json["pointer"]) == (422, pointer)
    assert lone_client.get("/v1/programs/coffee/members/card:2/account").slug == "unknown-member"
    assert lone_client.get("/v1/programs/tea/members/card:2/account").slug == "unknown-program"


def test_a_member_is_found_by_our_id_too(client: Client) -> None:
    """The member id that enrolment answered names the same account as the card."""
    client.create_program()
    member = client.enrol()
    path = f"/v1/programs/coffee/members/{member['member_id']}/account?min_position={member['position']}"
    assert client.get(path).json["account_id"] == member["account_id"]


def test_addresses_that_cannot_be_printed_are_refused(lone_client: Client) -> None:
    """A control character in the path is refused before it reaches anything, and harms nobody else's read."""
    lone_client.create_program()
    lone_client.enrol()
    for path in ("coffee/members/card:%1f/account", "coffee/members/card:%00/lots", "cof%00fee"):
        refused = lone_client.get(f"/v1/programs/{path}")
        assert (refused.status, refused.slug) == (422, "invalid-input")


def test_a_partition_the_ledger_does_not_have_is_refused_at_once(lone_client: Client) -> None:
    """A position of another ledger is bad input, not something to wait for."""
    lone_client.create_program()
    lone_client.enrol()
    assert lone_client.get(f"{MEMBER}/account?min_position=9:1").slug == "invalid-input"


def test_a_member_id_nobody_has_is_unknown_everywhere(lone_client: Client) -> None:
    """Account, lots, purchases and timeline of a stranger's id all answer 404."""
    lone_client.create_program()
    stranger = "/v1/programs/coffee/members/00000000-0000-4000-8000-000000000000"
    for path in ("account", "lots", "purchases", "timeline"):
        assert (lone_client.get(f"{stranger}/{path}").status, path) == (404, path)
