"""Random histories of a member: purchases, returns, redemptions, and the orders in which they can arrive."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.property.rules.till import Happening

FIRST = datetime(2025, 3, 1, 8, tzinfo=UTC)
ANCHOR: Happening = {
    "kind": "purchase",
    "source": "s",
    "transaction_id": "anchor",
    "occurred_at": (FIRST - timedelta(days=1)).isoformat(),
    "amount": "250",
}
"""Arrives first, and pays for all redemptions."""

moments = st.builds(
    lambda days, hours: FIRST + timedelta(days=days, hours=hours),
    st.sampled_from([0, 0, 1, 20, 31, 32, 100, 150, 200, 280, 310, 365, 366, 420, 500]),
    st.sampled_from([0, 0, 5, 15]),
)
amounts = st.sampled_from(["0", "10", "20.50", "49.99", "51", "80", "120", "130", "250"])


@st.composite
def purchases(draw: st.DrawFn) -> list[Happening]:
    """Draw purchases over many months, some at one moment."""
    times = draw(st.lists(moments, min_size=5, max_size=9))
    made = []
    for number, at in enumerate(times):
        more: Happening = {}
        nights = draw(st.integers(0, 4))
        if nights:
            more["attributes"] = {"nights": nights}
        if draw(st.booleans()):
            more["lines"] = [{"amount": "5", "line": "a", "quantity": "2"}, {"amount": "3", "line": "b"}]
        source = draw(st.sampled_from(["s", "t"]))
        made.append(
            {
                "kind": "purchase",
                "source": source,
                "transaction_id": f"p{number}",
                "occurred_at": at.isoformat(),
                "amount": draw(amounts),
                **more,
            }
        )
    return made


@st.composite
def returns(draw: st.DrawFn, sold: list[Happening]) -> list[Happening]:
    """Draw returns of some of the purchases, wholly or partly, some soon after and some long after."""
    made = []
    for number in range(draw(st.integers(1, 4))):
        sale = draw(st.sampled_from(sold))
        after = timedelta(days=draw(st.sampled_from([0, 1, 15, 40, 200, -1])), hours=draw(st.sampled_from([0, 1])))
        part: Happening = {}
        if float(sale["amount"]) and draw(st.booleans()):
            # A quarter at most, so that four of them are never too much.
            part["amount"] = f"{float(sale['amount']) / 4:.2f}"[:-1] + "0"
        elif any(one["of"] == key_of(sale) for one in made):
            continue
        at = datetime.fromisoformat(sale["occurred_at"]) + after
        made.append(
            {"kind": "return", "return_id": f"r{number}", "occurred_at": at.isoformat(), "of": key_of(sale), **part}
        )
    whole = {one["of"] for one in made if "amount" not in one}
    return [one for one in made if "amount" not in one or one["of"] not in whole]


def key_of(sale: Happening) -> tuple[str, str]:
    """Return the key of a purchase."""
    return sale["source"], sale["transaction_id"]


def in_order(happenings: list[Happening]) -> list[Happening]:
    """Sort happenings into the order in which they happened; at one moment, as the ledger says."""
    rank = {"purchase": 2, "return": 3, "redemption": 4}
    sold = {key_of(one): one["occurred_at"] for one in happenings if one["kind"] == "purchase"}
    return sorted(
        happenings,
        key=lambda one: (
            # A clock that is wrong does not bring anything back before it was sold.
            max(one["occurred_at"], sold.get(one.get("of"), "")),
            rank[one["kind"]],
            one.get("source", ""),
            one.get("transaction_id") or one.get("return_id") or one.get("redemption_id"),
        ),
    )


@st.composite
def arrivals(draw: st.DrawFn, happenings: list[Happening]) -> list[Happening]:
    """Draw an order of arrival in which every return comes after its purchase."""
    shuffled = draw(st.permutations(happenings))
    sold = [one for one in shuffled if one["kind"] != "return"]
    for one in shuffled:
        if one["kind"] == "return":
            after = next(at for at, sale in enumerate(sold) if sale["kind"] == "purchase" and key_of(sale) == one["of"])
            sold.insert(draw(st.integers(after + 1, len(sold))), one)
    return sold


@st.composite
def redemptions(draw: st.DrawFn) -> list[Happening]:
    """Draw redemptions of a few points each."""
    times = draw(st.lists(moments.filter(lambda at: at < FIRST + timedelta(days=400)), min_size=1, max_size=3))
    return [
        {"kind": "redemption", "redemption_id": f"x{number}", "occurred_at": at.isoformat(), "points": 20 + number}
        for number, at in enumerate(times)
    ]
