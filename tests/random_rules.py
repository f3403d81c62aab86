"""Random rules of every operator that SQL has, and facts of which much is absent."""

import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from rules import InvalidRule, Rule, Variable, parse
from rules.catalog import Catalog, ResultType, VariableType
from rules.sql import check_sql

_NAMES: Final[dict[VariableType, str]] = {
    "decimal": "amount",
    "int": "count",
    "bool": "flag",
    "str": "text",
    "date": "day",
    "list[str]": "words",
}
_ABSENT_AS: Final = {"amount": Decimal("12.5"), "count": Decimal(99_999)}

VARIABLES: Final = (
    *(Variable(f"{name}_{number}", kind, "none", True, "") for kind, name in _NAMES.items() for number in (1, 2)),
    *(Variable(f"{name}_3", kind, "none", False, "") for kind, name in _NAMES.items() if kind != "list[str]"),
    *(
        Variable(f"{name}_4", kind, "none", True, "", null_as=_ABSENT_AS[name])
        for kind, name in _NAMES.items()
        if name in _ABSENT_AS
    ),
)
"""Two of every kind that may be absent, one that is always there, and of numbers one that counts as something."""

CATALOGS: Final[dict[ResultType, Catalog]] = {
    result: Catalog("segment", result, {one.name: one for one in VARIABLES})
    for result in ("bool", "number", "str", "date")
}

TEXTS: Final = (
    "", "a", "A", "ab", "abc", "b", "CH", "0", "1", " ", "a b", "O'Neil", "''", 'say "so"', "back\\slash", "\\", "\\'",
    "%", "_", "a%", "--", ";", "$1", "{x}", "naïve", "nai\u0308ve", "é", "e\u0301", "ß", "SS", "日本", "日本語",
    "🎉", "🎉🎉x", "👨‍👩‍👧", "\u00a0", "ﬁ", "İ",
)  # fmt: skip
NUMBERS: Final = (
    "0",
    "1",
    "-1",
    "2",
    "3",
    "5",
    "7",
    "10",
    "12.5",
    "30",
    "100",
    "0.5",
    "-0.25",
    "99.99",
    "1000",
    "0.001",
)
EXACT: Final = ("1", "-1", "2", "5", "10", "12.5", "100", "0.5", "-0.25", "1000", "0.001", "-4", "20")
INEXACT: Final = ("3", "7", "30", "0.3", "365")
"""What SQL divides by with the digits of a float; see `tests.agreement`."""
BASE: Final = date(2024, 2, 29)


class Generator:
    """Makes rules as JSON, well typed for the most part; `parse` and `check_sql` have the last word."""

    def __init__(self, random: Random) -> None:
        """
        Args:
            random: Seeded.
        """
        self.random = random
        self._makers: dict[ResultType, Sequence[Callable[[int], Any]]] = {
            "bool": (
                self._and_or,
                self._not,
                self._compared,
                self._compared,
                self._between,
                self._equal,
                self._in_items,
            )
            * 3
            + (self._in_list, self._text_test, self._missing, self._truth),
            "number": (self._sum, self._sum, self._product, self._quotient, self._remainder, self._extreme),
            "str": (self._cat, self._substr),
            "date": (),
            "list": (),
        }

    def rule(self, result: ResultType, depth: int) -> Any:
        """Return a rule of a type, at most so many operators deep."""
        makers = self._makers[result]
        if depth <= 0 or not self.random.randrange(4):
            return self._leaf(result)
        if not makers or not self.random.randrange(6):
            return self._choice(result, depth - 1)
        return self.random.choice(makers)(depth - 1)

    def rules(self, count: int, depth: int = 5) -> list[Rule]:
        """Return rules that can be saved, and written in SQL; nine of ten yield true or false."""
        found: list[Rule] = []
        while len(found) < count:
            result: ResultType = "bool" if self.random.randrange(10) else self.random.choice(("number", "str", "date"))
            made = self.rule(result, depth)
            if result == "number" and not self.random.randrange(3):
                made = {"/": [made, float(self.random.choice(INEXACT))]}
            text = json.dumps(made, ensure_ascii=False)
            try:
                rule = parse(text, CATALOGS[result])
            except InvalidRule:
                continue
            if rule.root.kind.type == result and not check_sql(rule, "duckdb") and not check_sql(rule, "postgres"):
                found.append(rule)
        return found

    def _leaf(self, result: ResultType) -> Any:
        return self._var(result) if self.random.randrange(4) else self._literal(result)

    def _var(self, result: ResultType) -> Any:
        kinds: dict[str, list[VariableType]] = {"number": ["decimal", "int"], "list": ["list[str]"]}
        kind = self.random.choice(kinds.get(result, [result]))  # type: ignore[list-item]
        name = self.random.choice([one.name for one in VARIABLES if one.type == kind])
        if result not in {"date", "list"} and not self.random.randrange(4):
            return {"var": [name, self._literal(result)]}
        return {"var": name}

    def _literal(self, result: ResultType) -> Any:
        if not self.random.randrange(12):
            return None
        match result:
            case "bool":
                return self.random.choice((True, False))
            case "number":
                number = Decimal(self.random.choice(NUMBERS))
                return int(number) if number == number.to_integral_value() else float(number)
            case "str":
                return self.random.choice(TEXTS)
            case _:
                return (BASE + timedelta(self.random.randrange(-3, 4))).isoformat()

    def _type(self) -> ResultType:
        return self.random.choice(("number", "number", "str", "bool", "date"))

    def _several(self, result: ResultType, depth: int, most: int = 3) -> list[Any]:
        return [self.rule(result, depth) for _ in range(self.random.randint(2, most))]

    def _and_or(self, depth: int) -> Any:
        return {self.random.choice(("and", "or")): self._several("bool", depth)}

    def _not(self, depth: int) -> Any:
        return {"!": [self.rule(self._type(), depth)]}

    def _truth(self, depth: int) -> Any:
        result: ResultType = self.random.choice(("number", "str", "list", "date"))
        inner = self._var("list") if result == "list" else self.rule(result, depth)
        return {self.random.choice(("!!", "!")): [inner]}

    def _compared(self, depth: int) -> Any:
        result: ResultType = self.random.choice(("number", "number", "date"))
        left = self._var("date") if result == "date" else self.rule(result, depth)
        return {self.random.choice(("<", "<=", ">", ">=")): [left, self.rule(result, depth)]}

    def _between(self, depth: int) -> Any:
        result: ResultType = self.random.choice(("number", "date"))
        bounds = [self._literal(result), self._literal(result)]
        middle = self._var("date") if result == "date" else self.rule(result, depth)
        return {self.random.choice(("<", "<=")): [bounds[0], middle, bounds[1]]}

    def _equal(self, depth: int) -> Any:
        result = self._type()
        left = self._var("date") if result == "date" else self.rule(result, depth)
        return {self.random.choice(("==", "!=", "===", "!==")): [left, self.rule(result, depth)]}

    def _in_items(self, depth: int) -> Any:
        result: ResultType = self.random.choice(("number", "str", "bool"))
        items = [self._literal(result) for _ in range(self.random.randrange(5))]
        return {"in": [self.rule(result, depth), items]}

    def _in_list(self, depth: int) -> Any:
        return {"in": [self.rule("str", depth), self._var("list")]}

    def _text_test(self, depth: int) -> Any:
        texts = [self.rule("str", depth), self.rule("str", depth)]
        return {self.random.choice(("in", "startsWith", "endsWith")): texts}

    def _missing(self, _: int) -> Any:
        names = [self.random.choice(VARIABLES).name for _ in range(self.random.randint(1, 4))]
        asked = {"missing": names} if self.random.randrange(2) else {"missing_some": [self.random.randrange(4), names]}
        return {self.random.choice(("!", "!!")): [asked]}

    def _choice(self, result: ResultType, depth: int) -> Any:
        if not self.random.randrange(3):
            return {self.random.choice(("and", "or")): self._several(result, depth)}
        branches = [self.rule(self._type() if index % 2 == 0 else result, depth) for index in range(2)]
        return {"if": [*branches, *([self.rule(result, depth)] if self.random.randrange(5) else [])]}

    def _sum(self, depth: int) -> Any:
        if not self.random.randrange(6):
            return {"-": [self.rule("number", depth)]}
        return {"+": self._several("number", depth)} if self.random.randrange(2) else {"-": self._pair(depth)}

    def _pair(self, depth: int) -> list[Any]:
        return [self.rule("number", depth), self.rule("number", depth)]

    def _product(self, depth: int) -> Any:
        return {"*": self._several("number", depth)}

    def _quotient(self, depth: int) -> Any:
        return {"/": [self.rule("number", depth), float(self.random.choice(EXACT))]}

    def _remainder(self, depth: int) -> Any:
        return {"%": [self.rule("number", depth), self.random.choice((1, 2, 3, 5, -7))]}

    def _extreme(self, depth: int) -> Any:
        return {self.random.choice(("min", "max")): self._several("number", depth)}

    def _cat(self, depth: int) -> Any:
        return {"cat": self._several("str", depth)}

    def _substr(self, depth: int) -> Any:
        offsets = [self.random.randint(-4, 4) for _ in range(self.random.randint(1, 2))]
        return {"substr": [self.rule("str", depth), *offsets]}


def rows(count: int, random: Random) -> list[dict[str, object]]:
    """Return facts of which many are absent, and many equal to what rules ask for."""
    return [{one.name: _fact(one, random) for one in VARIABLES} for _ in range(count)]


def _fact(variable: Variable, random: Random) -> object:  # noqa: PLR0911  # one for each kind
    if variable.nullable and not random.randrange(4):
        return None
    match variable.type:
        case "decimal":
            near = Decimal(random.choice(NUMBERS))
            return near if random.randrange(2) else Decimal(random.randrange(-(10**7), 10**7)).scaleb(-4)
        case "int":
            return random.choice((0, 1, -1, 2, 3, 5, 7, 10, 30, 100, random.randrange(-5000, 5000)))
        case "bool":
            return bool(random.randrange(2))
        case "str":
            return random.choice(TEXTS)
        case "date":
            return BASE + timedelta(random.randrange(-4, 5))
        case _:
            return random.sample(TEXTS, random.randrange(4))
