"""All views, by name."""

from projections.balances import BALANCES
from projections.holds import HOLDS
from projections.lots import LOTS
from projections.page import View
from projections.promises import PROMISES
from projections.purchases import PURCHASES
from projections.tiers import TIERS
from projections.timeline import TIMELINE

VIEWS: dict[str, View] = {view.name: view for view in (BALANCES, LOTS, PURCHASES, HOLDS, TIERS, TIMELINE, PROMISES)}
