"""The columns of the journal in tables: the same names in CSV, XLSX and Parquet."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from projections.books.exporting.rows import Row

Value = str | int | date | Decimal | bytes

COLUMNS: dict[str, Callable[[Row], Value]] = {
    "je_id": lambda row: row.line.entry_id,
    "line": lambda row: row.line.line,
    "posting_date": lambda row: row.line.posting_date,
    "service_date": lambda row: row.line.service_date,
    "period": lambda row: row.line.period,
    "account": lambda row: row.line.account,
    "account_name": lambda row: row.line.account_name,
    "debit": lambda row: row.debit,
    "credit": lambda row: row.credit,
    "currency": lambda row: row.line.currency,
    "program_id": lambda row: row.line.program_id,
    "point_currency": lambda row: row.line.point_currency,
    "points": lambda row: row.line.points,
    "cohort": lambda row: row.line.cohort,
    "partner": lambda row: row.line.partner,
    "event_kind": lambda row: row.line.event_kind,
    "event_pos": lambda row: row.line.position,
    "program_version": lambda row: row.line.program_version,
    "scheme_version": lambda row: row.line.scheme_version,
    "entered_by": lambda row: row.line.entered_by,
    "approved_by": lambda row: row.line.approved_by,
    "description": lambda row: row.line.description,
    "hash": lambda row: row.link,
}
"""Name and value. ``points`` are in the smallest unit of the point currency, ``debit`` and ``credit`` in whole ones."""

TEXTS = frozenset(
    {
        "je_id",
        "period",
        "account",
        "account_name",
        "currency",
        "program_id",
        "point_currency",
        "cohort",
        "partner",
        "event_kind",
        "event_pos",
        "entered_by",
        "approved_by",
        "description",
    }
)
