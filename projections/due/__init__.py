"""What time has decided, or soon will: accounts that workers have to look at."""

from projections.due.accounts import (
    Pages,
    accounts_of_program,
    accounts_with_ended_holds,
    accounts_with_ended_tiers,
    accounts_with_lapsed_lots,
    accounts_with_lots_to_release,
)
from projections.due.paging import Scope
from projections.due.warnings import EndingTier, LapsingPoints, lapsing_points, tiers_ending

__all__ = [
    "EndingTier",
    "LapsingPoints",
    "Pages",
    "Scope",
    "accounts_of_program",
    "accounts_with_ended_holds",
    "accounts_with_ended_tiers",
    "accounts_with_lapsed_lots",
    "accounts_with_lots_to_release",
    "lapsing_points",
    "tiers_ending",
]
