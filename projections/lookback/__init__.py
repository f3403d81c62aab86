"""
Accounts as they were: as of an effective date, as at a recorded moment, told from the events.

As at says what was known: events up to a position. As of says what of it counts: entries whose effective date has come.
An entry that takes from, or gives to, points that came later counts from the day on which these came: nobody can have
spent, returned or released what was not there yet. Lots lapse and become available by their dates, holds end by their
timeouts, whether or not anybody has recorded it. Which dates a lot has is a matter of what is known: a migration that
was recorded later shows in every answer that looks at it.
"""

from projections.lookback.account import PastAccount, past_account, past_state
from projections.lookback.cut import AsAt, Cut, Position, cut_at
from projections.lookback.fold import Past
from projections.lookback.program import ProgramBalances, ProgramTotals, VintageRow, program_balances

__all__ = [
    "AsAt",
    "Cut",
    "Past",
    "PastAccount",
    "Position",
    "ProgramBalances",
    "ProgramTotals",
    "VintageRow",
    "cut_at",
    "past_account",
    "past_state",
    "program_balances",
]
