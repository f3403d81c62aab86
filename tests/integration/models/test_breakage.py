"""Estimates from a ledger: the triangle is what the events say."""

from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from khaywe.wiring import Database
from ledger.account.events import (
    HoldCaptured,
    LotsExpired,
    PointsAdjusted,
    PointsRedeemed,
    PointsTransferredOut,
    PurchaseRepriced,
    PurchaseReturned,
    RedemptionReversed,
)
from ledger.archive.cold import ArchiveAway
from ledger.archive.removing import bring_back
from ledger.errors import InvalidInput
from ledger.store.codec import decode
from models.breakage import cumulative, read_history
from models.breakage.triangle import issued
from projections.runner import Runner
from projections.views import VIEWS
from tests.integration.ledger.archive.test_removing import heads, removed
from tests.integration.projections.walks import walk
from tests.programs import PROGRAM_ID, publish_program

THROUGH = date(2027, 12, 1)


@pytest.fixture
def walked(any_database: Database) -> Database:
    """Provide accounts in which everything happens, and views that follow."""
    with any_database.poster() as poster:
        publish_program(poster)
        publish_program(poster, "another")
        for seed in (1, 2):
            walk(poster, PROGRAM_ID, seed)
        walk(poster, "another", 3, members=2, steps=20)
    with any_database.connect() as reader, any_database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)
    return any_database


def told_by_events(database: Database, point_currency: str) -> tuple[int, dict[str, int]]:
    """Return what was issued net, and redeemed net by vintage, folded from the events one by one."""
    vintages: dict[tuple[object, int], str] = {}
    net, redeemed = 0, defaultdict[str, int](int)
    with database.connect() as connection:
        known = connection.execute("SELECT account_id FROM analytics.accounts WHERE program_id = %s", (PROGRAM_ID,))
        ours = {account_id for (account_id,) in known}
        rows = connection.execute("SELECT stream_id, topic, state FROM ledger.events ORDER BY partition, position")
        for stream_id, topic, state in rows.fetchall():
            event = decode(topic, bytes(state)) if stream_id in ours else None
            for accrual in getattr(event, "accruals", ()):
                if accrual.point_currency == point_currency:
                    vintages[stream_id, accrual.lot] = f"{accrual.earned_on or event.effective_on:%Y-%m}"
                    net += accrual.points
            for lot, points, is_redemption in moves(event):
                vintage = vintages.get((stream_id, lot))
                if vintage and is_redemption:
                    redeemed[vintage] += points
                elif vintage:
                    net -= points
    return net, {vintage: points for vintage, points in redeemed.items() if points}


def moves(event: object) -> Iterator[tuple[int, int, bool]]:
    """Give what left lots, other than by holding and lapsing: lot, points, and whether they were redeemed."""
    match event:
        case PointsRedeemed() | HoldCaptured():
            yield from ((part.lot, part.points, True) for part in event.taken)
        case RedemptionReversed():
            yield from ((part.lot, -part.points, True) for part in event.returned)
        case PurchaseReturned() | PurchaseRepriced() | PointsAdjusted() | PointsTransferredOut():
            yield from ((part.lot, part.points, False) for part in event.taken)
        case LotsExpired(reason="converted"):
            yield from ((part.lot, part.points, True) for part in event.lots)
    yield from ((part.lot, part.points, True) for part in getattr(event, "repaid", ()))


@pytest.mark.parametrize("point_currency", ["points", "miles"])
def test_the_triangle_is_what_the_events_say(walked: Database, point_currency: str) -> None:
    """Issued net, and redeemed net by vintage, agree with the events; the other program's points are not in it."""
    with walked.connect() as connection:
        history = read_history(connection, PROGRAM_ID, point_currency)
    net, redeemed = told_by_events(walked, point_currency)
    assert net == int(issued(history, THROUGH).sum())
    triangle = cumulative(history, THROUGH)
    latest = {str(vintage): int(row.dropna().iloc[-1]) for vintage, row in triangle.iterrows()}
    assert redeemed == {vintage: points for vintage, points in latest.items() if points}
    assert redeemed


def test_what_is_in_an_archive_is_not_left_out_unsaid(walked: Database, tmp_path: Path) -> None:
    """Redemptions whose bulk left the database would be missing; brought back, the estimate is what it was."""
    with walked.connect() as connection:
        before = read_history(connection, PROGRAM_ID, "points")
        removed(walked, tmp_path)
        with pytest.raises(ArchiveAway, match="khaywe audit return"):
            read_history(connection, PROGRAM_ID, "points")
        with walked.connect_as_owner() as owner:
            deque(bring_back(owner, {str(one): last for one, last in heads(walked).items()}), maxlen=0)
        assert read_history(connection, PROGRAM_ID, "points").moved == before.moved


def test_points_nobody_has_are_refused(walked: Database) -> None:
    """A currency or a program without points has no history."""
    with walked.connect() as connection:
        for program_id, point_currency in ((PROGRAM_ID, "stars"), ("nowhere", "points")):
            with pytest.raises(InvalidInput, match="has not issued"):
                read_history(connection, program_id, point_currency)
