"""The command line: everything an operator does."""

from khaywe.cli.main import app

__all__ = ["app"]
