"""From the text of a rule to its typed form, or to a list of everything that is wrong with it."""

import json
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Final, NoReturn

import msgspec

from rules.advice import advice
from rules.catalog import Catalog
from rules.checker import MAX_DEPTH, Checker, Part
from rules.ir import Call, Node, Var, canonical, walk
from rules.nulls import null_traps
from rules.operators import OPERATORS
from rules.problems import InvalidRule, RuleProblem
from rules.scopes import catalog
from rules.steps import too_many_steps

MAX_BYTES: Final = 32 * 1024


class Rule(msgspec.Struct, frozen=True):
    """A rule that has passed every check."""

    text: str
    catalog: Catalog
    """What it was checked against."""
    root: Node
    digest: str
    """SHA-256 of the canonical form, hexadecimal: the same digest is the same calculation."""
    warnings: tuple[RuleProblem, ...] = ()
    """What its author may not have meant; none of it stands in the way."""

    @property
    def is_for_ledger_only(self) -> bool:
        """Whether it has no form in SQL, because of an operator or of a list of objects that it reads."""
        return any(
            OPERATORS[node.operator].for_ledger_only
            if isinstance(node, Call)
            else isinstance(node, Var) and node.variable.type == "list[object]"
            for node in walk(self.root)
        )


_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode  # dates become ISO text


def parse(text: str, scope: Catalog | str) -> Rule:
    """
    Check a rule and turn it into its typed form.

    Args:
        text: JSONLogic, as JSON.
        scope: What the rule is for, or a catalog of its own: decides which variables it sees and what it must yield.

    Raises:
        InvalidRule: The rule is malformed, too big, ill-typed or reads what it may not; names every problem.
    """
    known = catalog(scope)
    checker = Checker(known)
    root = checker.node(Part(_read(text), ""))
    wanted = known.yields
    if root.kind.type not in {wanted, "unknown"}:
        checker.refuse("result_type", "", f"a rule for {known.scope} yields a {wanted}, this one a {root.kind.type}")
    problems = [*checker.problems, *null_traps(root), *too_many_steps(root)]
    if problems:
        raise InvalidRule(problems)
    warnings = (*advice(root), *checker.warnings)
    return Rule(text, known, root, sha256(_ENCODE(canonical(root))).hexdigest(), warnings)


def _read(text: str) -> object:
    """Decode JSON into dicts, lists, text, booleans, None and Decimals; never into floats."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise InvalidRule([RuleProblem("too_large", "", f"a rule has at most {MAX_BYTES} bytes")])
    try:
        return json.loads(
            text,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_constant,
            object_pairs_hook=_no_duplicates,
        )
    except RecursionError:
        raise InvalidRule([RuleProblem("too_deep", "", f"a rule has at most {MAX_DEPTH} levels")]) from None
    except ValueError as error:
        raise InvalidRule([RuleProblem("json", "", f"not JSON: {error}")]) from error


def _number(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent of twenty digits; the bounds refuse it where its place is known
        return Decimal("NaN")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same key twice")
    return members
