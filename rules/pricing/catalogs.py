"""The catalogs of a program: what its rules can read beyond what every program's can."""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from ledger.program.terms import Attribute, EarnRule, Terms
from rules.catalog import Catalog, Variable
from rules.scopes import catalog
from rules.tiers.facts import tier_variables
from rules.variables import BASE_POINTS, LINE_FIELDS


class ProgramCatalogs(Struct, frozen=True):
    """What the rules of one version of a program are checked against."""

    purchase: Catalog
    line: Catalog
    """Of rules that are evaluated for each line."""
    burn: Catalog

    def of(self, rule: EarnRule) -> Catalog:
        """Return the catalog of an earn rule's points; its condition has the same variables."""
        known = self.line if rule.per == "line" else self.purchase
        return known.extended([BASE_POINTS]) if rule.kind == "bonus" else known


def program_catalogs(terms: Terms, currency: str) -> ProgramCatalogs:
    """
    Return the catalogs of a program's terms.

    Args:
        terms: With the attributes and point currencies that they declare.
        currency: ISO 4217 code of the program's money; amounts in it are plain ``money`` to the rules.
    """
    line_attributes = declared(terms.attributes, "line", currency)
    fields = (*LINE_FIELDS, *line_attributes)
    of_account = [*[_balance(one.code) for one in terms.point_currencies], *tier_variables(terms)]
    earn, burn = catalog("earn"), catalog("burn")
    lines = replace(earn.variables["lines"], fields=fields)
    purchase = earn.extended([lines, *declared(terms.attributes, "purchase", currency), *of_account])
    line = purchase.extended(replace(one, name=line_variable(one.name)) for one in fields)
    return ProgramCatalogs(purchase, line, burn.extended(of_account))


def line_variable(field: str) -> str:
    """Return what a field of a line is called in a rule that is evaluated for each line."""
    return f"line_{field}"


def balance_variable(point_currency: str) -> str:
    """Return what the points of one currency are called."""
    return f"balance_{point_currency}"


def declared(attributes: Iterable[Attribute], of: str, currency: str) -> list[Variable]:
    """Return the declared attributes of purchases or of lines, as variables."""
    return [_variable(one, currency) for one in attributes if one.of == of]


def _variable(attribute: Attribute, currency: str) -> Variable:
    return Variable(
        attribute.name,
        attribute.type,
        "money" if attribute.unit == f"money:{currency}" else attribute.unit,
        nullable=not attribute.required,
        description=attribute.description,
        null_as=attribute.null_as,
        enum=attribute.enum,
        source=f"{attribute.of}.attributes.{attribute.name}",
    )


def _balance(code: str) -> Variable:
    description = f"Points of {code!r} that the member held before."
    return Variable(
        balance_variable(code), "decimal", "points", nullable=False, description=description, source="account.balances"
    )
