"""Short spellings of a program's terms, commands and events."""

from datetime import UTC, datetime

from ledger.program.decide import CreateProgram, DraftProgram, PublishProgram
from ledger.program.events import ProgramCreated, ProgramDrafted, ProgramPublished
from ledger.program.terms import BurnRule, EarnRule, PointCurrency, Terms

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
JANUARY, APRIL, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 4, 7))

EARN = EarnRule('{"var":"transaction_amount"}', "points")
BURN = BurnRule('{"*":[{"var":"points_requested"},0.01]}', "points")
TERMS = Terms((PointCurrency("points", "Points"),), EARN, BURN)
RICHER = Terms(
    (PointCurrency("points", "Points", expiry_months=24), PointCurrency("status", "Status points", redeemable=False)),
    EarnRule('{"*":[{"var":"transaction_amount"},2]}', "points", "double"),
    BURN,
)

CREATE = CreateProgram("club", "The Club", "CHF", "Europe/Zurich", TERMS, NOON)
CREATED = ProgramCreated("club", "The Club", "CHF", "Europe/Zurich", NOON)


def draft(terms: Terms) -> DraftProgram:
    """Write ``terms`` down."""
    return DraftProgram(terms, NOON)


def drafted(terms: Terms) -> ProgramDrafted:
    """They were written down."""
    return ProgramDrafted(terms, NOON)


def publish(effective_from: datetime) -> PublishProgram:
    """Put the draft in force from then on."""
    return PublishProgram(effective_from, NOON)


def published(version: int, effective_from: datetime, terms: Terms) -> ProgramPublished:
    """They are in force from then on."""
    return ProgramPublished(version, effective_from, terms, NOON)
