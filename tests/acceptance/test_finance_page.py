"""The month of docs/finance.md, as calls of the REST API: every figure on the page."""

import json
import re
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import Client
from tests.acceptance.desk import BASE, Desk, open_desk

PAGE = (Path(__file__).parents[2] / "docs/finance.md").read_text()
STEPS = [line for block in re.findall(r"```books\n(.*?)```", PAGE, re.DOTALL) for line in block.strip().splitlines()]
DATED = re.compile(r"(\d{4}-\d\d-\d\d) (purchase|redeem) (\d+)")
BOOKS = f"{BASE}/books"


def test_the_month_comes_out_as_the_page_says(lone_client: Client) -> None:
    """Line by line."""
    desk = open_desk(lone_client, "1")
    for step in STEPS:
        asked, _, expected = step.partition(" -> ")
        if match := DATED.fullmatch(asked):
            on, what, amount = match.groups()
            if what == "purchase":
                desk.buy(int(amount), on)
            else:
                desk.done("redemptions", on, points=int(amount))
            continue
        word, _, rest = asked.partition(" ")
        found = READ[word](desk, rest)
        wanted = dict(pair.split("=") for pair in expected.split())
        assert {name: str(found.get(name, 0)) for name in wanted} == wanted, step
        assert word != "journal" or found.keys() == wanted.keys(), step


def test_the_page_has_steps() -> None:
    """An empty list would pass unseen."""
    assert len(STEPS) >= 18


def told(desk: Desk, path: str, body: Any) -> dict[str, Any]:
    """Change the books."""
    answer = desk.client.post(f"{BOOKS}/{path}", body)
    assert answer.status == 201, answer.text
    return {}


def read(desk: Desk, period: str, report: str) -> Any:
    """Read a report."""
    answer = desk.client.get(f"{BOOKS}/{period}/{report}")
    assert answer.status == 200, answer.text
    return answer


def settings(desk: Desk, body: str) -> dict[str, Any]:
    """Say what a point is worth."""
    return told(desk, "settings", json.loads(body))


def estimate(desk: Desk, what: str) -> dict[str, Any]:
    """Apply an estimate."""
    cohort, points = what.split()
    return told(desk, "estimates", {"cohort": cohort, "redeemed_points": int(points)})


def close(desk: Desk, period: str) -> dict[str, Any]:
    """Close a month."""
    return told(desk, f"{period}/close", None)


def journal(desk: Desk, period: str) -> dict[str, int]:
    """Sum the journal per account of money; read twice, it has the same bytes."""
    text = read(desk, period, "journal").text
    assert text == read(desk, period, "journal").text
    sums: dict[str, int] = {}
    for line in map(json.loads, text.splitlines()):
        if line["currency"] == "EUR":
            sums[line["account"]] = sums.get(line["account"], 0) + line["debit_minor"] - line["credit_minor"]
    return sums


def rollforward(desk: Desk, what: str) -> dict[str, int]:
    """Read the one cohort of the roll-forward."""
    period, kind = what.split()
    (line,) = read(desk, period, "rollforward").json["cohorts"]
    figures = line["points" if kind == "points" else "value_minor"]
    assert figures["opening"] + sum(figures["movements"].values()) == figures["closing"]
    return figures["movements"] | {"opening": figures["opening"], "closing": figures["closing"]}


def liability(desk: Desk, period: str) -> dict[str, int]:
    """Read what is owed, which agrees with the account."""
    found = read(desk, period, "liability").json
    (line,) = found["cohorts"]
    assert found["accounts_minor"]["2000"] == line["contract_minor"]
    return {"open": line["open_points"], "expected": line["expected_points"], "contract": line["contract_minor"]}


def cutoff(desk: Desk, period: str) -> dict[str, Any]:
    """Read the one late event."""
    found = read(desk, period, "cutoff").json
    (event,) = found["events"]
    return event | {"late": found["late_count"]}


READ = {
    "settings": settings,
    "estimate": estimate,
    "close": close,
    "journal": journal,
    "rollforward": rollforward,
    "liability": liability,
    "cutoff": cutoff,
}
