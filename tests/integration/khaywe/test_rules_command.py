"""``khaywe rules`` on files."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from khaywe.cli import app

SEGMENT = '{"and":[{">":[{"var":"total_revenue"},1000]},{"<":[{"var":"last_purchase_days_ago"},30]}]}'
EARN = '{"if":[{">":[{"var":"transaction_amount"},100]},{"*":[{"var":"transaction_amount"},0.1]},0]}'


def run(*arguments: str, stdin: str | None = None) -> tuple[int, str]:
    """Run a command, and return its exit code and what it printed."""
    result = CliRunner().invoke(app, ["rules", *arguments], input=stdin)
    return result.exit_code, result.output


def test_good_rule(tmp_path: Path) -> None:
    """What it yields, and its digest."""
    file = tmp_path / "rule.json"
    file.write_text(SEGMENT)
    code, output = run("check", str(file), "--scope", "segment")
    assert (code, output.split(" sha256:")[0]) == (0, "The rule can be saved; it yields a bool.")


def test_good_rule_with_something_odd_in_it() -> None:
    """It can be saved, and what is odd is told first."""
    code, output = run("check", "-", "--scope", "earn", stdin='{"if":[true,1,2]}')
    odd, unreached, verdict = output.splitlines()
    assert (code, odd) == (0, "constant_condition at /if/0: this condition is always true: it reads no variable")
    assert unreached.startswith("unreachable_branch at /if/2: this and what follows is never reached")
    assert verdict.startswith("The rule can be saved")


def test_bad_rule_names_every_problem() -> None:
    """Exit code 2, one line each, and what to try."""
    code, output = run("check", "-", "--scope", "segment", stdin='{"and":[{"<":[{"var":"average_basket"},30]},true]}')
    assert code == 2
    first, remedy = output.splitlines()
    assert first.startswith("null_unsafe at /and/0/<: customers with no 'average_basket' would match")
    assert remedy == '  try: {"var":["average_basket",999999999]}'


def test_explanation() -> None:
    """Every step, and the sentence."""
    facts = '{"transaction_amount":"249.90","currency":"EUR","source":"s"}'
    code, output = run("explain", "-", "--scope", "earn", "--facts", facts, stdin=EARN)
    assert code == 0
    assert output.splitlines()[0].split() == ["/if/0/>", "transaction_amount", "249.90", ">", "100:", "yes"]
    assert output.splitlines()[-1].startswith("24 points: transaction_amount 249.90 is over 100, so")


def test_sql() -> None:
    """The statement, ready to be run; where there is none, every problem with its place."""
    code, output = run("sql", "-", "--scope", "segment", "--dialect", "bigquery", stdin=SEGMENT)
    assert code == 0
    assert output.splitlines()[:3] == ["SELECT", "  `t0`.`customer_id`", "FROM `customers` AS `t0`"]
    code, output = run("sql", "-", stdin='{"==":[{"/":[1,{"var":"total_revenue"}]},1]}')
    assert code == 2
    assert output.startswith("not_in_sql at /==/0/~1: in SQL the divisor is a number written in the rule")


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["check", "/nowhere/rule.json", "--scope", "earn"], None, "/nowhere/rule.json cannot be read"),
        (["check", "-", "--scope", "weather"], EARN, "There is no scope 'weather'"),
        (["sql", "-", "--dialect", "cobol"], SEGMENT, "There is no dialect 'cobol'; there are duckdb, postgres,"),
        (["explain", "-", "--scope", "earn", "--facts", "{"], EARN, "The facts are not JSON"),
        (["explain", "-", "--scope", "earn", "--facts", "[1]"], EARN, "The facts are an object"),
    ],
)
def test_mistakes_are_told_plainly(arguments: list[str], stdin: str | None, said: str) -> None:
    """One line, exit code 1."""
    code, output = run(*arguments, stdin=stdin)
    assert code == 1
    assert said in output
    assert len(output.splitlines()) == 1
