"""What analysts read: SQL views with names that stay, their dictionary, and files made of them."""

from projections.analytics.dictionary import Column, UnknownView, View, read_dictionary, read_view
from projections.analytics.exporting import ExportedView, ViewManifest, export_view, export_view_file

__all__ = [
    "Column",
    "ExportedView",
    "UnknownView",
    "View",
    "ViewManifest",
    "export_view",
    "export_view_file",
    "read_dictionary",
    "read_view",
]
