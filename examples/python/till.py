"""A till: post a purchase, post it again as after a lost answer, and read what the member has."""

import os
import sys
from datetime import UTC, datetime

from khaywe_client.api.accounts import get_member_account
from khaywe_client.api.purchases import post_purchase
from khaywe_client.client import AuthenticatedClient
from khaywe_client.models import AccountView, Problem, Purchase, PurchaseView

PROGRAM = os.environ.get("KHAYWE_PROGRAM", "demo")
CARD = os.environ.get("KHAYWE_MEMBER", "household:1")


def main() -> None:
    """Sell something for 249.90 EUR."""
    client = AuthenticatedClient(
        base_url=os.environ.get("KHAYWE_URL", "http://127.0.0.1:8000"), token=os.environ["KHAYWE_KEY"]
    )
    now = datetime.now(UTC)
    purchase = Purchase(
        source="till-7",
        # Made once when the sale is closed, and kept with it: whatever happens to answers, it is booked once.
        transaction_id=f"till-7-{now:%Y%m%dT%H%M%S%f}",
        member=CARD,
        occurred_at=now,
        amount="249.90",
        currency=os.environ.get("KHAYWE_CURRENCY", "EUR"),
    )
    booked = None
    for _ in range(2):
        booked = post_purchase.sync(PROGRAM, client=client, body=purchase)
        if not isinstance(booked, PurchaseView):
            sys.exit(refusal(booked))
        print(f"{booked.points} points at {booked.position}, replayed: {booked.replayed}")
    assert booked is not None
    account = get_member_account.sync(PROGRAM, CARD, client=client, min_position=booked.position)
    if not isinstance(account, AccountView):
        sys.exit(refusal(account))
    for balance in account.balances:
        print(f"{balance.available_points} {balance.point_currency} can be spent")


def refusal(problem: Problem | object) -> str:
    """Return what was wrong, and the slug that programs decide by."""
    return f"{problem.type_}: {problem.detail}" if isinstance(problem, Problem) else f"no answer: {problem!r}"


if __name__ == "__main__":
    main()
