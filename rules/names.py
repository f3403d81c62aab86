"""What names stand for: variables of the catalog, or inside an operator of lists what that sees of an item."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from rules.catalog import Catalog, Variable
from rules.ir import UNKNOWN, Kind, Local, Var


class Names(Struct, frozen=True):
    """The names that one part of a rule knows."""

    where: str
    """Whose they are, as in "is no variable of …"."""
    known: Mapping[str, Variable | Local]
    anything: bool = False
    """Inside a list without items, or one already refused, nobody can say which names there are."""

    def read(self, name: str, pointer: str) -> Var | Local | None:
        """Return the node of a name; None if it is not known."""
        found = self.known.get(name)
        match found:
            case Variable():
                return Var(found, None, pointer)
            case Local():
                return replace(found, pointer=pointer)
        return Local(name, "item", UNKNOWN, pointer=pointer) if self.anything else None


def of_catalog(catalog: Catalog) -> Names:
    """Return the names that a rule knows outside of any body."""
    return Names(catalog.scope, catalog.variables)


def of_item(operator: str, item: Kind) -> Names:
    """Return the names inside a body: fields of the item, and the empty name for the item itself."""
    known = {"": Local("", "item", item)} | {one.name: Local(one.name, "item", item, one) for one in item.fields}
    return Names(_inside(operator), known, item == UNKNOWN)


def of_reduction(operator: str, item: Kind, initial: Kind) -> Names:
    """Return the names inside a body that carries a value from item to item."""
    known = {"current": Local("current", "item", item)}
    known |= {name: Local(name, "item", item, one) for one in item.fields for name in [f"current.{one.name}"]}
    # What it yields may be absent, so what it goes on from may be too.
    known["accumulator"] = Local("accumulator", "accumulator", replace(initial, nullable=True))
    return Names(_inside(operator), known, item == UNKNOWN)


def _inside(operator: str) -> str:
    return f"the items inside {operator!r}, where nothing else is seen"
