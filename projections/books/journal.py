"""Entries as lines of the journal."""

from collections.abc import Iterable, Iterator

from ledger.bookkeeping.decide import period_of
from projections.books.chart import NAMES
from projections.books.entries import ApprovedEntry, Entry
from projections.books.lines import JournalLine


def lines_of(program_id: str, entries: Iterable[Entry], scheme_version: int) -> Iterator[JournalLine]:
    """
    Give the lines of entries, in their order.

    Args:
        program_id: Whose.
        entries: Of a month.
        scheme_version: That they were made with.
    """
    for entry in entries:
        approved_by = entry.approved_by if isinstance(entry, ApprovedEntry) else ""
        is_event = entry.entry_id.partition(":")[0].isdecimal()
        for number, posting in enumerate(entry.postings, 1):
            yield JournalLine(
                entry.entry_id,
                number,
                entry.posting_date,
                entry.service_date,
                period_of(entry.posting_date),
                posting.account,
                NAMES[posting.account],
                max(posting.amount, 0),
                max(-posting.amount, 0),
                posting.point_currency if posting.is_points else entry.currency,
                program_id,
                posting.point_currency,
                posting.points,
                posting.cohort,
                posting.partner,
                entry.kind,
                entry.entry_id if is_event else "",
                entry.program_version,
                scheme_version,
                entry.entered_by,
                approved_by,
                entry.description,
            )
