"""Overload: three times as many posts as the server can do, sent whatever it answers, and what remains of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.figures import figure, note
from bench.ledgers import PROGRAM_ID, enrol, set_up_program, settings_for, temporary_home
from bench.serving import MEMBERS, PURCHASE, load, serving
from khaywe.wiring import Database, open_database

TIMES = 3
SECONDS = 8.0
CALM_RATE = 300
NORMAL_TIMES, NORMAL_P99_MS = 3, 50.0
"""Normal again is a p99 of this many times that of the calm before, and no less than what would not be noticed."""
STAYS_S = 2.0
CONNECTIONS = 3_000
"""More than the server works on at once, so that it has to say no."""


def run() -> None:
    """Find out what it can do, ask three times that of it, and then little."""
    with temporary_home() as home:
        with open_database(settings_for(home)) as database, database.poster() as poster:
            set_up_program(poster)
            enrol(database, poster, MEMBERS)
        with serving(home) as (port, key, _):
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            post = {"method": "POST", "path": f"/v1/programs/{PROGRAM_ID}/purchases", "body": PURCHASE}
            load(port, headers, post, seconds=2, first=10_000_000)
            possible = load(port, headers, post, seconds=4, first=20_000_000)["per_s"]
            phases = [(CALM_RATE, 2.0), (TIMES * possible, SECONDS), (CALM_RATE, 10.0)]
            flooded = flood(port, headers, post, phases, first=30_000_000)
        with open_database(settings_for(home)) as database:
            stored = stored_numbers(database, 30_000_000)
    report(flooded, stored, possible)


def report(flooded: dict[str, Any], stored: list[int], possible: float) -> None:
    """Print the figures."""
    acknowledged = set(flooded["acknowledged"])
    seconds = flooded["seconds"]
    answered = flooded["accepted_count"] + flooded["refused_count"]
    note(f"possible: {possible:,.0f}/s; asked and answered: {answered / seconds:,.0f}/s; {flooded['statuses']}")
    figure("overload_asked_vs_possible", answered / seconds / possible, "ratio")
    figure("overload_accepted_per_s", flooded["accepted_count"] / seconds, "requests/s")
    figure("overload_accepted_p99_ms", flooded["accepted_p99_ms"], "ms")
    figure("overload_refused_per_s", flooded["refused_count"] / seconds, "requests/s")
    figure("overload_refused_p99_ms", flooded["refused_p99_ms"], "ms")
    other = sum(
        count for status, count in flooded["statuses"].items() if status not in {"accepted", "refused", "not sent"}
    )
    figure("overload_neither_answered_nor_refused", other, "requests")
    figure("overload_acknowledged_not_stored", len(acknowledged - set(stored)), "purchases")
    figure("overload_stored_twice", len(stored) - len(set(stored)), "purchases")
    figure("overload_stored_not_acknowledged", len(set(stored) - acknowledged), "purchases")
    figure("overload_recovery_s", recovery_s(flooded), "s")


def recovery_s(flooded: dict[str, Any]) -> float:
    """Return after how long the p99 of each half second was normal, and stayed so for two seconds."""
    normal_ms = max(NORMAL_P99_MS, NORMAL_TIMES * flooded["calm_p99_ms"])
    note(f"calm p99: {flooded['calm_p99_ms']:.0f} ms; afterwards {flooded['afterwards']}")
    recovered_s = 0.0
    for at, p99_ms in flooded["afterwards"]:
        if at - recovered_s > STAYS_S:
            break
        if p99_ms > normal_ms:
            recovered_s = at
    return recovered_s


def flood(  # noqa: PLR0917  # an order has as many parts
    port: int,
    headers: dict[str, str],
    what: dict[str, str],
    phases: list[tuple[float, float]],
    first: int,
    connections: int = CONNECTIONS,
) -> dict[str, Any]:
    """Let the flood loose, in a process of its own."""
    order = what | {
        "host": "127.0.0.1",
        "port": port,
        "headers": headers,
        "members": MEMBERS,
        "first": first,
        "connections": connections,
        "phases": phases,
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.flood"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def stored_numbers(database: Database, first: int) -> list[int]:
    """Return the numbers of the purchases in the ledger, from one on."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT substr(state ->> 'transaction_id', 2)::bigint FROM ledger.event_log "
            "WHERE topic = 'account.purchase_posted.v1' AND substr(state ->> 'transaction_id', 2)::bigint > %s",
            (first,),
        ).fetchall()
    return [number for (number,) in rows]
