"""Do closures and a warehouse make the same of the same facts?"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from rules import Rule, check_facts, compile_rule
from rules.catalog import VariableType
from rules.sql import Dialect, Table
from rules.sql.statements import select_results
from tests.random_rules import CATALOGS, VARIABLES

TABLE: Final = Table("facts", "row_id")

COLUMN_TYPES: Final[dict[VariableType, str]] = {
    "decimal": "DECIMAL(18, 4)",
    "int": "INTEGER",
    "bool": "BOOLEAN",
    "str": "TEXT",
    "date": "DATE",
    "list[str]": "TEXT[]",
}


def create_table() -> str:
    """Return the statement that makes the table of facts, in the types that warehouses really have."""
    columns = ", ".join(f'"{one.name}" {COLUMN_TYPES[one.type]}' for one in VARIABLES)
    return f'CREATE TABLE "{TABLE.name}" ("{TABLE.key}" INTEGER PRIMARY KEY, {columns})'


def table_rows(facts: Sequence[dict[str, object]]) -> list[list[object]]:
    """Return facts as the table's rows, with their number as the key."""
    return [[number, *(row[one.name] for one in VARIABLES)] for number, row in enumerate(facts)]


def mismatches(
    rules: Sequence[Rule],
    facts: Sequence[dict[str, object]],
    dialect: Dialect,
    run: Callable[[str], Sequence[Sequence[Any]]],
    rules_per_scan: int = 60,
) -> Iterator[str]:
    """
    Compare what closures and a warehouse make of the same rows, and give a line for each difference.

    Booleans, texts and dates have to be equal; a rule that yields true or false and came to null counts as false,
    because nobody is half in a segment. Numbers may differ by a billionth of themselves, or of one, because SQL keeps
    nine places of what is divided by 3. For the same reason such a division is only made last, in a rule that yields
    a number: ``x / 3 == y`` need not agree. All other divisions are exact on both sides, and made anywhere.

    Args:
        rules: Compared one by one.
        facts: The rows, of which the first has key 0.
        dialect: Of the warehouse.
        run: Executes a statement, and returns its rows.
        rules_per_scan: Evaluated by one statement.
    """
    checked = [check_facts(row, CATALOGS["bool"]) for row in facts]
    for first in range(0, len(rules), rules_per_scan):
        together = tuple(rules[first : first + rules_per_scan])
        found = sorted(run(select_results(together, dialect, TABLE)))
        for number, rule in enumerate(together, 1):
            evaluate, is_condition = compile_rule(rule), rule.catalog.yields == "bool"
            for row in found:
                expected: Any = evaluate(checked[row[0]])
                actual = row[number]
                if is_condition:
                    expected = bool(expected)
                if not _agree(expected, actual):
                    yield f"{rule.text} of {facts[row[0]]}: {expected!r} in Python, {actual!r} in {dialect}"


def _agree(expected: Any, actual: Any) -> bool:
    if isinstance(expected, Decimal) and isinstance(actual, (Decimal, int)) and not isinstance(actual, bool):
        return abs(expected - actual) <= Decimal("1e-9") * max(abs(expected), 1)
    return type(expected) is type(actual) and bool(expected == actual)
