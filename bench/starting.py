"""How soon ``khaywe serve`` can work, on a data folder with something in it."""

import time

from bench.figures import figure
from bench.ledgers import enrol, set_up_program, settings_for, temporary_home
from bench.serving import serving
from khaywe.wiring import open_database


def run() -> None:
    """Measure from the command to the first good answer of /health/ready; the median of three."""
    with temporary_home() as home:
        with open_database(settings_for(home)) as database, database.poster() as poster:
            set_up_program(poster)
            enrol(database, poster, 20_000)
        taken = []
        for _ in range(3):
            with serving(home) as (_, _, ready_s):
                taken.append(ready_s)
            time.sleep(0.5)
    figure("start_s", sorted(taken)[1], "s")
