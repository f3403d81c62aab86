"""Whether the rules of a program's terms can be saved."""

from collections.abc import Iterator

from msgspec.structs import replace

from ledger.program.consistency import placed
from ledger.program.terms import Terms
from rules.catalog import Catalog
from rules.parse import parse
from rules.pricing.catalogs import program_catalogs
from rules.problems import InvalidRule, RuleProblem


def check_rules(terms: Terms, currency: str, at: str) -> None:
    """
    Check every rule of a program's terms against what it can read.

    Args:
        terms: Consistent in themselves.
        currency: ISO 4217 code of the program's money.
        at: JSON pointer of the terms in what was sent.

    Raises:
        InvalidRule: Names every problem of every rule, with its pointer in what was sent.
    """
    problems = [
        replace(problem, pointer=f"{pointer}{problem.pointer}")
        for text, known, pointer in _rules(terms, currency, at)
        for problem in _problems(text, known)
    ]
    if problems:
        raise InvalidRule(problems)


def rule_warnings(terms: Terms, currency: str, at: str) -> list[RuleProblem]:
    """Return what the author of rules that can be saved may not have meant; see `check_rules`."""
    return [
        replace(warning, pointer=f"{pointer}{warning.pointer}")
        for text, known, pointer in _rules(terms, currency, at)
        for warning in parse(text, known).warnings
    ]


def _rules(terms: Terms, currency: str, at: str) -> Iterator[tuple[str, Catalog, str]]:
    catalogs = program_catalogs(terms, currency)
    for rule, pointer in placed(terms.earn, f"{at}/earn"):
        known = catalogs.of(rule)
        if rule.condition is not None:
            yield rule.condition, known.yielding("bool"), f"{pointer}/condition"
        yield rule.rule, known, f"{pointer}/rule"
    for burn, pointer in placed(terms.burn, f"{at}/burn"):
        if burn.condition is not None:
            yield burn.condition, catalogs.burn.yielding("bool"), f"{pointer}/condition"
        yield burn.rule, catalogs.burn, f"{pointer}/rule"


def _problems(text: str, known: Catalog) -> tuple[RuleProblem, ...]:
    try:
        parse(text, known)
    except InvalidRule as refusal:
        return refusal.problems
    return ()
