"""
The schema that the migrations yield, as one readable text.

Run ``.venv/bin/python -m tests.schema`` after adding a migration: it writes ``migrations/schema.sql`` anew.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import migrations
from khaywe.embedded._binaries import programs_folder
from tests.databases import Databases, temporary_server

FILE = Path(migrations.__file__).with_name("schema.sql")

_HEADER = """\
-- The schema as it is after every migration, to be read: nobody runs this file. It does not say why; the migrations do.
-- Made by `.venv/bin/python -m tests.schema`; a test compares it with what the migrations yield. The roles khaywe_app
-- and khaywe_read belong to the whole server, and are made by the first migration.

-- Functions stand before the tables and functions that they read.
SET check_function_bodies = off;
"""

_ENTRY = re.compile(r"^-- Name: ([^\n;]*); Type: ([^\n;]*); [^\n]*\n--\n\n(.*?)\n\n\n", re.MULTILINE | re.DOTALL)
_PLAINER = (
    ("timestamp with time zone", "timestamptz"),
    ("integer", "int"),
    (' COLLATE pg_catalog."C"', ' COLLATE "C"'),
    ('"position"', "position"),
    ("ONLY ", ""),
)

_AT_THE_END = "FK CONSTRAINT"


class _Entry(NamedTuple):
    name: str
    """Of what it makes; what belongs to a table has the table's name before its own."""
    kind: str
    sql: str

    @property
    def about(self) -> str:
        """The table, view, function or schema that this is about, without arguments."""
        found = re.search(r"^COMMENT ON COLUMN ([a-z_\d]+\.[a-z_\d]+)\.", self.sql) or re.search(
            r"(?:TABLE|VIEW|FUNCTION|SCHEMA|ON) (?:ONLY )?([a-z_.\d]+)", self.sql
        )
        assert found, self.sql
        return found[1]


def dump(url: str) -> str:
    """Return everything in a database but its rows, in an order that depends on nothing else."""
    program = str(programs_folder() / "pg_dump")
    command = [program, "--schema-only", "--no-owner", "--exclude-schema=migrations", url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def readable(dumped: str) -> str:
    """Return a dump with all that belongs to a table in one place, and without what a reader can do without."""
    for verbose, plain in _PLAINER:
        dumped = dumped.replace(verbose, plain)
    entries = [_Entry(*match.groups()) for match in _ENTRY.finditer(dumped.replace("\n-- PostgreSQL", "\n\n-- "))]
    made = [entry for entry in entries if entry.kind in {"SCHEMA", "FUNCTION", "TABLE", "VIEW"}]
    parts = [_HEADER.rstrip()]
    for entry in made:
        belonging = [other for other in entries if other not in made and other.about == entry.about]
        parts.append("\n".join(_statements(entry, [other for other in belonging if other.kind != _AT_THE_END])))
    parts += [_flat(entry.sql) for entry in entries if entry.kind == _AT_THE_END]
    return "\n\n".join(parts) + "\n"


def _statements(entry: _Entry, belonging: list[_Entry]) -> Iterator[str]:
    """Keys go into the table they are keys of; the rest follows it."""
    keys = [other for other in belonging if other.kind == "CONSTRAINT"]
    body = entry.sql.lstrip("\n")
    for key in keys:
        _, _, constraint = key.sql.partition("ADD ")
        body = re.sub(r"\n\)(?=\n|;)", f",\n    {constraint.removesuffix(';')}\n)", body, count=1)
    yield body
    for other in belonging:
        if other not in keys:
            yield _flat(other.sql)


def _flat(sql: str) -> str:
    return re.sub(r"\n\s+", " ", sql)


def main() -> None:
    """Write the file."""
    with temporary_server() as server:
        FILE.write_text(readable(dump(Databases(server).create().owner_url)), "utf-8")


if __name__ == "__main__":
    main()
