"""A till and a service desk of one program: what they send all day, in a line each."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.acceptance.conftest import Answer, Client
from workers.jobs import JOBS
from workers.running import run_job
from workers.runs import Report
from workers.sweeping import Deps

BASE = "/v1/programs/coffee"
_IDS = {
    "purchases": "transaction_id",
    "redemptions": "redemption_id",
    "holds": "hold_id",
    "capture": "redemption_id",
    "returns": "return_id",
    "accruals": "accrual_id",
    "adjustments": "adjustment_id",
    "reinstatements": "reinstatement_id",
    "transfers": "transfer_id",
    "confirmations": "reference",
    "cancellations": "reference",
}
"""What names a request of each kind."""
_OF_MEMBERS = frozenset(_IDS) - {"capture", "returns"}


@dataclass
class Desk:
    """Sends what it is told to, of card 1 and under a new id unless told otherwise."""

    client: Client
    count: int = 0

    def send(self, path: str, at: str, **body: Any) -> Answer:
        """
        Report something.

        Args:
            path: Below the program.
            at: When it happened; a date alone is its noon.
            body: Beside the source, the time, the id and the member.
        """
        kind = path.split("?", maxsplit=1)[0].rsplit("/", 1)[-1]
        self.count += 1
        asked = {"source": "till-1", "occurred_at": at if "T" in at else f"{at}T12:00:00Z"}
        if kind in _IDS:
            asked[_IDS[kind]] = f"{kind}-{self.count}"
        if kind in _OF_MEMBERS:
            asked["member"] = "card:1"
        return self.client.post(f"{BASE}/{path}", asked | body)

    def done(self, path: str, at: str, **body: Any) -> Any:
        """Report something that has to be carried out, and return the answer's body."""
        answer = self.send(path, at, **body)
        assert answer.status == 201, answer.text
        return answer.json

    def refused(self, path: str, at: str, slug: str, **body: Any) -> Any:
        """Report something that has to be refused, see that nothing was written, and return the problem."""
        before = self.client.event_count()
        answer = self.send(path, at, **body)
        assert answer.status >= 400, answer.text
        assert answer.slug == slug, answer.text
        assert self.client.event_count() == before
        return answer.json

    def buy(self, points: int, at: str, **body: Any) -> Any:
        """Buy for as many euros as points are wanted, where a euro is a point."""
        return self.done("purchases", at, **{"amount": str(points), "currency": "EUR"} | body)

    def balance(self, on: str | None = None, card: str = "1", point_currency: str = "points") -> dict[str, Any]:
        """Return the figures of a member, as of everything that was recorded."""
        found = self._read("account", card, on)["balances"]
        return next((one for one in found if one["point_currency"] == point_currency), {})

    def available(self, on: str | None = None, card: str = "1") -> int:
        """Return what a member can spend."""
        return int(self.balance(on, card).get("available_points", 0))

    def lots(self, card: str = "1") -> list[dict[str, Any]]:
        """Return the open lots of a member, in the order in which they will be used."""
        return list(self._read("lots", card)["lots"])

    def progress(self, on: str, card: str = "1", ladder: int = 0) -> dict[str, Any]:
        """Return where a member stands on a ladder."""
        answer = self.client.get(f"{BASE}/members/card:{card}/progress?as_of={on}")
        assert answer.status == 200, answer.text
        return dict(answer.json["ladders"][ladder])

    def tier(self, on: str, card: str = "1") -> str | None:
        """Return the tier that a member holds."""
        found: str | None = self.progress(on, card)["tier"]
        return found

    def read(self, path: str, card: str = "1") -> Any:
        """Read something of a member, once the views show everything that was recorded."""
        return self._read(path, card)

    def catch_up(self, card: str = "1") -> None:
        """Wait until the views show everything that was recorded."""
        with self.client.database.connect() as connection:
            heads = connection.execute("SELECT partition, position FROM ledger.heads").fetchall()
        for partition, position in heads:
            # Whether the member is known does not matter here.
            path = f"{BASE}/members/card:{card}/account?min_position={partition}:{position}"
            while self.client.get(path).status == 503:
                pass

    def run(self, name: str, now: str) -> Report:
        """Run a job for a moment in UTC, once the views show everything that was recorded."""
        self.catch_up()
        database = self.client.database
        with database.poster() as poster:
            deps = Deps(database.connect, poster, database.partition_count)
            report = run_job(deps, JOBS[name], now=datetime.fromisoformat(now).replace(tzinfo=UTC), holder=uuid4())
        assert report is not None
        return report

    def _read(self, path: str, card: str, on: str | None = None) -> Any:
        self.catch_up(card)
        answer = self.client.get(f"{BASE}/members/card:{card}/{path}" + (f"?as_of={on}" if on else ""))
        assert answer.status == 200, answer.text
        return answer.json


A_POINT_A_EURO = {"rule": {"var": "transaction_amount"}, "point_currency": "points"}
CENT = {"rule": {"/": [{"var": "points_requested"}, 100]}, "point_currency": "points"}


def open_desk(client: Client, *cards: str, **terms: Any) -> Desk:
    """Publish a program in which a euro is a point and a point a cent, unless told otherwise, and enrol members."""
    client.create_program(**{"earn": A_POINT_A_EURO, "burn": CENT} | terms)
    for card in cards or ("1",):
        client.enrol(card)
    return Desk(client)


def publish(client: Client, effective_from: str, **terms: Any) -> None:
    """Publish a further version of the program of `open_desk`."""
    wanted = {
        "point_currencies": [{"code": "points", "name": "Points"}],
        "earn": A_POINT_A_EURO,
        "burn": CENT,
    } | terms
    drafted = client.call("PUT", f"{BASE}/draft", wanted)
    assert drafted.status == 200, drafted.text
    published = client.post(f"{BASE}/publish", {"effective_from": effective_from})
    assert published.status == 201, published.text
