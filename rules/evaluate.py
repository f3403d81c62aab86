"""From the typed form of a rule to a function of the facts."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from ledger.errors import LedgerError
from rules.catalog import MAX_ITEMS, Catalog, Variable, VariableType
from rules.emit.arithmetic import CONTEXT
from rules.generate import plain
from rules.ir import Var, walk
from rules.parse import Rule, parse
from rules.problems import below
from rules.scopes import catalog
from rules.writer import Facts

Evaluate = Callable[[Facts], Decimal | bool | str | tuple[str, ...] | None]


class InvalidFacts(LedgerError):
    """The facts do not fit the catalog of the rule's scope."""

    slug = "invalid-facts"


def compile_rule(rule: Rule) -> Evaluate:
    """
    Turn a rule into a function of the facts.

    The function is pure, may be shared between threads and never raises on facts that `check_facts` returned.
    It checks nothing itself: a fact the catalog does not call nullable must be there.
    """
    return plain(rule.root)


@lru_cache(maxsize=1024)
def compiled(text: str, scope: Catalog | str) -> Evaluate:
    """
    Parse and compile a rule, once per text and scope.

    Raises:
        InvalidRule: As `parse` does; refusals are not cached.
    """
    return compile_rule(parse(text, scope))


_ACCEPTED: Final[dict[VariableType, tuple[type, ...]]] = {
    "decimal": (Decimal, int),
    "int": (int,),
    "bool": (bool,),
    "str": (str,),
    "date": (date,),
    "list[str]": (list, tuple),
    "list[object]": (list, tuple),
}
_MAX_EXPONENT: Final = 34


def check_facts(facts: Mapping[str, object], where: Rule | Catalog | str) -> dict[str, object]:
    """
    Check facts where they enter, so that evaluation need not.

    Args:
        facts: By name; what is absent is null.
        where: The rule that reads them, which needs no others; or a scope or catalog, all of whose facts must be there.

    Returns:
        The facts with every number as a `Decimal`.

    Raises:
        InvalidFacts: A fact is unknown to the scope, missing, of the wrong type (every ``float`` is) or a number
            beyond 34 digits, or a list has more than 500 items.
    """
    if isinstance(where, Rule):
        read = {node.variable.name for node in walk(where.root) if isinstance(node, Var)}
        variables = {name: one for name, one in where.catalog.variables.items() if name in read or name in facts}
        return _facts(facts, variables, "", where.catalog.scope)
    known = catalog(where)
    return _facts(facts, known.variables, "", known.scope)


def _facts(
    facts: Mapping[str, object], variables: Mapping[str, Variable], pointer: str, where: str
) -> dict[str, object]:
    for name in facts.keys() - variables.keys():
        raise InvalidFacts(f"{name!r} is no variable of {where}", pointer=below(pointer, name))
    return {name: _fact(one, facts.get(name), below(pointer, name)) for name, one in variables.items()}


def _fact(variable: Variable, value: object, pointer: str) -> object:
    if value is None and variable.nullable:
        return None
    # Exactly these types: a bool is no number, a datetime no date, and a float is never exact.
    if type(value) not in _ACCEPTED[variable.type]:
        accepted = " or ".join(accepted.__name__ for accepted in _ACCEPTED[variable.type])
        message = f"{variable.name} takes {accepted}, not {type(value).__name__}"
        if isinstance(value, float):
            message += "; convert it where it enters, as Decimal(str(value))"
        raise InvalidFacts(message, pointer=pointer)
    if isinstance(value, list | tuple):
        return _list(variable, value, pointer)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return value
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _MAX_EXPONENT or CONTEXT.plus(number) != number:
        raise InvalidFacts(f"{variable.name} has more than 34 digits", pointer=pointer)
    return number


def _list(variable: Variable, items: Sequence[object], pointer: str) -> tuple[object, ...]:
    if len(items) > MAX_ITEMS:
        raise InvalidFacts(f"{variable.name} takes at most {MAX_ITEMS} items, not {len(items)}", pointer=pointer)
    if variable.type == "list[str]":
        if not all(type(item) is str for item in items):
            raise InvalidFacts(f"{variable.name} takes a list of texts", pointer=pointer)
        return tuple(items)
    fields = {field.name: field for field in variable.fields}
    return tuple([_object(variable, fields, item, below(pointer, index)) for index, item in enumerate(items)])


def _object(variable: Variable, fields: Mapping[str, Variable], item: object, pointer: str) -> dict[str, object]:
    if type(item) is not dict:
        raise InvalidFacts(f"{variable.name} takes a list of objects", pointer=pointer)
    return _facts(item, fields, pointer, variable.name)
