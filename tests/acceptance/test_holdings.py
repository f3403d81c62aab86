"""Holds, tiers and vouchers over REST, and what they do to the account that is shown."""

from datetime import UTC, date, datetime
from uuid import UUID

from ledger.account import commands as ask
from ledger.account.commands import AccountCommand, Award
from ledger.account.decide import decide
from ledger.account.state import Account
from ledger.posting.instruction import Instruction, Posted
from ledger.streams import ACCOUNT
from tests.acceptance.conftest import Client

MEMBER = "/v1/programs/coffee/members/card:1"
DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEVER = datetime(2099, 1, 1, tzinfo=UTC)


def record(client: Client, account_id: str, *commands: AccountCommand) -> str:
    """Let an account decide commands, as its part of the ledger would be asked to, and return the last position."""
    stream_id = UUID(account_id).bytes
    posted = None
    with client.database.poster() as poster:
        for command in commands:

            def carried_out(state: Account | None, command: AccountCommand = command) -> list[object]:
                return [*decide(state, command)]

            key = f"{client.event_count()}"
            (posted,) = poster.post([Instruction(ACCOUNT, stream_id, (("test", key),), bytes(32), carried_out)])  # type: ignore[arg-type]
            assert isinstance(posted, Posted), posted
    assert posted is not None
    return f"{posted.partition}:{posted.position}"


def test_an_account_shows_every_part_of_its_balance(client: Client) -> None:
    """Available, promised, held, lapsed and owed points, and the totals that led there."""
    client.create_program()
    account_id = client.enrol()["account_id"]
    position = record(
        client,
        account_id,
        ask.Accrue(
            "desk",
            "a",
            NOON,
            DAY,
            "gift",
            (
                Award("points", 100, DAY, None),
                Award("points", 30, date(2026, 4, 1), None),
                Award("points", 20, DAY, date(2026, 3, 2), converts=True),
            ),
        ),
        ask.HoldPoints("shop", "h", NOON, DAY, "points", 60, NEVER),
        ask.AdjustPoints("desk", "j", NOON, DAY, "fraud", "", "points", -300, None, True),
        ask.VoidHold("shop", "h", NOON, DAY, "regret"),
        ask.Accrue("desk", "b", NOON, DAY, "gift", (Award("points", 400, DAY, date(2026, 12, 1)),)),
        ask.HoldPoints("shop", "h2", NOON, date(2026, 3, 2), "points", 70, NEVER),
        ask.SuspendAccount("desk", NOON, DAY, "review", True),
    )
    account = client.get(f"{MEMBER}/account?min_position={position}&as_of=2026-03-02").json
    assert (account["status"], account["merged_into"]) == ("earn_only", "")
    (balance,) = account["balances"]
    assert _parts(balance) == {"available": 180, "promised": 0, "held": 70, "lapsed": 0, "owed": 0, "balance": 250}
    assert (balance["accrued_points"], balance["debited_points"]) == (550, 300)
    assert balance["next_expiry_on"] == "2026-12-01"
    fraud = ask.AdjustPoints("desk", "k", NOON, date(2026, 3, 2), "fraud", "", "points", -1000, None, True)
    position = record(client, account_id, fraud)
    account = client.get(f"{MEMBER}/account?min_position={position}&as_of=2026-03-02").json
    (balance,) = account["balances"]
    assert _parts(balance) == {"available": 0, "promised": 0, "held": 70, "lapsed": 0, "owed": 820, "balance": -750}


def _parts(balance: dict[str, int]) -> dict[str, int]:
    names = ("available", "promised", "held", "lapsed", "owed", "balance")
    return {name: balance[f"{name}_points"] for name in names}


def test_holds_are_listed_while_they_are_open(client: Client) -> None:
    """On request also those that were resolved, a page at a time, newest first."""
    client.create_program()
    account_id = client.enrol()["account_id"]
    position = record(
        client,
        account_id,
        ask.Accrue("desk", "a", NOON, DAY, "gift", (Award("points", 100, DAY, None),)),
        *(ask.HoldPoints("shop", f"h{number}", NOON, DAY, "points", 10, NEVER) for number in range(3)),
        ask.CaptureHold("shop", "h0", "r", NOON, DAY, 4, 4, "EUR", 1),
        ask.VoidHold("shop", "h1", NOON, DAY, "regret"),
    )
    page = client.get(f"{MEMBER}/holds?min_position={position}").json
    (hold,) = page["holds"]
    assert (hold["hold_id"], hold["points"], hold["status"], hold["resolved_at"]) == ("h2", 10, "open", None)
    assert page["next_cursor"] is None
    first = client.get(f"{MEMBER}/holds?with_resolved=true&limit=2").json
    rest = client.get(f"{MEMBER}/holds?with_resolved=true&limit=2&cursor={first['next_cursor']}").json
    seen = [(one["hold_id"], one["status"], one["captured_points"]) for one in first["holds"] + rest["holds"]]
    assert seen == [("h2", "open", 0), ("h1", "voided", 0), ("h0", "captured", 4)]
    lines = client.get(f"{MEMBER}/timeline").json["lines"]
    told = [(line["reference"], line["points"], line["balance_points"]) for line in lines]
    assert told[:3] == [("h1", 0, 96), ("h0", -4, 96), ("h2", 0, 100)]


def test_tiers_and_vouchers_are_listed(client: Client) -> None:
    """The tier that is held now on each ladder, and what lapsed points became."""
    client.create_program()
    account_id = client.enrol()["account_id"]
    later = date(2026, 4, 1)
    position = record(
        client,
        account_id,
        ask.Accrue("desk", "a", NOON, DAY, "gift", (Award("points", 1050, DAY, later, converts=True),)),
        ask.ExpireLots(NOON, later, {"points": ask.Conversion(500, 500, "EUR", date(2026, 12, 31))}, "v"),
        ask.ChangeTier("status", "silver", NOON, DAY, "qualified", date(2026, 12, 31)),
        ask.RetainTier("status", "silver", NOON, later, date(2027, 12, 31)),
        ask.ChangeTier("club", "vip", NOON, DAY, "assigned", None),
        ask.ChangeTier("club", "", NOON, later, "lapsed", None),
    )
    assert client.get(f"{MEMBER}/tiers?min_position={position}").json["tiers"] == [
        {"ladder": "status", "tier": "silver", "since": "2026-03-01", "valid_until": "2027-12-31"},
    ]
    page = client.get(f"{MEMBER}/vouchers?limit=1").json
    (voucher,) = page["vouchers"]
    assert (voucher["voucher_id"], voucher["points"], voucher["value_minor"]) == ("v-points", 1000, 1000)
    assert client.get(f"{MEMBER}/vouchers?limit=1&cursor={page['next_cursor']}").json["vouchers"] == []


def test_lots_show_their_terms(client: Client) -> None:
    """What they await, what keeps them alive, and that they were released."""
    client.create_program()
    account_id = client.enrol()["account_id"]
    terms = Award(
        "points",
        10,
        date.max,
        None,
        awaits="stay-completed",
        cancels_on=date(2026, 9, 1),
        idle_months=12,
        activities=("purchase", "transfer_in"),
        earned_on=date(2026, 2, 1),
    )
    gift = ask.Accrue("desk", "a", NOON, DAY, "stay", (terms,))
    position = record(client, account_id, gift)
    (lot,) = client.get(f"{MEMBER}/lots?min_position={position}").json["lots"]
    assert (lot["awaits"], lot["cancels_on"], lot["is_released"]) == ("stay-completed", "2026-09-01", False)
    assert (lot["idle_months"], lot["activities"]) == (12, ["purchase", "transfer_in"])
    assert (lot["earned_on"], lot["available_from"]) == ("2026-02-01", "9999-12-31")
    position = record(client, account_id, ask.ConfirmLots("hotel", "s", "stay-completed", (), NOON, DAY))
    (lot,) = client.get(f"{MEMBER}/lots?min_position={position}").json["lots"]
    assert (lot["awaits"], lot["available_from"], lot["is_released"]) == ("", "2026-03-01", True)


def test_a_stranger_holds_nothing(lone_client: Client) -> None:
    """Holds, tiers and vouchers of somebody unknown answer 404."""
    lone_client.create_program()
    stranger = "/v1/programs/coffee/members/00000000-0000-4000-8000-000000000000"
    for path in ("holds", "tiers", "vouchers"):
        assert (lone_client.get(f"{stranger}/{path}").status, path) == (404, path)
