"""
The dictionary of the views for analysts, as docs/analytics.md has it.

Run ``.venv/bin/python -m tests.dictionary`` after changing a comment or a view: it writes the dictionary anew.
"""

from collections.abc import Sequence
from pathlib import Path

import psycopg

from projections.analytics import View, read_dictionary
from tests.databases import Databases, temporary_server

FILE = Path(__file__).parents[1] / "docs" / "analytics.md"
BEGIN = "<!-- The dictionary: made of the comments in the database by `.venv/bin/python -m tests.dictionary` -->\n"


def spelled(views: Sequence[View]) -> str:
    """Return the dictionary as Markdown."""
    parts = []
    for view in views:
        lines = [
            f"\n### analytics.{view.name}\n",
            f"{view.description}\n",
            "| column | type | meaning |",
            "|---|---|---|",
        ]
        lines += [f"| `{column.name}` | {column.type} | {column.description} |" for column in view.columns]
        parts.append("\n".join(lines) + "\n")
    return BEGIN + "".join(parts)


def written() -> str:
    """Return the dictionary as it is in the documentation."""
    text = FILE.read_text("utf-8")
    return text[text.index(BEGIN) :]


def main() -> None:
    """Write it anew."""
    with temporary_server() as server, psycopg.connect(Databases(server).create().owner_url) as connection:
        text = FILE.read_text("utf-8")
        FILE.write_text(text[: text.index(BEGIN)] + spelled(read_dictionary(connection)), "utf-8")


if __name__ == "__main__":
    main()
