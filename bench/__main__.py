"""``python -m bench [group …]``: measure, and print one JSON line per figure."""

import json
import os
import platform
import sys

from bench import (
    asking,
    auditing,
    closing,
    dawdling,
    importing,
    keeping_time,
    looking_back,
    noise,
    overloading,
    posting,
    projecting,
    ruling,
    segmenting,
    serving,
    starting,
    streaming,
)
from bench.ledgers import settings_for, temporary_home
from khaywe.wiring import open_database

GROUPS = {
    "posting": posting.run,
    "http": serving.run,
    "ndjson": streaming.run,
    "overload": overloading.run,
    "slow": dawdling.run,
    "projections": projecting.run,
    "rules": ruling.run,
    "segments": segmenting.run,
    "jobs": keeping_time.run,
    "what-if": asking.run,
    "close": closing.run,
    "import": importing.run,
    "audit": auditing.run,
    "start": starting.run,
    "lookback": looking_back.run,
}
ON_REQUEST = {"agreement": segmenting.agree}
"""Not measured unless named: it takes a minute, and its figure is always 0."""

_DURABILITY = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")


def main() -> None:
    """Run the groups named, or all."""
    names = sys.argv[1:] or list(GROUPS)
    known = GROUPS | ON_REQUEST
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"There is no group {', '.join(unknown)}; there are: {', '.join(known)}.")
    sys.stdout.write(json.dumps(machine()) + "\n")
    noise.run()
    for name in names:
        known[name]()


def machine() -> dict[str, str]:
    """Tell what is measured on, and that nothing durable was switched off."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "cores": str(os.cpu_count())}
    with temporary_home() as home, open_database(settings_for(home)) as database, database.connect() as connection:
        for name in _DURABILITY:
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            found[name] = row[0] if row else ""
    return found


if __name__ == "__main__":
    main()
