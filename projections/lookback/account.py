"""One account as it was: its rows are those that the views show of accounts as they are."""

from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.account.activity import lapses_on
from ledger.account.movements import Moved
from ledger.archive.cold import whole
from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.store.partitions import partition_of
from ledger.streams import StreamId
from projections.balances import BalanceRow
from projections.holds import HoldRow
from projections.lookback.cut import Cut
from projections.lookback.fold import Past
from projections.lookback.parts import PastLot
from projections.lots import LotRow
from projections.tiers import TierRow

_SQL = load_queries("projections.lookback")


class PastAccount(Struct, frozen=True):
    """An account as of a date, as at a recorded moment."""

    account_id: UUID
    member_id: UUID
    opened_on: date
    status: str
    merged_into: str
    balances: list[BalanceRow]
    lots: list[LotRow]
    """Every one that had come, in the order in which they will be used."""
    holds: list[HoldRow]
    """Every one that had been made, newest first."""
    tiers: list[TierRow]
    version: int
    """Of the account's last event that was known."""


def past_account(
    connection: Connection[Any], account_id: StreamId, partition_count: int, cut: Cut
) -> PastAccount | None:
    """Return an account as it was, or ``None`` if it had not been opened; every event of it is read."""
    partition = partition_of(account_id, partition_count)
    rows = connection.execute(
        _SQL["history"],
        {"partition": partition, "stream_id": UUID(bytes=account_id), "position": cut.positions[partition]},
        binary=True,
    )
    past = Past(cut.as_of)
    for version, topic, state in whole(connection, rows, 2):
        past.take(version, decode(topic, state))
    past.end_holds(cut.ends_at)
    return past_state(past, account_id)


def past_state(past: Past, account_id: StreamId) -> PastAccount | None:
    """Return what was folded as rows."""
    if past.state is None:
        return None
    return PastAccount(
        UUID(bytes=account_id),
        UUID(past.state.member_id),
        past.state.opened_on,
        past.state.status,
        past.state.merged_into,
        past_balances(past),
        sorted((_lot_row(lot) for lot in past.lots.values()), key=_urgency),
        [
            HoldRow(
                hold.hold_id,
                hold.point_currency,
                hold.points,
                hold.held_at,
                hold.expires_at,
                hold.status,
                hold.captured_points,
                hold.resolved_at,
                hold.version,
            )
            for hold in reversed(past.holds.values())
        ],
        [
            TierRow(ladder, held.tier, held.since, held.valid_until)
            for ladder, held in sorted(past.tiers.items())
            if held.tier
        ],
        past.version,
    )


def past_balances(past: Past) -> list[BalanceRow]:
    """Return the figures of every point currency, by code."""
    lots: dict[str, list[PastLot]] = {code: [] for code in past.books}
    for lot in past.lots.values():
        if lot.lot.points:
            lots[lot.point_currency].append(lot)
    return [_balance_row(past, code, book, lots[code]) for code, book in sorted(past.books.items())]


def _balance_row(past: Past, code: str, book: Moved, lots: list[PastLot]) -> BalanceRow:
    assert past.state is not None
    spendable = promised = lapsed = 0
    next_expiry_on = None
    for one in lots:
        lapsing_on = lapses_on(past.state, one.lot)
        if lapsing_on is not None and lapsing_on <= past.on:
            lapsed += one.lot.points
            continue
        if one.lot.available_from <= past.on:
            spendable += one.lot.points
        else:
            promised += one.lot.points
        if lapsing_on is not None and (next_expiry_on is None or lapsing_on < next_expiry_on):
            next_expiry_on = lapsing_on
    return BalanceRow(
        code,
        max(0, spendable - book.owed_points),
        promised,
        book.held_points,
        lapsed,
        book.owed_points,
        book.balance_points,
        book.accrued_points,
        book.redeemed_points,
        book.reversed_points,
        book.expired_points,
        book.reinstated_points,
        book.clawed_back_points,
        book.credited_points,
        book.debited_points,
        book.transferred_in_points,
        book.transferred_out_points,
        next_expiry_on,
    )


def _lot_row(past: PastLot) -> LotRow:
    lot = past.lot
    return LotRow(
        lot.lot,
        past.point_currency,
        past.accrued_points,
        lot.points,
        lot.earned_on,
        lot.available_from,
        lot.expires_on,
        lot.kind,
        past.rule,
        lot.funding,
        lot.awaits,
        lot.cancels_on,
        lot.idle_months,
        list(lot.activities),
        lot.converts,
        lot.is_released,
        past.version,
    )


def _urgency(row: LotRow) -> tuple[bool, date, date, int]:
    # No expiry comes after every expiry, also after the last day of the calendar.
    return row.expires_on is None, row.expires_on or date.max, row.earned_on, row.lot
