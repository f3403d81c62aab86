"""The catalogs there are by themselves: one for each scope, without what a program or warehouse adds."""

from typing import Final

from rules.catalog import Catalog, ResultType, Scope
from rules.variables import VARIABLES

RESULT_TYPES: Final[dict[Scope, ResultType]] = {
    "earn": "number",
    "burn": "number",
    "tier": "bool",
    "segment": "bool",
    "campaign": "bool",
    "journey": "bool",
}
"""The type that a rule of each scope must yield."""

CATALOGS: Final[dict[str, Catalog]] = {
    scope: Catalog(scope, yields, {one.name: one for one in VARIABLES if scope in one.scopes})
    for scope, yields in RESULT_TYPES.items()
}


def catalog(scope: Catalog | str) -> Catalog:
    """
    Return the catalog of a scope; a catalog is returned as it is.

    Raises:
        ValueError: There is no such scope.
    """
    if isinstance(scope, Catalog):
        return scope
    try:
        return CATALOGS[scope]
    except KeyError:
        raise ValueError(f"no rule scope {scope!r}; there are {', '.join(CATALOGS)}") from None
