"""From the typed form of a rule to a function of the facts."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from ledger.errors import LedgerError
from rules.catalog import Catalog, Variable, VariableType
from rules.emit.arithmetic import CONTEXT
from rules.generate import plain
from rules.parse import Rule, parse
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


def check_facts(facts: Mapping[str, object], scope: Catalog | str) -> dict[str, object]:
    """
    Check facts where they enter, so that evaluation need not.

    Returns:
        The facts with every number as a `Decimal`.

    Raises:
        InvalidFacts: A fact is unknown to the scope, missing, of the wrong type (every ``float`` is) or a number
            beyond 34 digits.
    """
    known = catalog(scope)
    variables = known.variables
    for name in facts.keys() - variables.keys():
        raise InvalidFacts(f"{name!r} is no variable of {known.scope}", pointer=f"/{name}")
    return {name: _fact(variable, facts.get(name)) for name, variable in variables.items()}


def _fact(variable: Variable, value: object) -> object:
    pointer = f"/{variable.name}"
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
        if not all(type(item) is str for item in value):
            raise InvalidFacts(f"{variable.name} takes a list of texts", pointer=pointer)
        return tuple(value)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return value
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _MAX_EXPONENT or CONTEXT.plus(number) != number:
        raise InvalidFacts(f"{variable.name} has more than 34 digits", pointer=pointer)
    return number
