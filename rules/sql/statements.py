"""Statements about the customers of a warehouse: whom a rule selects, how many, and who came and went."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import ibis
import sqlglot.expressions as sge

from rules.parse import Rule
from rules.sql.check import reads, require_sql
from rules.sql.dialects import Dialect
from rules.sql.tables import Members, Table
from rules.sql.translate import Translator
from rules.sql.values import COLUMN_TYPES, Expression
from rules.sql.written import written

CUSTOMERS: Final = Table()

_KEY_TYPE: Final = "string"
"""Keys are only handed on and compared with each other; no statement shows their type."""


@lru_cache(maxsize=1024)
def select_keys(rule: Rule, dialect: Dialect, table: Table = CUSTOMERS) -> str:
    """
    Return the statement that selects the customers for whom a rule holds.

    Raises:
        InvalidRule: It has no form in this SQL.
    """
    source, translator = _opened((rule,), dialect, table)
    return written(source.filter(translator.truth(rule.root)).select(table.key), dialect)


@lru_cache(maxsize=256)
def select_results(rules: tuple[Rule, ...], dialect: Dialect, table: Table = CUSTOMERS) -> str:
    """
    Return the statement that evaluates rules for every customer, in one scan.

    Its columns are the key and ``r1``, ``r2`` …: true or false of a rule that yields that, otherwise the value.

    Raises:
        InvalidRule: One of them has no form in this SQL.
    """
    source, translator = _opened(rules, dialect, table)
    results = {f"r{number}": _result(translator, rule) for number, rule in enumerate(rules, 1)}
    return written(source.select(table.key, **results), dialect)


@lru_cache(maxsize=256)
def count_matches(rules: tuple[Rule, ...], dialect: Dialect, table: Table = CUSTOMERS) -> str:
    """
    Return the statement that counts for how many customers each rule holds, in one scan: ``r1``, ``r2`` … of one row.

    Raises:
        InvalidRule: One of them has no form in this SQL.
    """
    source, translator = _opened(rules, dialect, table)
    counts = {f"r{number}": source.count(where=translator.truth(rule.root)) for number, rule in enumerate(rules, 1)}
    return written(source.aggregate(**counts), dialect)


@lru_cache(maxsize=1024)
def select_changes(rule: Rule, segment: str, dialect: Dialect, table: Table, members: Members) -> str:
    """
    Return the statement that compares whom a rule selects with who is in its segment.

    Its columns are the key, and ``entered``: true for who is not in yet, false for who has to leave. Who stays is
    left out.

    Args:
        rule: Yields true or false.
        segment: Whose members to compare with.
        dialect: Of the warehouse.
        table: The customers.
        members: Who is in which segment now.

    Raises:
        InvalidRule: The rule has no form in this SQL.
    """
    source, translator = _opened((rule,), dialect, table)
    now = source.filter(translator.truth(rule.root)).select(source[table.key].name(members.key), is_now=1)
    present = ibis.table({members.key: _KEY_TYPE, members.segment: "string"}, members.name, database=members.schema)
    before = present.filter(present[members.segment] == segment).select(members.key, is_now=0)
    # No outer join: what it fills gaps with is NULL in most engines only.
    both = now.union(before)
    changed = both.group_by(members.key).aggregate(entered=both.is_now.min() > 0, found=both.count())
    return written(changed.filter(changed.found == 1).select(members.key, "entered"), dialect)


def write_changes(segment: str, changes: str, dialect: Dialect, members: Members) -> tuple[str, str]:
    """
    Return the statements that bring a segment's members up to date.

    Args:
        segment: Whose members.
        changes: Name of a table that holds what `select_changes` selects.
        dialect: Of the warehouse.
        members: What to bring up to date.
    """
    source = sge.table_(changes, quoted=True)
    target = sge.table_(members.name, db=members.schema, quoted=True)
    key, of_segment = (sge.column(name, quoted=True) for name in (members.key, members.segment))
    entered, name = sge.column("entered", quoted=True), sge.Literal.string(segment)
    left = sge.select(key).from_(source).where(sge.not_(entered))
    leave = sge.delete(target).where(of_segment.eq(name)).where(key.isin(query=left))
    rows = sge.select(key, name).from_(source).where(entered)
    columns = [sge.to_identifier(column, quoted=True) for column in (members.key, members.segment)]
    enter = sge.insert(rows, target, columns=columns)
    return leave.sql(dialect), enter.sql(dialect)


def _opened(rules: Sequence[Rule], dialect: Dialect, table: Table) -> tuple[Any, Translator]:
    """Return the table of customers with the columns that the rules read, and what translates them."""
    columns: dict[str, str] = {}
    schema: dict[str, Any] = {table.key: _KEY_TYPE}
    for rule in rules:
        require_sql(rule, dialect, table)
        for name, node in reads(rule).items():
            column = table.column(node.variable)
            assert column is not None  # or the rule had been refused
            columns[name] = column
            schema[column] = COLUMN_TYPES[node.variable.type]
    source = ibis.table(schema, name=table.name, database=table.schema)
    return source, Translator({name: source[column] for name, column in columns.items()})


def _result(translator: Translator, rule: Rule) -> Expression:
    if rule.root.kind.type == "bool":
        return translator.truth(rule.root)
    return translator.value(rule.root).expression
