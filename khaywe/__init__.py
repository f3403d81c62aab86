"""The composition root: settings, embedded PostgreSQL, logging, wiring, command line."""

from importlib.metadata import version

__version__ = version("khaywe")
