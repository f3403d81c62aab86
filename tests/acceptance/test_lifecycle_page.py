"""The examples of docs/points-lifecycle.md, as calls of the REST API."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.conftest import Client
from workers.jobs import JOBS
from workers.running import run_job
from workers.sweeping import Deps

PAGE = (Path(__file__).parents[2] / "docs/points-lifecycle.md").read_text()
EXAMPLES = re.findall(r"```lifecycle\n(.*?)```", PAGE, re.DOTALL)
STEP = re.compile(r"(?P<on>\d{4}-\d\d-\d\d)(?:T(?P<time>\d\d:\d\d))? (?P<what>.*?)\s*(?:-> (?P<expected>.*))?")

BASE = "/v1/programs/page"
PLAIN: dict[str, Any] = {
    "point_currencies": [{"code": "points", "name": "Points"}],
    "earn": {"point_currency": "points", "rule": {"var": "transaction_amount"}},
    "burn": {"point_currency": "points", "rule": {"/": [{"var": "points_requested"}, 100]}},
}


class Example:
    """One example under way."""

    def __init__(self, client: Client, terms: dict[str, Any]) -> None:
        self.client = client
        self.count = 0
        self.purchases = 0
        self.at = ""
        self.position = ""
        body = {"program_id": "page", "name": "Page", "currency": "EUR", "terms": PLAIN | terms}
        assert client.post("/v1/programs", body).status == 201
        self.publish_from("2020-01-01")
        for card in ("1", "2"):
            joined = {"identifiers": [{"kind": "card", "value": card}], "occurred_at": "2020-01-02T00:00:00Z"}
            assert client.post(f"{BASE}/members", joined).status == 201

    def publish_from(self, on: str) -> None:
        """Put the draft in force."""
        answer = self.client.post(f"{BASE}/publish", {"effective_from": f"{on}T00:00:00Z"})
        assert answer.status == 201, answer.text

    def send(self, path: str, body: dict[str, Any]) -> Any:
        """Report something."""
        self.count += 1
        answer = self.client.post(f"{BASE}/{path}", {"source": "s", "occurred_at": f"{self.at}:00Z"} | body)
        if answer.status in (200, 201):
            self.position = answer.json["position"]
        return answer

    def run(self, step: re.Match[str]) -> None:
        """Do what a line says, and compare."""
        on = step["on"]
        # Later lines of a day happen later, unless they say when.
        self.at = f"{on}T{step['time'] or f'12:{self.count:02}'}"
        word, *rest = step["what"].split(" ", 1)
        do: Callable[[str], Any] = getattr(self, word)
        answer = do(rest[0] if rest else "")
        expected = dict(pair.split("=") for pair in (step["expected"] or "").split())
        refusal = expected.pop("refused", None)
        if refusal:
            assert answer.slug == refusal, (step[0], answer.text)
            return
        assert answer is None or answer.status in (200, 201), (step[0], answer.text)
        if "reduction" in expected:
            assert answer.json["refund_reduction_minor"] == int(expected.pop("reduction")), step[0]
        found = self.found(on, expected)
        assert found == expected, step[0]

    def found(self, on: str, expected: dict[str, str]) -> dict[str, str]:
        """Return what the member has on a date, of what is asked about."""
        found = {}
        asked = f"?as_of={on}&min_position={self.position}"
        (balance,) = self.client.get(f"{BASE}/members/card:1/account{asked}").json["balances"]
        for name in expected.keys() & {"available", "promised", "held", "owed", "lapsed"}:
            found[name] = str(balance[f"{name}_points"])
        if "tier" in expected:
            (ladder,) = self.client.get(f"{BASE}/members/card:1/progress?as_of={on}").json["ladders"]
            found["tier"] = ladder["tier"]
        if "vouchers" in expected:
            vouchers = self.client.get(f"{BASE}/members/card:1/vouchers").json["vouchers"]
            found["vouchers"] = str(sum(one["value_minor"] for one in vouchers))
        return found

    def look(self, _: str) -> None:
        """Do nothing."""

    def purchase(self, amount: str) -> Any:
        """Buy something."""
        self.purchases += 1
        body = {"transaction_id": str(self.purchases), "member": "card:1", "amount": amount, "currency": "EUR"}
        return self.send("purchases", body)

    def redeem(self, points: str) -> Any:
        """Spend points."""
        return self.send("redemptions", {"redemption_id": f"R{self.count}", "member": "card:1", "points": int(points)})

    def hold(self, what: str) -> Any:
        """Reserve points."""
        hold_id, points = what.split()
        return self.send("holds", {"hold_id": hold_id, "member": "card:1", "points": int(points)})

    def capture(self, what: str) -> Any:
        """Capture a hold."""
        hold_id, points = what.split()
        return self.send(f"holds/{hold_id}/capture", {"redemption_id": f"C{self.count}", "points": int(points)})

    def void(self, hold_id: str) -> Any:
        """Void a hold."""
        return self.send(f"holds/{hold_id}/void", {})

    def confirm(self, event: str) -> Any:
        """Report a business event."""
        return self.send("confirmations", {"reference": f"E{self.count}", "member": "card:1", "event": event})

    def cancel(self, event: str) -> Any:
        """Report that it will not come."""
        return self.send("cancellations", {"reference": f"E{self.count}", "member": "card:1", "event": event})

    def reinstate(self, points: str) -> Any:
        """Give lapsed points back."""
        body = {"reinstatement_id": f"I{self.count}", "member": "card:1", "points": int(points), "reason": "asked"}
        return self.send("reinstatements", body)

    def adjust(self, what: str) -> Any:
        """Correct points."""
        points, reason = what.split()
        body = {"adjustment_id": f"J{self.count}", "member": "card:1", "points": int(points), "reason": reason}
        return self.send("adjustments", body)

    def transfer(self, points: str) -> Any:
        """Send points."""
        body = {"transfer_id": f"X{self.count}", "member": "card:1", "to_member": "card:2", "points": int(points)}
        return self.send("transfers", body)

    def suspend(self, _: str) -> Any:
        """Stop the account."""
        return self.send("members/card:1/suspend", {"reason": "check"})

    def resume(self, _: str) -> Any:
        """Let it go on."""
        return self.send("members/card:1/resume", {"reason": "checked"})

    def close(self, _: str) -> Any:
        """End it."""
        return self.send("members/card:1/close", {"reason": "left"})

    def tier(self, code: str) -> Any:
        """Give a tier by hand."""
        return self.send("members/card:1/tier", {"reason": "match", "tier": code})

    def __getattr__(self, name: str) -> Any:
        """``return`` is no name for a method."""
        if name != "return":
            raise AttributeError(name)
        return self.give_back

    def give_back(self, what: str) -> Any:
        """Return a purchase or a part of it."""
        amount, _, transaction_id = what.split()
        body: dict[str, Any] = {"return_id": f"B{self.count}"}
        if amount != "all":
            body["amount"] = amount
        return self.send(f"purchases/{transaction_id}/returns?source=s", body)

    def publish(self, terms: str) -> None:
        """Publish another version."""
        assert self.client.call("PUT", f"{BASE}/draft", PLAIN | json.loads(terms)).status == 200
        self.publish_from(self.at[:10])

    def migrate(self, _: str) -> Any:
        """Let earlier points follow the newest policy."""
        preview = self.client.post(f"{BASE}/expiry-migrations", {"is_preview": True}).json
        assert preview["lot_count"] == 1
        answer = self.client.post(f"{BASE}/expiry-migrations", {"is_preview": False, "version": preview["version"]})
        # The answer has no position, and what comes after it does.
        self.adjust("1 error")
        self.adjust("-1 error")
        return answer

    def run_job(self, name: str) -> None:
        """Run a job for noon of the date."""
        database = self.client.database
        now = datetime.fromisoformat(f"{self.at}:00").replace(tzinfo=UTC)
        with database.poster() as poster:
            deps = Deps(database.connect, poster, database.partition_count)
            report = run_job(deps, JOBS[name], now=now, holder=uuid4())
        assert report is not None
        assert report.event_count == 1
        self.adjust("1 error")


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_comes_out_as_it_says(lone_client: Client, number: int) -> None:
    """Line by line."""
    decoder = json.JSONDecoder()
    terms, end = decoder.raw_decode(EXAMPLES[number])
    example = Example(lone_client, terms)
    for line in EXAMPLES[number][end:].strip().splitlines():
        step = STEP.fullmatch(line.replace(" run expire", " run_job expire"))
        assert step, line
        example.run(step)


def test_the_page_has_examples() -> None:
    """An empty list would pass unseen."""
    assert len(EXAMPLES) >= 20
