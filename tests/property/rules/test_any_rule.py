"""Rules put together blindly: each is refused, or it runs on any facts and yields what its kind says."""

import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rules import InvalidRule, Rule, compile_rule, parse
from rules.catalog import Catalog, ResultType
from rules.explain import explain
from rules.operators import OPERATORS
from tests.property.rules.test_oracles import WITH_LINES, rows_of
from tests.ruling.written import written

KINDS: dict[ResultType, type] = {"number": Decimal, "bool": bool, "str": str, "list": tuple, "date": date}
MOODS: list[tuple[list[str], list[Any]]] = [
    (["revenue", "visits", "points", "amount", "accumulator", "current.amount", ""], [0, 1, Decimal("2.5"), None]),
    (["country", "tier", "category", "", "current", "accumulator"], ["", "gold", "x", None]),
    (["since", "current", ""], ["2026-01-02", None, "2026-01-05"]),
    (["lines", "tags", "agrees", "", "returned", "discount", "current"], [True, "x", 3, None, False]),
]
COUNT = 2_500
EVERY_MOOD = ([name for names, _ in MOODS for name in names], [value for _, values in MOODS for value in values])


class Blindly:
    """Puts rules together without regard to types, but for a mood that makes them agree now and then."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.names, self.literals = chance.choice([*MOODS, EVERY_MOOD])

    def node(self, depth: int) -> Any:
        """Return something that may or may not be a rule."""
        if depth == 0 or self.chance.random() < 0.25:
            name = self.chance.choice(self.names)
            default = [{"var": [name, self.chance.choice(self.literals)]}]
            return self.chance.choice([{"var": name}, {"var": name}, self.chance.choice(self.literals), *default])
        operator = self.chance.choice(list(OPERATORS.values()))
        count = self.chance.choice([count for count in operator.arity if count < 5])
        if operator.name.startswith("missing"):
            return {"missing": [self.chance.choice(self.names) for _ in range(2)]}
        arguments = [self.node(depth - 1) for _ in range(count)]
        for index in operator.written_lists:
            if index < count and self.chance.random() < 0.8:
                arguments[index] = self.listed(depth - 1)
        return {operator.name: arguments}

    def listed(self, depth: int) -> Any:
        """Return a list, of whatever kind."""
        written_one = [self.chance.choice(self.literals) for _ in range(self.chance.randint(0, 3))]
        mapped = {"map": [{"var": "lines"}, self.node(min(depth, 1))]}
        return self.chance.choice([{"var": "lines"}, {"var": "tags"}, written_one, mapped, {"merge": [written_one, 1]}])


def accepted(text: str) -> tuple[ResultType, Rule] | None:
    """Return what a text yields as a rule, and the rule; None if it is none."""
    for wanted in KINDS:
        known: Catalog = WITH_LINES.yielding(wanted)
        try:
            return wanted, parse(text, known)
        except InvalidRule as refusal:
            if [problem.code for problem in refusal.problems] != ["result_type"]:
                return None
    return None


@pytest.mark.parametrize("seed", range(4))
def test_what_is_accepted_runs_and_yields_what_it_says(seed: int) -> None:
    """Plain and traced alike, however much is absent."""
    chance = random.Random(seed)
    rows = rows_of(WITH_LINES, 8, seed, absent=0.4)
    tried = 0
    for _ in range(COUNT):
        found = accepted(written(Blindly(chance).node(chance.randint(1, 4))))
        if found is None:
            continue
        tried += 1
        wanted, rule = found
        evaluate = compile_rule(rule)
        for row in rows:
            value = evaluate(row)
            assert value == explain(rule, row).result
            assert isinstance(value, KINDS[wanted]) or (value is None and rule.root.kind.nullable), rule.text
    assert tried > COUNT / 20
