"""Carrying out repairs that a second person has agreed to."""

from collections.abc import Iterable
from datetime import datetime
from threading import Event
from typing import Any, Final
from uuid import UUID

import structlog
from psycopg import Connection

from ledger.approval.state import Approval
from ledger.posting.cache import StateCache
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable, Outcome, Posted
from ledger.streams import APPROVAL, approval_stream_id
from projections.whatifs.repairing import (
    Repair,
    Repaired,
    chosen_points,
    end_repair,
    open_repairs,
    read_repair,
    record_repaired,
    start_repair,
)
from projections.whatifs.rows import Found, read_to_repair
from rules.errors import AccountChanged
from rules.instructions import Compensation, RepairRun, compensate
from workers.leases import Lease, LeaseLost
from workers.sweeping import Deps

_log = structlog.get_logger("worker")

_PAGE_SIZE: Final = 500
_LEASE_S = 30.0


def carry_out_repairs(deps: Deps, holder: UUID, stopping: Event | None = None) -> int:
    """
    Carry out every repair that was agreed to, and that nobody else is carrying out.

    Args:
        deps: What to work with.
        holder: Who we are.
        stopping: Set to stop after the page under way; the next call goes on where this one stopped.

    Returns:
        How many pages were carried out.

    Raises:
        LedgerError: The ledger could not be written to; the next call goes on where this one stopped.
    """
    done = 0
    with deps.connect() as connection:
        for repair_id in open_repairs(connection):
            if stopping is not None and stopping.is_set():
                break
            lease = Lease(f"repair:{repair_id}", holder)
            if not lease.take(connection, _LEASE_S):
                continue
            try:
                done += _carry_out(deps, connection, lease, repair_id, stopping or Event())
            except LeaseLost:
                _log.info("repair_taken_over", repair_id=str(repair_id))
            finally:
                lease.leave(connection)
    return done


def _carry_out(deps: Deps, connection: Connection[Any], lease: Lease, repair_id: UUID, stopping: Event) -> int:
    repair = _read(connection, repair_id)
    approval = _approval(connection, repair, deps.partition_count)
    if approval is None or approval.decided_at is None:
        return 0
    if not approval.is_granted:
        end_repair(connection, repair_id, "rejected")
        return 0
    start_repair(connection, repair_id)
    done = 0
    while not stopping.is_set():
        repair = _read(connection, repair_id)
        page = read_to_repair(connection, repair.what_if_id, repair.after_account, _PAGE_SIZE)
        if not page:
            end_repair(connection, repair_id, "done")
            _log.info("repair_done", repair_id=str(repair_id), posted_count=repair.posted_count)
            break
        repaired = _post(deps, repair, page, approval.decided_at)
        if not record_repaired(connection, repair, page[-1].account_id, repaired):
            raise LeaseLost(lease.name)
        lease.renew(connection, _LEASE_S)
        done += 1
    return done


def _post(deps: Deps, repair: Repair, page: Iterable[Found], at: datetime) -> list[Repaired]:
    wanted = [
        (one, Compensation(str(repair.what_if_id), str(one.account_id), one.version, code, points))
        for one in page
        for code, points in chosen_points(one, repair.chosen).items()
    ]
    run = RepairRun(str(repair.repair_id), repair.program_id, repair.reason, at, repair.may_overdraw)
    outcomes = deps.poster.post([compensate(run, found.account_id.bytes, what) for found, what in wanted])
    return [_told(found, what, outcome) for (found, what), outcome in zip(wanted, outcomes, strict=True)]


def _told(found: Found, what: Compensation, outcome: Outcome) -> Repaired:
    """Return what is kept about an outcome; raise it if it is none, because the ledger could not be written to."""
    if isinstance(outcome, LedgerBusy | LedgerUnavailable):
        raise outcome
    if isinstance(outcome, Posted):
        result, position, slug, detail = "posted", f"{outcome.partition}:{outcome.position}", "", ""
        if outcome.replayed:
            result = "replayed"
    else:
        result = "skipped" if isinstance(outcome, AccountChanged) else "refused"
        position, slug, detail = "", outcome.slug, outcome.detail
    return Repaired(found.account_id, found.member_id, result, what.point_currency, what.points, position, slug, detail)


def _read(connection: Connection[Any], repair_id: UUID) -> Repair:
    repair = read_repair(connection, repair_id)
    assert repair is not None
    return repair


def _approval(connection: Connection[Any], repair: Repair, partition_count: int) -> Approval | None:
    stream_id = approval_stream_id(repair.program_id, str(repair.repair_id))
    cache = StateCache(partition_count)
    cache.load(connection, {stream_id: APPROVAL})
    state: Approval | None = cache.entries[stream_id].state
    return state
