"""How a figure is printed."""

import json
import sys


def figure(name: str, value: float, unit: str) -> None:
    """Print one figure as a line of JSON."""
    sys.stdout.write(json.dumps({"figure": name, "value": round(value, 3), "unit": unit}) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print what is going on, apart from the figures."""
    sys.stderr.write(f"# {text}\n")
    sys.stderr.flush()
