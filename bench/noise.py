"""What the machine does to everybody: how evenly it runs one and the same piece of work when nothing else runs."""

import time

from bench.figures import note

SECONDS = 5.0


def run() -> None:
    """Note how long a piece of work takes: in the middle, once in a hundred and once in a thousand times."""
    taken: list[float] = []
    ends = time.perf_counter() + SECONDS
    while time.perf_counter() < ends:
        started = time.perf_counter()
        _work()
        taken.append(time.perf_counter() - started)
    taken.sort()
    median, once_in_100, once_in_1000 = (taken[int(len(taken) * share)] * 1000 for share in (0.5, 0.99, 0.999))
    note(
        f"machine: the same work takes {median:.2f} ms, once in a hundred times {once_in_100:.2f}, "
        f"once in a thousand {once_in_1000:.2f}"
    )


def _work() -> None:
    # Small objects and a dictionary: what the engine does all day.
    found = {}
    for number in range(2_000):
        text = str(number)
        found[text] = (number, text)
