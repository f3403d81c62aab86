"""Every refusal there is has a status, a slug of its own, a title, and a section in the documentation."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import api
import ledger
import rules
from api.problems import STATUS, problem
from ledger.errors import LedgerError

DOCUMENTED = Path(__file__).parents[3] / "docs" / "errors.md"


def refusals(base: type[LedgerError] = LedgerError) -> Iterator[type[LedgerError]]:
    """Give every subclass, after importing everything that may define one."""
    for package in (ledger, rules, api):
        import_all(package)
    for found in base.__subclasses__():
        yield found
        yield from refusals(found)


def import_all(package: ModuleType) -> None:
    """Import every module of a package."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


def test_the_table_of_statuses_is_total() -> None:
    """No refusal can reach HTTP without a status."""
    assert set(refusals()) == set(STATUS)


def test_slugs_are_unique() -> None:
    """A slug names one refusal, for ever."""
    slugs = [refusal.slug for refusal in STATUS]
    assert len(slugs) == len(set(slugs))
    assert LedgerError.slug not in slugs


def test_every_title_is_a_sentence_of_its_own() -> None:
    """The title comes from the docstring's first line, without the full stop."""
    titles = [refusal.title() for refusal in STATUS]
    assert len(titles) == len(set(titles))
    assert all(title and not title.endswith(".") for title in titles)


def test_every_slug_is_documented() -> None:
    """docs/errors.md has a section for each slug."""
    headings = DOCUMENTED.read_text("utf-8").splitlines()
    missing = [refusal.slug for refusal in STATUS if f"### {refusal.slug}" not in headings]
    assert missing == []


def test_a_problem_carries_its_members() -> None:
    """Pointer, instance and further facts stand beside the standard fields."""
    refusal = next(iter(STATUS))("What was wrong.", pointer="/amount", minor_digits=2)
    rendered = problem(refusal, "/v1/x")
    assert rendered["type"].endswith(refusal.slug)
    assert (rendered["detail"], rendered["pointer"], rendered["instance"]) == ("What was wrong.", "/amount", "/v1/x")
    assert rendered["minor_digits"] == 2
