"""``python -m khaywe`` is the same as ``khaywe``."""

from khaywe.cli import app

app()
