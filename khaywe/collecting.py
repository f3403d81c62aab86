"""Python's garbage collector, set for processes that post."""

import gc


def calm_collector() -> None:
    """
    Let the collector look for cycles far more rarely.

    A batch makes tens of thousands of objects that are freed by their reference counts, and account states live long
    and hold no cycles; with the defaults a sixth of a bulk import's time went into looking through them in vain.
    What exists when this is called is never looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
