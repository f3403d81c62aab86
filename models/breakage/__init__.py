"""How many points will ever be redeemed: estimated from the ledger, proposed to finance, booked by nobody here."""

from models.breakage.chain_ladder import Projection, follow, project
from models.breakage.making import Options, document_of, make
from models.breakage.proposal import Proposal, propose
from models.breakage.triangle import History, cumulative, read_history

__all__ = [
    "History",
    "Options",
    "Projection",
    "Proposal",
    "cumulative",
    "document_of",
    "follow",
    "make",
    "project",
    "propose",
    "read_history",
]
