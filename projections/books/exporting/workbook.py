"""The journal as XLSX: a cover with sums that the spreadsheet checks itself, and the lines."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from projections.books.exporting.columns import COLUMNS, Value
from projections.books.exporting.rows import Rows

_ROWS_OF_SHEET = 1_048_576
_EXACT = Decimal(10) ** 15
"""A spreadsheet calculates with 15 digits; what has more is written as text rather than wrongly."""
_MADE_AT = datetime(1980, 1, 1)  # noqa: DTZ001  # the same for every export, so that the same lines make the same file
_WIDTHS = {"account_name": 32, "cohort": 28, "event_kind": 32, "description": 48, "hash": 66}


def write_xlsx(rows: Rows, file: Path, sheet_rows: int = _ROWS_OF_SHEET) -> None:
    """
    Write cover and lines, row by row; a sheet that is full is followed by another.

    Args:
        rows: To be written.
        file: To be made.
        sheet_rows: Rows of a sheet, its heading included.
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(file), options) as workbook:
        workbook.set_properties({"title": rows.cover.title, "created": _MADE_AT})
        workbook.use_zip64()
        cover = workbook.add_worksheet("Cover")
        sheets = _write_lines(workbook, rows, sheet_rows)
        _write_cover(workbook, cover, rows, sheets)


def _write_lines(workbook: Any, rows: Rows, sheet_rows: int) -> list[str]:
    day, money = workbook.add_format({"num_format": "yyyy-mm-dd"}), workbook.add_format({"num_format": "#,##0.00####"})
    cells = list(COLUMNS.values())
    sheet, at = _new_sheet(workbook, 1), 1
    names = [sheet.get_name()]
    for row in rows:
        if at == sheet_rows:
            sheet, at = _new_sheet(workbook, len(names) + 1), 1
            names.append(sheet.get_name())
        for column, cell in enumerate(cells):
            _write(sheet, (at, column), cell(row), day, money)
        at += 1
    return names


def _new_sheet(workbook: Any, number: int) -> Any:
    sheet = workbook.add_worksheet("Journal" if number == 1 else f"Journal {number}")
    heading = workbook.add_format({"bold": True})
    for column, name in enumerate(COLUMNS):
        sheet.set_column(column, column, _WIDTHS.get(name, 14))
        sheet.write_string(0, column, name, heading)
    sheet.freeze_panes(1, 0)
    return sheet


def _write(sheet: Any, at: tuple[int, int], value: Value, day: Any, money: Any) -> None:
    match value:
        case str():
            sheet.write_string(*at, value)
        case bytes():
            sheet.write_string(*at, value.hex())
        case Decimal() if abs(value) >= _EXACT or value.normalize().as_tuple().digits[15:]:
            sheet.write_string(*at, f"{value:f}")
        case Decimal():
            sheet.write_number(*at, value, money)
        case date():
            sheet.write_datetime(*at, value, day)
        case _:
            sheet.write_number(*at, value)


def _write_cover(workbook: Any, sheet: Any, rows: Rows, sheets: list[str]) -> None:
    bold = workbook.add_format({"bold": True})
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 8, 20)
    cover = rows.cover
    facts = [
        ("title", cover.title),
        ("ledger position", ", ".join(cover.positions)),
        *cover.parameters.items(),
        ("lines", str(rows.line_count)),
        ("entries", str(rows.entry_count)),
        ("journal hash", rows.link.hex()),
        ("generator", cover.generator),
    ]
    for at, (name, value) in enumerate(facts):
        sheet.write_string(at, 0, name, bold)
        sheet.write_string(at, 1, value)
    heading = ["account", "name", "currency", "program", "lines", "debit", "credit", "Σ debit", "Σ credit", "check"]
    first = len(facts) + 1
    for column, name in enumerate(heading):
        sheet.write_string(first, column, name, bold)
    for at, total in enumerate(rows.totals(), first + 1):
        texts = (total.account, total.account_name, total.currency, total.program_id)
        for column, text in enumerate(texts):
            sheet.write_string(at, column, text)
        sheet.write_number(at, 4, total.line_count)
        for column, side in ((5, total.debit), (6, total.credit)):
            sheet.write_number(at, column, Decimal(side))
        for column, name, side in ((7, "debit", total.debit), (8, "credit", total.credit)):
            formula = _sum_of(sheets, name, at + 1, is_points=bool(total.program_id))
            sheet.write_formula(at, column, formula, None, Decimal(side))
        row = at + 1
        check = f'=IF(AND(ROUND(F{row}-H{row},6)=0,ROUND(G{row}-I{row},6)=0),"ok","DIFFERS")'
        sheet.write_formula(at, 9, check, None, "ok")


def _sum_of(sheets: list[str], summed: str, row: int, *, is_points: bool) -> str:
    """Return a formula over the sheets of lines, for the account, currency and program of a row of the cover."""
    letters = {name: xl_col_to_name(column) for column, name in enumerate(COLUMNS)}
    conditions = [("account", f"$A{row}"), ("currency", f"$C{row}")]
    if is_points:
        conditions.append(("program_id", f"$D{row}"))

    def of(sheet: str) -> str:
        whole = {name: f"'{sheet}'!${letter}:${letter}" for name, letter in letters.items()}
        pairs = ",".join(f"{whole[name]},{cell}" for name, cell in conditions)
        return f"SUMIFS({whole[summed]},{pairs})"

    return "=" + "+".join(of(sheet) for sheet in sheets)
