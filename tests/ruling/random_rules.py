"""
Random rules over a catalog, typed so that they are accepted, and random facts for them.

Everything is drawn from one seed. Numbers are quarters and are multiplied and divided by powers of two only, so that
binary floats calculate them exactly too: what differs from another engine is then a difference of meaning.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from rules import InvalidRule, Rule, Variable, parse
from rules.catalog import Catalog, ResultType
from tests.ruling.written import written

WORDS = ("", "0", "gold", "silver", "old", "Gold", "é", "vip")
FIRST_DAY = date(2026, 1, 1)
ANY_UNIT = "any"


def random_rules(catalog: Catalog, count: int, seed: int, *, for_ledger: bool = False) -> Iterator[Rule]:
    """
    Give rules that pass every check.

    Args:
        catalog: Whose variables they read; what it yields does not matter.
        count: How many.
        seed: The same seed, the same rules.
        for_ledger: With operators of lists, over the catalog's lists of objects.
    """
    given = 0
    maker = RandomRules(catalog, random.Random(seed), for_ledger=for_ledger)
    while given < count:
        source, yields = maker.rule()
        try:
            rule = parse(written(source), catalog.yielding(yields))
        except InvalidRule as refusal:
            # Whether absence is a trap only the whole rule tells; anything else is a mistake of this file.
            if {problem.code for problem in refusal.problems} != {"null_unsafe"}:
                raise
        else:
            given += 1
            yield rule


def random_facts(variables: Sequence[Variable], chance: random.Random, *, absent: float = 0.3) -> dict[str, Any]:
    """Return facts of one row, each nullable one absent with that probability."""
    given = {}
    for one in variables:
        if not (one.nullable and chance.random() < absent):
            given[one.name] = _fact(one, chance, absent)
    return given


def _fact(variable: Variable, chance: random.Random, absent: float) -> Any:
    makers: dict[str, Callable[[], Any]] = {
        "decimal": lambda: Decimal(chance.randint(-40, 400)) / 4,
        "int": lambda: chance.choice([0, 1, 2, 4]),
        "bool": lambda: chance.random() < 0.5,
        "str": lambda: chance.choice(variable.enum or WORDS),
        "date": lambda: FIRST_DAY + timedelta(chance.randint(0, 6)),
        "list[str]": lambda: chance.choices(WORDS, k=chance.randint(0, 3)),
        "list[object]": lambda: [
            random_facts(variable.fields, chance, absent=absent) for _ in range(chance.randint(0, 4))
        ],
    }
    return makers[variable.type]()


class RandomRules:
    """Makes rules; each method one of a type, at most as deep as it is told."""

    def __init__(self, catalog: Catalog, chance: random.Random, *, for_ledger: bool = False) -> None:
        self.chance = chance
        self.lists = [one for one in catalog.variables.values() if one.type == "list[object]"] if for_ledger else []
        self.read = {one.name: one for one in catalog.variables.values() if one.type != "list[object]"}

    def rule(self, depth: int = 4) -> tuple[Any, ResultType]:
        """Return a rule and what it yields."""
        yields = self.chance.choice(["bool", "bool", "number", "str"])
        made = {"bool": self.truth, "number": self.number, "str": self.text}[yields](depth)
        return made, yields  # type: ignore[return-value]

    def pick(self, *makers: Callable[[], Any]) -> Any:
        """Make one of several things."""
        return self.chance.choice(makers)()

    def variable(self, types: str, unit: str | None = None) -> Any:
        """Return a variable of one of some types, or None if there is none of the unit."""
        fitting = [one for one in self.read.values() if one.type in types.split() and not one.enum]
        fitting = [one for one in fitting if unit in (None, ANY_UNIT, one.unit)]
        return {"var": self.chance.choice(fitting).name} if fitting else None

    # Numbers

    def unit(self) -> str:
        """Choose what is measured."""
        return self.chance.choice([one.unit for one in self.read.values() if one.type in {"decimal", "int"}])

    def literal(self) -> Any:
        """Return a number as rules write them."""
        return self.chance.choice([0, 1, -1, 2, 10, Decimal("0.25"), Decimal("12.50"), 100])

    def number(self, depth: int, unit: str | None = None) -> Any:
        """Return a number of a unit."""
        unit = unit or self.unit()
        if depth == 0:
            return self.pick(self.literal, lambda: self.measured(unit), lambda: self.measured(unit))
        makers = [self.added, self.scaled, self.divided, self.rest, self.chosen_number, self.measured_at]
        if self.lists:
            makers.append(self.summed)
        return self.chance.choice(makers)(depth - 1, unit)

    def measured(self, unit: str) -> Any:
        """Return a variable of a unit, perhaps with what counts instead."""
        found = self.variable("decimal int", unit)
        if found is None:
            return self.literal()
        is_nullable = self.read[found["var"]].nullable
        return {"var": [found["var"], self.literal()]} if is_nullable and self.chance.random() < 0.6 else found

    def measured_at(self, _: int, unit: str) -> Any:
        """Return a variable, as every other maker is called."""
        return self.measured(unit)

    def added(self, depth: int, unit: str) -> Any:
        """Return a sum, a difference, or the least or greatest."""
        name = self.chance.choice(["+", "-", "min", "max"])
        count = self.chance.randint(1, 2 if name == "-" else 3)
        return {name: [self.number(depth, unit) for _ in range(count)]}

    def scaled(self, depth: int, unit: str) -> Any:
        """Return a multiple."""
        return {"*": [self.number(depth, unit), self.chance.choice([2, 4, Decimal("0.5"), -1])]}

    def divided(self, depth: int, unit: str) -> Any:
        """Return a fraction; a variable that divides may be 0."""
        divisor = self.variable("int", "none") if self.chance.random() < 0.4 else None
        return {"/": [self.number(depth, unit), divisor or self.chance.choice([2, Decimal("0.5"), -4])]}

    def rest(self, _: int, unit: str) -> Any:
        """Return what a division of whole numbers leaves."""
        whole = self.variable("int", unit)
        return {"%": [whole, self.chance.choice([2, 3, -3])]} if whole else self.measured(unit)

    def chosen_number(self, depth: int, unit: str) -> Any:
        """Return one of several numbers."""
        return self.chosen(depth, lambda below: self.number(below, unit))

    # Truth

    def truth(self, depth: int) -> Any:
        """Return something true or false."""
        if depth == 0:
            return self.variable("bool") if self.chance.random() < 0.8 else self.chance.random() < 0.5
        makers = [self.joined, self.joined, self.turned, self.ordered, self.ordered, self.equated, self.dated]
        makers += [
            self.contained,
            self.one_of_few,
            self.begun,
            self.lacking,
            lambda below: self.chosen(below, self.truth),
        ]
        if self.lists:
            makers += [self.tested, self.tested]
        return self.chance.choice(makers)(depth - 1)

    def joined(self, depth: int) -> Any:
        """Return conditions that are all asked for, or one of which is enough."""
        count = self.chance.randint(1, 4)
        return {self.chance.choice(["and", "or"]): [self.truth(depth) for _ in range(count)]}

    def turned(self, depth: int) -> Any:
        """Return the truth of something, or the opposite."""
        return {self.chance.choice(["!", "!!"]): [self.anything(depth)]}

    def ordered(self, depth: int) -> Any:
        """Return a comparison of two or three numbers."""
        unit = self.unit()
        name, count = self.chance.choice([("<", 2), ("<=", 2), (">", 2), (">=", 2), ("<", 3), ("<=", 3)])
        return {name: [self.number(depth, unit) for _ in range(count)]}

    def dated(self, _: int) -> Any:
        """Return a comparison of a date with one or two that are written."""
        found, days = self.variable("date"), sorted(self.day() for _ in range(2))
        if found is None:
            return self.truth(0)
        name = self.chance.choice(["<", "<=", ">", ">=", "==", "!="])
        if name in {"<", "<="} and self.chance.random() < 0.5:
            return {name: [days[0], found, days[1]]}
        return {name: self.chance.choice([[found, days[0]], [days[0], found]])}

    def day(self) -> str:
        """Return a date as rules write them."""
        return (FIRST_DAY + timedelta(self.chance.randint(0, 6))).isoformat()

    def equated(self, depth: int) -> Any:
        """Return whether two values of a type are equal, or one is absent."""
        unit = self.unit()
        pair = self.pick(
            lambda: [self.number(depth, unit), self.number(depth, unit)],
            lambda: [self.text(depth), self.text(depth)],
            lambda: [self.truth(depth), self.truth(depth)],
            lambda: [self.anything(depth), None],
        )
        return {self.chance.choice(["==", "!=", "===", "!=="]): pair}

    def contained(self, depth: int) -> Any:
        """Return whether something is in a list or a text."""
        in_tags = self.variable("list[str]")
        pairs: list[list[Any]] = [
            [self.number(depth, "none"), [self.literal() for _ in range(3)]],
            [self.text(depth), [*self.chance.sample(WORDS, 3), *self.chance.choice([[], [None]])]],
            [self.word(), self.text(depth)],
            [self.text(depth), self.text(depth)],
        ]
        if in_tags:
            pairs += [[self.word(), in_tags], [self.text(depth), in_tags]]
        return {"in": self.chance.choice(pairs)}

    def one_of_few(self, _: int) -> Any:
        """Return whether a variable of few texts has one of them."""
        fitting = [one for one in self.read.values() if one.enum]
        if not fitting:
            return self.truth(0)
        found = self.chance.choice(fitting)
        word, asked = self.chance.choice(found.enum), {"var": found.name}
        return self.chance.choice([{"==": [asked, word]}, {"!=": [word, asked]}, {"in": [asked, [word, None]]}])

    def begun(self, depth: int) -> Any:
        """Return whether a text begins or ends with another."""
        return {
            self.chance.choice(["startsWith", "endsWith"]): [
                self.text(depth),
                self.pick(self.word, lambda: self.text(depth)),
            ]
        }

    def lacking(self, _: int) -> Any:
        """Return whether any of some variables is absent; a list never is, it is empty."""
        names = [one.name for one in self.read.values() if not one.type.startswith("list") and one.name]
        asked = self.chance.sample(names, min(3, len(names)))
        if not asked:
            return self.truth(0)
        return {"!!": [self.chance.choice([{"missing": asked}, {"missing_some": [1, asked]}])]}

    # Texts, and whatever

    def word(self) -> str:
        """Return a text that is not empty."""
        return self.chance.choice(WORDS[1:])

    def text(self, depth: int) -> Any:
        """Return a text."""
        found = self.variable("str")
        if depth == 0 or found is None:
            return self.chance.choice([found or "", found or "x", self.chance.choice(WORDS)])
        return self.pick(
            lambda: found,
            lambda: {"cat": [self.text(depth - 1) for _ in range(self.chance.randint(1, 3))]},
            lambda: {"substr": [self.text(depth - 1), *self.chance.choice([[1], [-2], [0, 2], [-3, 1], [0, -1]])]},
            lambda: self.chosen(depth - 1, self.text),
        )

    def anything(self, depth: int) -> Any:
        """Return a value of any type."""
        return self.pick(
            lambda: self.number(depth),
            lambda: self.truth(depth),
            lambda: self.text(depth),
            lambda: self.variable("date list[str]") or self.truth(0),
        )

    def chosen(self, depth: int, make: Callable[[int], Any]) -> Any:
        """Return a choice between values of one type."""
        name, count = self.chance.choice([("if", 2), ("if", 3), ("if", 5), ("?:", 3), ("or", 2), ("and", 2)])
        if name in {"or", "and"}:
            return {name: [make(depth) for _ in range(count)]}
        is_value = [index % 2 == 1 or index == count - 1 for index in range(count)]
        return {name: [make(depth) if chosen else self.anything(depth) for chosen in is_value]}

    # Lists

    def inside(self, fields: Sequence[Variable], prefix: str, make: Callable[[], Any]) -> Any:
        """Make something that sees nothing but fields."""
        read, lists = self.read, self.lists
        self.read, self.lists = {prefix + one.name: _renamed(one, prefix + one.name) for one in fields}, []
        made = make()
        self.read, self.lists = read, lists
        return made

    def listed(self, depth: int) -> tuple[Variable, Any]:
        """Return a list of objects, whole or filtered."""
        found = self.chance.choice(self.lists)
        if self.chance.random() < 0.5:
            return found, {"var": found.name}
        body = self.inside(found.fields, "", lambda: self.truth(depth))
        return found, {"filter": [{"var": found.name}, body]}

    def tested(self, depth: int) -> Any:
        """Return whether some, all or none of the items fit, or any are left."""
        found, items = self.listed(depth)
        body = self.inside(found.fields, "", lambda: self.anything(depth))
        name = self.chance.choice(["some", "all", "none", "!!"])
        return {name: items} if name == "!!" else {name: [items, body]}

    def summed(self, depth: int, unit: str) -> Any:
        """Return what numbers of the items add up to, or how many there are, or whether one is among them."""
        found, items = self.listed(depth)
        if all(one.unit != unit for one in found.fields):
            return {"reduce": [items, {"+": [{"var": "accumulator"}, 1]}, 0]}
        if self.chance.random() < 0.5:
            body = self.inside(found.fields, "current.", lambda: self.number(depth, unit))
            return {"reduce": [items, {"+": [{"var": "accumulator"}, body]}, self.literal()]}
        body = self.inside(found.fields, "", lambda: self.number(depth, unit))
        mapped = {"merge": [{"map": [items, body]}, self.literal()]}
        return {"reduce": [mapped, {"max": [{"var": "accumulator"}, {"var": "current"}]}, 0]}


def _renamed(variable: Variable, name: str) -> Variable:
    return Variable(name, variable.type, variable.unit, variable.nullable, "")
