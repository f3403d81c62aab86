"""What is different between two terms of a program, and how it is said. Pure: JSON in, sentences out."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Struct

from rules.problems import below

_NAMED_BY = {
    "point_currencies": "code",
    "earn": "rule_id",
    "burn": "rule_id",
    "attributes": "name",
    "ladders": "code",
    "tiers": "code",
    "counters": "code",
    "transfers": "point_currency",
    "caps": "period",
    "any_of": "counter",
    "all_of": "counter",
}
"""Lists of things that have a name: a thing is the same as before if its name is, wherever it stands."""

_OPENED = frozenset({"returns", "holds", "warnings", "benefits"})
"""Objects in which every member is looked at by itself; all others are one value, like a rule."""

_SUBJECTS = {
    "point_currencies": "point currency {!r}",
    "earn": "earn rule {!r}",
    "burn": "burn rule {!r}",
    "attributes": "attribute {!r}",
    "ladders": "ladder {!r}",
    "tiers": "tier {!r}",
    "counters": "counter {!r}",
    "transfers": "the transfer rule for {!r}",
    "caps": "the cap per {}",
    "any_of": "the sufficient threshold of {!r}",
    "all_of": "the necessary threshold of {!r}",
}

_SHOWN = 80
"""Characters of a value that a sentence repeats."""

_canonical = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


class Difference(Struct, frozen=True):
    """One thing that is not as it was."""

    path: str
    """JSON pointer within the new terms; of what was removed, within the old ones."""
    kind: Literal["added", "removed", "changed", "reordered"]
    before: Any
    after: Any
    text: str


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """
    Return what is different, in the order of the new terms.

    Args:
        before: Terms as JSON; empty if there were none.
        after: Likewise.
    """
    return list(_of_objects(before, after, "", ()))


def _of_objects(
    before: dict[str, Any], after: dict[str, Any], at: str, subject: tuple[str, ...]
) -> Iterator[Difference]:
    for name in dict.fromkeys([*after, *before]):
        old, new, path = before.get(name), after.get(name), below(at, name)
        if _is_same(old, new):
            continue
        if name in _NAMED_BY and isinstance(old or new, dict | list):
            yield from _of_lists(name, old, new, path, subject)
        elif name in _OPENED:
            yield from _of_objects(old or {}, new or {}, path, (name, *subject))
        else:
            kind: Literal["added", "removed", "changed"] = "changed"
            if old is None or new is None:
                kind = "added" if old is None else "removed"
            yield Difference(path, kind, old, new, _told(name, old, new, subject))


def _of_lists(name: str, before: Any, after: Any, at: str, subject: tuple[str, ...]) -> Iterator[Difference]:
    old, new = _named(name, before, at), _named(name, after, at)
    for key, (item, path) in new.items():
        inner = (_SUBJECTS[name].format(key), *subject)
        if key in old:
            yield from _of_objects(old[key][0], item, path, inner)
        else:
            yield Difference(path, "added", None, item, f"{_sentence(inner)} is new{_gist(item)}.")
    for key, (item, path) in old.items():
        if key not in new:
            inner = (_SUBJECTS[name].format(key), *subject)
            yield Difference(path, "removed", item, None, f"{_sentence(inner)} is removed.")
    stayed = [key for key in old if key in new], [key for key in new if key in old]
    if stayed[0] != stayed[1]:
        text = f"{_sentence((f'the order of {_words(name)}', *subject))} is now: {', '.join(stayed[1])}."
        yield Difference(at, "reordered", *stayed, text)


def _named(name: str, written: Any, at: str) -> dict[str, tuple[dict[str, Any], str]]:
    """Return each thing with its pointer, by its name; one that is written alone is a list of one."""
    if written is None:
        return {}
    items = (
        [(one, f"{at}/{index}") for index, one in enumerate(written)] if isinstance(written, list) else [(written, at)]
    )
    field = _NAMED_BY[name]
    named: dict[str, tuple[dict[str, Any], str]] = {}
    for item, path in items:
        # A rule that has no name goes by the name of its list.
        key = str(item.get(field, name)) + (" of lines" if item.get("of") == "line" else "")
        named[key] = item, path
    return named


def _told(name: str, before: Any, after: Any, subject: tuple[str, ...]) -> str:  # noqa: PLR0911  # one for each kind
    of = _sentence(subject)
    match name:
        case "rule":
            return f"{of} calculates differently."
        case "condition" if before is None:
            return f"{of} applies only under a condition now."
        case "condition" if after is None:
            return f"{of} applies without a condition now."
        case "condition":
            return f"{of} applies under another condition."
        case "expiry" | "expiry_months" if subject:
            was, now = ("not set" if one is None else _shown(one) for one in (before, after))
            return f"Points of {subject[0]} lapse otherwise ({was} → {now}); points earned before keep their expiry."
        case "points" if subject and subject[0].startswith("the cap"):
            return f"{of} {_moved(before, after)} points."
        case "budget_points" | "min_points" | "at_least" if before is not None and after is not None:
            return f"{_sentence((_words(name), *subject))} {_moved(before, after)}."
        case _ if before is None:
            return f"{_sentence((_words(name), *subject))} is set to {_shown(after)}."
        case _ if after is None:
            return f"{_sentence((_words(name), *subject))} is not {_shown(before)} any more, but as by default."
        case _:
            return f"{_sentence((_words(name), *subject))} changes from {_shown(before)} to {_shown(after)}."


def _sentence(subject: tuple[str, ...]) -> str:
    text = " of ".join(_words(one) for one in subject)
    return text[:1].upper() + text[1:]


def _words(name: str) -> str:
    return name.replace("_", " ") if name.isidentifier() else name


def _gist(item: dict[str, Any]) -> str:
    for field, said in (("points", ": at most {} points"), ("min_points", ", from {} points"), ("at_least", ": {}")):
        if field in item:
            return said.format(item[field])
    return ""


def _moved(before: Any, after: Any) -> str:
    return f"{'rises' if Decimal(str(after)) > Decimal(str(before)) else 'falls'} from {before} to {after}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else _canonical(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _is_same(before: Any, after: Any) -> bool:
    return _canonical(before) == _canonical(after)
