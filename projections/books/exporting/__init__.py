"""The journal as files that finance tools read, each with a manifest that proves what is in it."""

from projections.books.exporting.manifest import (
    AccountTotal,
    Cover,
    ExportDiffers,
    Manifest,
    digest_of,
    manifest_file,
    verify_export,
)
from projections.books.exporting.months import export_month
from projections.books.exporting.writing import FORMATS, export_journal

__all__ = [
    "FORMATS",
    "AccountTotal",
    "Cover",
    "ExportDiffers",
    "Manifest",
    "digest_of",
    "export_journal",
    "export_month",
    "manifest_file",
    "verify_export",
]
