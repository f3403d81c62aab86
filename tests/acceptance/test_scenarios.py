"""Published programs, as configuration and REST calls alone: dated steps, and what a member has after each."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Client
from tests.acceptance.scenario_programs import VERSIONS

SCENARIOS = {
    one["id"]: one["steps"] for one in json.loads((Path(__file__).parents[1] / "golden/scenarios.json").read_text())
}
SHARED = Path(__file__).parents[3] / "shared/goldens/scenarios.json"

BASE = "/v1/programs/published"


class Member:
    """A member who does what a scenario says."""

    def __init__(self, client: Client, scenario: str) -> None:
        self.client = client
        self.scale = 2 if scenario in ("S1", "S1b") else 0
        self.position = ""
        self.count = 0

    def send(self, path: str, body: dict[str, Any], date: str) -> Any:
        """Report something at noon of a date."""
        self.count += 1
        answer = self.client.post(
            f"{BASE}/{path}",
            {"source": "s", "member": "card:1", "occurred_at": f"{date}T12:00:00Z"} | body,
        )
        if answer.status in (200, 201):
            self.position = answer.json["position"]
        return answer

    def purchase(self, step: dict[str, Any]) -> Any:
        """Pay, partly from a card that was loaded before."""
        parts = {name: step.get(name, "0") for name in ("direct", "preloaded")}
        amount = str(sum(map(Decimal, parts.values())))
        return self.send(
            "purchases",
            {"transaction_id": f"T{self.count}", "amount": amount, "currency": "USD", "attributes": parts},
            step["date"],
        )

    def stay(self, step: dict[str, Any]) -> Any:
        """Leave a hotel."""
        body = {"transaction_id": f"T{self.count}", "amount": str(step["usd"]), "currency": "USD"}
        return self.send(
            "purchases", body | {"attributes": {"nights": step["nights"], "brand": step["brand"]}}, step["date"]
        )

    def earn(self, step: dict[str, Any]) -> Any:
        """Get points."""
        return self.send(
            "accruals", {"accrual_id": f"A{self.count}", "points": step["points"], "reason": "flight"}, step["date"]
        )

    def redeem(self, step: dict[str, Any]) -> Any:
        """Spend points."""
        points = step["points"] * 10**self.scale
        return self.send("redemptions", {"redemption_id": f"R{self.count}", "points": points}, step["date"])

    def transfer_in(self, step: dict[str, Any]) -> Any:
        """Get points from somebody else."""
        given = {"member": "card:2", "accrual_id": f"A{self.count}", "points": step["points"], "reason": "flight"}
        assert self.send("accruals", given, step["date"]).status == 201
        sent = {"member": "card:2", "to_member": "card:1", "transfer_id": f"X{self.count}", "points": step["points"]}
        return self.send("transfers", sent, step["date"])

    def transfer_out(self, step: dict[str, Any]) -> Any:
        """Send points to somebody else."""
        sent = {"to_member": "card:2", "transfer_id": f"X{self.count}", "points": step["points"]}
        return self.send("transfers", sent, step["date"])

    def check(self, step: dict[str, Any]) -> None:
        """Compare what the member has on a date."""
        date, expected = step["date"], step["expect"]
        asked = f"?as_of={date}" + (f"&min_position={self.position}" if self.position else "")
        account = self.client.get(f"{BASE}/members/card:1/account{asked}").json
        (balance,) = account["balances"]
        if "balance" in expected:
            found = Decimal(balance["available_points"]).scaleb(-self.scale)
            assert found == Decimal(str(expected["balance"])), date
        if "forfeit_after" in expected:
            assert balance["next_expiry_on"] > expected["forfeit_after"]
            last = self.client.get(f"{BASE}/members/card:1/account?as_of={expected['forfeit_after']}").json
            assert last["balances"][0]["available_points"] == balance["available_points"]
        for made_on, points in expected.get("lots", {}).items():
            lots = self.client.get(f"{BASE}/members/card:1/lots").json["lots"]
            left = {lot["earned_on"]: Decimal(lot["open_points"]).scaleb(-self.scale) for lot in lots}
            assert left == {made_on: Decimal(str(points))}
        if "tier" in expected or "ytd_nights" in expected:
            (ladder,) = self.client.get(f"{BASE}/members/card:1/progress?as_of={date}").json["ladders"]
            counters = {one["counter"]: one["amount"] for one in ladder["counters"]}
            assert ladder["name"] == expected.get("tier", ladder["name"]), date
            assert counters["nights"] == str(expected.get("ytd_nights", counters["nights"])), date


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_published_program_comes_out_to_the_point(lone_client: Client, scenario: str) -> None:
    """Every step with the balance, lots and tier that the program's terms promise."""
    client = lone_client
    publish(client, VERSIONS[scenario])
    for card in ("1", "2"):
        answer = client.post(
            f"{BASE}/members",
            {"identifiers": [{"kind": "card", "value": card}], "occurred_at": "2010-01-02T00:00:00Z"},
        )
        assert answer.status == 201
    member = Member(client, scenario)
    for step in SCENARIOS[scenario]:
        do: Callable[[dict[str, Any]], Any] | None = getattr(member, step["op"], None)
        answer = do(step) if do else None
        refusal = step["expect"].get("rejected")
        if answer is not None:
            assert (answer.status == 201) == (refusal is None), answer.text
        if refusal == "not_multiple_of_1000":
            assert answer.slug == "not-in-steps"
        if scenario == "S3b" and step["date"] == "2016-03-10":
            migrate(client)
        member.check(step)


def publish(client: Client, versions: list[tuple[str, dict[str, Any]]]) -> None:
    """Publish one version after the other."""
    first = versions[0][1]
    body = {"program_id": "published", "name": "Published", "currency": "USD", "timezone": "UTC", "terms": first}
    answer = client.post("/v1/programs", body)
    assert answer.status == 201, answer.text
    for number, (effective_from, terms) in enumerate(versions):
        if number:
            assert client.call("PUT", f"{BASE}/draft", terms).status == 200
        published = client.post(f"{BASE}/publish", {"effective_from": f"{effective_from}T00:00:00Z"})
        assert published.status == 201, published.text


def migrate(client: Client) -> None:
    """Let lots that were earned already follow the newest version, after a look at whom it concerns."""
    preview = client.post(f"{BASE}/expiry-migrations", {"is_preview": True})
    assert (preview.status, preview.json["account_count"], preview.json["lot_count"]) == (200, 1, 4), preview.text
    done = client.post(f"{BASE}/expiry-migrations", {"is_preview": False, "version": preview.json["version"]})
    assert done.status == 200, done.text


def test_the_steps_are_the_shared_ones() -> None:
    """Our copy says what the shared file says."""
    if not SHARED.exists():
        pytest.skip("the shared scenarios are not beside this clone")
    shared = {one["id"].split("_")[0]: one["steps"] for one in json.loads(SHARED.read_text())}
    assert shared == SCENARIOS
