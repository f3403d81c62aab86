"""``khaywe program``: to a file, and from a file."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from khaywe.cli import app
from tests.conftest import NewDatabase
from tests.databases import temporary_home
from tests.programs import publish_program

Khaywe = Callable[..., tuple[int, str, str]]


@pytest.fixture
def khaywe(new_database: NewDatabase) -> Iterator[Khaywe]:
    """Provide the command line on a ledger with a published program, and the address of the ledger."""
    database = new_database(1)
    with database.poster() as poster:
        publish_program(poster)
    with temporary_home() as home:

        def run(*arguments: str) -> tuple[int, str, str]:
            environ = {"KHAYWE_DATABASE_URL": database.owner_url, "KHAYWE_HOME": str(home)}
            with capture_logs():
                result = CliRunner().invoke(app, ["program", *arguments], env=environ)
            return result.exit_code, result.stdout, result.stderr

        yield run


def test_a_program_goes_through_a_file(khaywe: Khaywe, tmp_path: Path) -> None:
    """Exported, imported under another id and published; imported and published again, nothing changes."""
    code, text, _ = khaywe("export", "tested")
    assert code == 0
    file = tmp_path / "program.json"
    file.write_text(text)
    code, told, _ = khaywe("import", str(file), "--as", "copy", "--publish")
    assert (code, told.splitlines()) == (
        0,
        ["Took the terms in force, and created 'copy'.", "Published version 1, in force from now on."],
    )
    copied, original = json.loads(khaywe("export", "copy")[1]), json.loads(text)
    assert copied["in_force"]["terms"] == original["in_force"]["terms"]
    assert [one["status"] for one in json.loads(khaywe("export", "copy", "--versions-all")[1])["versions"]] == [
        "in_force"
    ]
    code, told, _ = khaywe("import", str(file), "--as", "copy", "--publish")
    assert (code, told) == (0, "Nothing to do: the same terms are in force in 'copy'.\n")
    code, told, _ = khaywe("import", str(file), "--as", "copy")
    assert (code, told) == (0, "Took the terms in force, and replaced the draft of 'copy'.\n")
    code, told, _ = khaywe("import", str(file), "--as", "copy")
    assert (code, told) == (0, "The draft of 'copy' was the same already.\n")


def test_what_cannot_be_done_is_told_plainly(khaywe: Khaywe, tmp_path: Path) -> None:
    """In a line on standard error; problems of rules each in a line, with exit code 2."""
    assert khaywe("export", "nothing") == (1, "", "khaywe: There is no program 'nothing'.\n")
    assert khaywe("import", str(tmp_path / "none.json"))[0] == 1
    document = json.loads(khaywe("export", "tested")[1])
    del document["content_hash"]
    document["in_force"]["terms"]["earn"]["rule"] = {"nope": []}
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(document))
    code, _, told = khaywe("import", str(file), "--as", "copy")
    assert (code, told.split()[:3]) == (2, ["unknown_operator", "at", "/in_force/terms/earn/rule/nope:"])
    assert khaywe("export", "copy")[0] == 1
    document["program"]["program_id"] = "No Good"
    file.write_text(json.dumps(document))
    assert khaywe("import", str(file))[0] == 1
    assert khaywe("import", str(file), "--as", "No Good")[0] == 1
