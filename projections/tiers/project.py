"""Events to tiers, one row per account and ladder, and to vouchers."""

from datetime import date
from struct import Struct as Layout
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection

from ledger.account.events import TierChanged, TierRetained, VoucherIssued
from ledger.sql import load_queries
from ledger.streams import StreamId
from projections.copying import copy_rows, day_number, optional_day, text
from projections.page import Page

_SQL = load_queries("projections.tiers")
_KEY = Layout(">hiii16s")
_NUMBER = Layout(">iq")
_DAY = Layout(">ii")

_CHANGED_COLUMNS = ("partition", "account_id", "ladder", "tier", "since", "valid_until", "version")
_RETAINED_COLUMNS = ("partition", "account_id", "ladder", "tier", "valid_until", "version")
_VOUCHER_COLUMNS = (
    "partition",
    "account_id",
    "voucher_id",
    "point_currency",
    "points",
    "value_minor",
    "currency",
    "issued_on",
    "expires_on",
    "version",
)

_Key = tuple[StreamId, str]


class _Tier(Struct):
    tier: str
    since: date
    valid_until: date | None
    version: int


class _Folded(Struct):
    changed: dict[_Key, _Tier] = {}
    retained: dict[tuple[StreamId, str, str], tuple[date | None, int]] = {}
    """Also by tier: only the one that is held is told, and that may be known to the table alone."""

    def retain(self, account_id: StreamId, version: int, event: TierRetained) -> None:
        """Let a tier be held for longer."""
        held = self.changed.get((account_id, event.ladder))
        if held is None:
            self.retained[account_id, event.ladder, event.tier] = event.valid_until, version
        elif held.tier == event.tier:
            held.valid_until, held.version = event.valid_until, version


class _Changes(Struct):
    retained: list[bytes]
    changed: list[bytes]
    vouchers: list[bytes]


class TiersView:
    """The tier each member holds on each ladder, and every voucher."""

    name: LiteralString = "tiers"
    tables: tuple[LiteralString, ...] = ("tiers", "vouchers")

    def project(self, page: Page) -> _Changes:
        """Return what changed at the end of the page."""
        folded, vouchers, partition = _Folded(), [], page.partition
        for account_id, version, _, _, event in page.others:
            if isinstance(event, TierChanged):
                tier = _Tier(event.tier, event.effective_on, event.valid_until, version)
                folded.changed[account_id, event.ladder] = tier
            elif isinstance(event, TierRetained):
                folded.retain(account_id, version, event)
            elif isinstance(event, VoucherIssued):
                vouchers.append(_voucher_row(partition, account_id, version, event))
        return _Changes(
            [_retained_row(partition, key, *value) for key, value in folded.retained.items()],
            [_changed_row(partition, key, tier) for key, tier in folded.changed.items()],
            vouchers,
        )

    def write(self, connection: Connection[Any], changes: _Changes) -> None:
        """Change tiers, what was retained first: in the page it came before any change of the same ladder."""
        if changes.retained:
            connection.execute(_SQL["make_room_for_retained"])
            copy_rows(connection, "tiers_retained", _RETAINED_COLUMNS, changes.retained)
            connection.execute(_SQL["retain"])
        if changes.changed:
            connection.execute(_SQL["make_room_for_changed"])
            copy_rows(connection, "tiers_changed", _CHANGED_COLUMNS, changes.changed)
            connection.execute(_SQL["change"])
        if changes.vouchers:
            copy_rows(connection, "vouchers", _VOUCHER_COLUMNS, changes.vouchers)


TIERS = TiersView()


def _changed_row(partition: int, key: _Key, tier: _Tier) -> bytes:
    account_id, ladder = key
    return b"".join(
        (
            _KEY.pack(len(_CHANGED_COLUMNS), 4, partition, 16, account_id),
            text(ladder),
            text(tier.tier),
            _DAY.pack(4, day_number(tier.since)),
            optional_day(tier.valid_until),
            _NUMBER.pack(8, tier.version),
        ),
    )


def _retained_row(
    partition: int,
    key: tuple[StreamId, str, str],
    valid_until: date | None,
    version: int,
) -> bytes:
    account_id, ladder, tier = key
    front = _KEY.pack(len(_RETAINED_COLUMNS), 4, partition, 16, account_id)
    return front + text(ladder) + text(tier) + optional_day(valid_until) + _NUMBER.pack(8, version)


def _voucher_row(partition: int, account_id: StreamId, version: int, event: VoucherIssued) -> bytes:
    return b"".join(
        (
            _KEY.pack(len(_VOUCHER_COLUMNS), 4, partition, 16, account_id),
            text(event.voucher_id),
            text(event.point_currency),
            _NUMBER.pack(8, event.points),
            _NUMBER.pack(8, event.value_minor),
            text(event.currency),
            _DAY.pack(4, day_number(event.effective_on)),
            _DAY.pack(4, day_number(event.expires_on)),
            _NUMBER.pack(8, version),
        ),
    )
