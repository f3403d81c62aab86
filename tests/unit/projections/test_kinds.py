"""Every event of an account has a name outside, and the documentation lists them all."""

import re
from pathlib import Path

from ledger.streams import ACCOUNT
from projections.webhooks.kinds import KIND_OF, KINDS

DOCUMENTED = Path(__file__).parents[3] / "docs" / "how-to" / "receive-webhooks.md"


def test_every_event_has_a_kind_of_its_own() -> None:
    """Nothing that happens to an account is kept from those who ask for everything."""
    topics = {event_type.TOPIC for event_type in ACCOUNT.event_types}  # type: ignore[attr-defined]
    assert topics == set(KIND_OF)
    assert len(KINDS) == len(KIND_OF)


def test_every_kind_is_documented() -> None:
    """The table of the how-to names each, in order, and no other."""
    lines = DOCUMENTED.read_text("utf-8").splitlines()
    listed = [line.split("`")[1] for line in lines if re.match(r"\| `[a-z]+\.[a-z_]+` \|", line)]
    assert listed == [*KINDS, "webhook.test"]
