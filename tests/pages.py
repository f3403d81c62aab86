"""
Pages of the documentation as a person walks them: every command is run, and prints what the page says.

In a block of the kind ``console`` a line that begins with ``$ `` is a command; it goes on in lines that begin with
``> ``. What follows is its output, in which ``…`` stands for text that differs from run to run, and a line of nothing
else for any number of lines. All commands of a page run in one shell, in an empty folder.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

DOCS = Path(__file__).parents[1] / "docs"

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_END = "__the_command_ended__"


class Step(NamedTuple):
    """A command, and what the page says that it prints."""

    command: str
    expected: list[str]


def steps_of(page: str) -> Iterator[Step]:
    """
    Give the steps of a page.

    Args:
        page: Its path below the documentation.
    """
    for block in _BLOCK.findall((DOCS / page).read_text()):
        command, expected = "", list[str]()
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield Step(command, expected)
                command, expected = line[2:], []
            elif line.startswith("> ") and not expected:
                command += "\n" + line[2:]
            else:
                expected.append(line)
        yield Step(command, expected)


def walk(page: str, server: str, environ: Mapping[str, str], folder: Path) -> int:
    """
    Run every command of a page, and compare what it prints with what the page says.

    Args:
        page: Its path below the documentation.
        server: Host and port of the one that the page calls ``localhost:8000``.
        environ: For the shell, besides what the tests' own has.
        folder: Where to begin.

    Returns:
        How many commands there were.
    """
    programs = str(Path(sys.executable).parent)
    paths = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    count = 0
    with TemporaryFile("w+") as logged:
        shell = subprocess.Popen(
            ["bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=logged,
            cwd=folder,
            env=os.environ | paths | environ,
            text=True,
        )
        with shell:
            for step in steps_of(page):
                told, code = _run(shell, step.command.replace("localhost:8000", server))
                if code or not _pattern(step.expected).fullmatch(told):
                    logged.seek(0)
                    said = "\n".join(step.expected)
                    raise AssertionError(
                        f"$ {step.command}\n{told}\n--- ended with {code}; the page says\n{said}\n"
                        f"--- on standard error\n{logged.read()[-2000:]}"
                    )
                count += 1
            shell.communicate()
    return count


def _run(shell: "subprocess.Popen[str]", command: str) -> tuple[str, int]:
    assert shell.stdin
    assert shell.stdout
    shell.stdin.write(f"{command}\nprintf '\\n{_END} %s\\n' $?\n")
    shell.stdin.flush()
    printed = []
    for line in shell.stdout:
        if line.startswith(_END):
            break
        printed.append(line.rstrip())
    else:
        raise AssertionError(f"The shell ended with: {command}")
    # Where a bar was shown and taken away again, an empty line is left.
    return "\n".join(printed).strip("\n"), int(line.split()[1])


def _pattern(expected: list[str]) -> re.Pattern[str]:
    while expected and not expected[-1]:
        expected.pop()
    parts = []
    for line in expected:
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(map(re.escape, line.rstrip().split("…"))) + r"\n")
    return re.compile("".join(parts).removesuffix(r"\n") + (r"\n?" if parts else ""))
