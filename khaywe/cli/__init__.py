"""The command line: everything an operator does."""

from khaywe.cli import commands  # registers them
from khaywe.cli.app import app

__all__ = ["app", "commands"]
