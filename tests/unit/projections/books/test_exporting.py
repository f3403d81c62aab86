"""Exports of the journal: what finance tools read, proved by a manifest."""

import csv
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from ledger.errors import InvalidInput
from projections.books.exporting import FORMATS, ExportDiffers, export_journal, manifest_file, verify_export
from projections.books.exporting.comma_separated import guarded
from projections.books.exporting.parquet import SCHEMA
from projections.books.exporting.rows import Rows
from projections.books.exporting.workbook import write_xlsx
from tests.unit.projections.books.journals import COVER, journal, line


def bean_check(file: Path) -> str:
    """Return what beancount complains about."""
    program = Path(sys.executable).with_name("bean-check")
    return subprocess.run([program, "--no-cache", file], capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("kind", FORMATS)
def test_same_lines_make_the_same_bytes(tmp_path: Path, kind: str) -> None:
    """A file depends on its lines and its cover only; its manifest describes it."""
    once, again = tmp_path / f"once.{kind}", tmp_path / f"again.{kind}"
    manifest = export_journal(journal(200), once, COVER)
    assert manifest.sha256 == export_journal(journal(200), again, COVER).sha256
    assert once.read_bytes() == again.read_bytes()
    assert (manifest.line_count, manifest.entry_count, manifest.cover) == (800, 200, COVER)
    assert verify_export(once) == msgspec.json.decode(msgspec.json.encode(manifest))
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        [once.name, manifest_file(once).name, again.name, manifest_file(again).name]
    )


def test_every_format_holds_the_same_journal(tmp_path: Path) -> None:
    """Control totals and the hash of the journal do not depend on the format; debits equal credits per currency."""
    manifests = [export_journal(journal(100), tmp_path / f"j.{kind}", COVER) for kind in FORMATS]
    assert len({(one.journal_hash, one.control_totals) for one in manifests}) == 1
    sides: dict[tuple[str, str], Decimal] = {}
    for total in manifests[0].control_totals:
        key = (total.currency, total.program_id)
        sides[key] = sides.get(key, Decimal()) + Decimal(total.debit) - Decimal(total.credit)
    assert sides == dict.fromkeys(sides, Decimal())
    assert set(sides) == {("EUR", ""), ("points", "demo"), ("points", "air-miles")}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_changed_file_is_found_out(tmp_path: Path, kind: str) -> None:
    """One bit, a cut end or a missing manifest: each is told."""
    file = tmp_path / f"journal.{kind}"
    export_journal(journal(10), file, COVER)
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(ExportDiffers, match="has been changed"):
        verify_export(file)
    file.write_bytes(whole[:-1])
    with pytest.raises(ExportDiffers, match="bytes"):
        verify_export(file)
    file.write_bytes(whole)
    verify_export(file)
    manifest_file(file).unlink()
    with pytest.raises(ExportDiffers, match="cannot be read"):
        verify_export(file)


def test_bean_check_passes(tmp_path: Path) -> None:
    """Beancount finds every entry balanced in money and points, and every month's balance as asserted."""
    file = tmp_path / "journal.beancount"
    export_journal(journal(300), file, COVER)
    assert not bean_check(file)
    text = file.read_text("utf-8")
    assert "2026-02-01 balance Liabilities:2000-Contract-liability-own-points" in text
    assert {"PTS.DEMO.POINTS", "PTS.AIR-MILES.POINTS"} < set(text.split())


def test_bean_check_can_fail(tmp_path: Path) -> None:
    """An amount that was changed breaks the entry and the month's balance."""
    file = tmp_path / "journal.beancount"
    export_journal([line(1, 1, "2000", 512, "EUR"), line(1, 2, "4100", -512, "EUR")], file, COVER)
    assert not bean_check(file)
    file.write_text(file.read_text("utf-8").replace("  5.12 EUR", "  5.13 EUR", 1), "utf-8")
    assert "does not balance" in bean_check(file)


def test_commodities_and_accounts_stay_apart(tmp_path: Path) -> None:
    """Programs and accounts whose names look the same to beancount still get names of their own."""
    file = tmp_path / "journal.beancount"
    programs = ["a.very.long.program.name.of.ours-1", "a.very.long.program.name.of.ours-2", "1", "ü"]
    lines = []
    for entry, program in enumerate(programs, 1):
        lines.append(line(entry, 1, "9000", entry, "points", program_id=program))
        lines.append(line(entry, 2, "9100", -entry, "points", program_id=program))
        lines.append(line(entry, 3, "2.1", entry, "EUR", account_name="-"))
        lines.append(line(entry, 4, "2-1", -entry, "EUR", account_name="-"))
    export_journal(lines, file, COVER)
    assert not bean_check(file)
    declared = [
        words[2] for words in map(str.split, file.read_text("utf-8").splitlines()) if words[1:2] == ["commodity"]
    ]
    assert len(set(declared)) == len(programs) + 1


def test_csv_has_no_formulas(tmp_path: Path) -> None:
    """What a spreadsheet would run is text; everything else is as it was."""
    file = tmp_path / "journal.csv"
    export_journal([line(1, 1, "2000", 5, "EUR", description="=1+1", partner="@x")], file, COVER)
    with file.open(encoding="utf-8", newline="") as source:
        (row,) = csv.DictReader(source)
    assert (row["description"], row["partner"], row["debit"], row["credit"]) == ("'=1+1", "'@x", "0.05", "0.00")
    assert [guarded(text) for text in ("=a", "+a", "-a", "@a", "\ta", "a=b", "")] == [
        "'=a", "'+a", "'-a", "'@a", "'\ta", "a=b", "",
    ]  # fmt: skip


def test_parquet_is_exact(tmp_path: Path) -> None:
    """Amounts are decimals at any size, and the metadata says what the file is."""
    file = tmp_path / "journal.parquet"
    huge = 9_223_372_036_854_775_807
    manifest = export_journal([line(1, 1, "2000", huge, "EUR"), line(1, 2, "4100", -huge, "EUR")], file, COVER)
    table = pq.read_table(file)
    assert table.schema.equals(SCHEMA)
    assert table["debit"].to_pylist() == [Decimal("92233720368547758.070000"), Decimal(0)]
    metadata = pq.read_metadata(file).metadata
    assert metadata[b"khaywe.journal_hash"].decode() == manifest.journal_hash
    assert msgspec.json.decode(metadata[b"khaywe.cover"])["positions"] == ["0:5000"]
    assert manifest.control_totals[0].debit == "92233720368547758.07"


def test_xlsx_is_split_and_checks_itself(tmp_path: Path) -> None:
    """Lines beyond a sheet go on in the next; the cover's sums reach over all of them; no text is a formula."""
    file = tmp_path / "journal.xlsx"
    write_xlsx(Rows(journal(10), COVER), file, sheet_rows=16)
    with zipfile.ZipFile(file) as archive:
        sheets = [archive.read(f"xl/worksheets/sheet{number}.xml").decode() for number in (1, 2, 3, 4)]
    assert [sheet.count("<row ") for sheet in sheets[1:]] == [16, 16, 11]
    assert not any("<f>" in sheet for sheet in sheets[1:])
    assert "SUMIFS('Journal'!$H:$H" in sheets[0].replace("&apos;", "'")
    assert "'Journal 3'!$H:$H" in sheets[0].replace("&apos;", "'")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """The ending names the format; an unknown one is refused, and a failing source leaves nothing."""
    with pytest.raises(InvalidInput, match="csv, xlsx, parquet, beancount"):
        export_journal([], tmp_path / "journal.pdf", COVER)
    with pytest.raises(LookupError):
        export_journal((one for one in [{}["no line"]]), tmp_path / "journal.csv", COVER)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", FORMATS)
def test_an_empty_journal_is_a_file(tmp_path: Path, kind: str) -> None:
    """A period in which nothing happened exports as well."""
    file = tmp_path / f"journal.{kind}"
    assert export_journal([], file, COVER).line_count == 0
    verify_export(file)
    assert kind != "beancount" or not bean_check(file)
