import decimal
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from rules import (
    InvalidFacts,
    InvalidRule,
    RoundingMode,
    Variable,
    check_facts,
    compile_rule,
    compiled,
    parse,
    round_to_units,
)
from rules.catalog import Catalog
from rules.scopes import CATALOGS

EARN = '{"if":[{">":[{"var":"transaction_amount"},100]},{"*":[{"var":"transaction_amount"},0.1]},0]}'
BURN = '{"/":[{"var":"points_requested"},100]}'


@pytest.mark.parametrize(
    ("amount", "exact", "points"),
    [("249.90", "24.990", 24), ("100", "0", 0), ("100.01", "10.001", 10), ("0", "0", 0), ("-5", "0", 0)],
)
def test_the_earn_rule_of_the_guide_to_the_digit(amount: str, exact: str, points: int) -> None:
    """Over 100, a tenth of the amount, rounded down."""
    facts = check_facts(
        {"transaction_amount": Decimal(amount), "currency": "EUR", "source": "pos"}, parse(EARN, "earn")
    )
    earned = compiled(EARN, "earn")(facts)
    assert isinstance(earned, Decimal)
    assert exact == str(earned)
    assert points == round_to_units(earned, mode=RoundingMode.FLOOR, scale=0)


@pytest.mark.parametrize(("points", "worth", "cents"), [(100, "1", 100), (37, "0.37", 37), (250, "2.5", 250)])
def test_the_burn_rule_of_the_guide_to_the_digit(points: int, worth: str, cents: int) -> None:
    """A hundred points are worth one."""
    exact = compiled(BURN, "burn")(check_facts({"points_requested": points}, parse(BURN, "burn")))
    assert isinstance(exact, Decimal)
    assert worth == str(exact)
    assert cents == round_to_units(exact, mode=RoundingMode.FLOOR, scale=2)


@pytest.mark.parametrize(
    ("rule", "exact"),
    [
        ('{"*":[1.15,100]}', "115.00"),
        ('{"+":[0.1,0.2]}', "0.3"),
        ('{"*":[0.1,3]}', "0.3"),
        ('{"-":[0.3,0.1]}', "0.2"),
        ('{"*":[999999999999999999,99]}', "98999999999999999901"),
        ('{"/":[1,3]}', "0.3333333333333333333333333333333333"),
        ('{"/":[2,3]}', "0.6666666666666666666666666666666667"),
    ],
)
def test_money_is_exact(rule: str, exact: str) -> None:
    """Where binary floats are off by a digit, decimals are not."""
    assert exact == str(compiled(rule, "earn")({}))


def test_no_context_of_the_thread_changes_a_result() -> None:
    """The arithmetic is pinned, whatever another library has set."""
    facts = {"transaction_amount": Decimal("249.9012"), "currency": "EUR", "source": "pos"}
    with decimal.localcontext(decimal.Context(prec=2, rounding=decimal.ROUND_UP, traps=[decimal.Inexact])):
        earned = compile_rule(parse(EARN, "earn"))(check_facts(facts, parse(EARN, "earn")))
        assert isinstance(earned, Decimal)
        assert str(earned) == "24.99012"
        assert {2499, 2500} == {round_to_units(earned, mode=mode, scale=2) for mode in RoundingMode}


def test_the_same_text_and_scope_are_compiled_once() -> None:
    """Only the first use pays for parsing; refusals are not kept."""
    assert compiled(EARN, "earn") is compiled(EARN, "earn")
    for _ in range(2):
        with pytest.raises(InvalidRule):
            compiled(EARN, "segment")


VISIT: dict[str, object] = {"count": 3, "on": date(2026, 1, 31)}


@pytest.fixture(autouse=True)
def scope(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the scope `visit`, for the types that no scope has yet."""
    variables = [
        Variable("count", "int", "none", nullable=False, description="", scopes=frozenset()),
        Variable("on", "date", "none", nullable=False, description="", scopes=frozenset()),
        Variable("note", "str", "none", nullable=True, description="", scopes=frozenset()),
    ]
    monkeypatch.setitem(CATALOGS, "visit", Catalog("earn", "number", {one.name: one for one in variables}))


READS_ALL = parse('{"if":[{"==":[{"var":"currency"},{"var":"source"}]},{"var":"transaction_amount"},0]}', "earn")
GIVEN: dict[str, object] = {"transaction_amount": Decimal("1.10"), "currency": "EUR", "source": "pos"}


def test_checked_facts_have_decimals_for_numbers() -> None:
    """An integer is a number too; a nullable fact that is absent is null."""
    assert {**GIVEN, "transaction_amount": Decimal(5)} == check_facts({**GIVEN, "transaction_amount": 5}, READS_ALL)
    checked = check_facts(VISIT, "visit")
    assert (Decimal, None) == (type(checked["count"]), checked["note"])


@pytest.mark.parametrize(
    ("fact", "pointer", "message"),
    [
        (
            {"transaction_amount": 1.1},
            "/transaction_amount",
            r"takes Decimal or int, not float; .*Decimal\(str\(value\)",
        ),
        ({"transaction_amount": True}, "/transaction_amount", "takes Decimal or int, not bool"),
        ({"transaction_amount": "1.10"}, "/transaction_amount", "takes Decimal or int, not str"),
        ({"transaction_amount": None}, "/transaction_amount", "not NoneType"),
        ({"transaction_amount": Decimal("NaN")}, "/transaction_amount", "more than 34 digits"),
        ({"transaction_amount": Decimal("-Infinity")}, "/transaction_amount", "more than 34 digits"),
        ({"transaction_amount": Decimal("1E+35")}, "/transaction_amount", "more than 34 digits"),
        ({"transaction_amount": Decimal("1E-35")}, "/transaction_amount", "more than 34 digits"),
        ({"transaction_amount": 10**34 + 1}, "/transaction_amount", "more than 34 digits"),
        ({"currency": 978}, "/currency", "takes str, not int"),
        ({"amount": 1}, "/amount", "'amount' is no variable of earn"),
    ],
    ids=str,
)
def test_facts_that_do_not_fit_the_catalog_are_refused(fact: dict[str, object], pointer: str, message: str) -> None:
    """Floats above all, with the way to convert them."""
    with pytest.raises(InvalidFacts, match=message) as refusal:
        check_facts({**GIVEN, **fact}, READS_ALL)
    assert pointer == refusal.value.pointer


def test_a_moment_is_no_date() -> None:
    """A datetime is refused although Python calls it a date."""
    with pytest.raises(InvalidFacts, match="takes date, not datetime"):
        check_facts({**VISIT, "on": datetime(2026, 1, 31, tzinfo=UTC)}, "visit")
