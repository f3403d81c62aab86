"""Importing: the memory of a long file, and the demo."""

import os
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import figure, note
from bench.ledgers import enrol, purchase_lines, set_up_program, settings_for, temporary_home
from khaywe.wiring import open_database

PURCHASES = int(os.environ.get("KHAYWE_BENCH_IMPORT", "1000000"))
MEMBERS = 100_000

_PEAK = (
    "import resource, sys; from khaywe.cli import app\ntry: app(sys.argv[1:])\nexcept SystemExit as e: code = e.code\n"
)
_PEAK += "print('peak_kb', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def run() -> None:
    """Measure an import of many purchases of many members, and the demo from an empty folder."""
    with temporary_home() as home:
        with open_database(settings_for(home)) as database, database.poster() as poster:
            set_up_program(poster)
            enrol(database, poster, MEMBERS)
        file = home / "purchases.ndjson"
        with file.open("wb") as out:
            for line in purchase_lines(PURCHASES, MEMBERS):
                out.write(line + b"\n")
        started = time.perf_counter()
        peak_kb = khaywe(home, "import", "purchases", str(file), "--program", "bench")
        seconds = time.perf_counter() - started
    figure("import_peak_mb", peak_kb / 1024, "MB")
    note(f"{PURCHASES:,} purchases of {MEMBERS:,} members in {seconds:.1f} s, {PURCHASES / seconds:,.0f}/s")
    with temporary_home() as home:
        khaywe(home, "init")
        started = time.perf_counter()
        khaywe(home, "demo")
        figure("demo_import_s", time.perf_counter() - started, "s")


def khaywe(home: Path, *arguments: str) -> int:
    """Run the command line in a process of its own, and return its peak memory in KiB."""
    environment = os.environ | {"KHAYWE_HOME": str(home), "KHAYWE_DATABASE_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return int(done.stdout.split("peak_kb")[1])
