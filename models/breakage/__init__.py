"""How many points will ever be redeemed: estimated from the ledger, proposed to finance, booked by nobody here."""

from models.breakage.chain_ladder import Projection, TooLittleHistory, project
from models.breakage.proposal import Proposal, propose
from models.breakage.triangle import History, cumulative, read_history

__all__ = [
    "History",
    "Projection",
    "Proposal",
    "TooLittleHistory",
    "cumulative",
    "project",
    "propose",
    "read_history",
]
