"""The books: what every event means in accounts, period by period."""

from projections.books.lines import JournalLine

__all__ = ["JournalLine"]
