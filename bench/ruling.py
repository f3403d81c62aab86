"""Rules: evaluations per second in one thread, facts at hand."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bench.figures import figure
from khaywe.demo import EARN_RULE
from rules import check_facts, compile_rule, parse
from rules.explain import compile_traced

SECONDS = 2.0
SEGMENT_RULE = '{"and":[{">":[{"var":"total_revenue"},1000]},{"<":[{"var":"last_purchase_days_ago"},30]}]}'

_PURCHASE = {"transaction_amount": Decimal("249.90"), "currency": "EUR", "source": "store-1"}
_CUSTOMER = {
    "total_revenue": Decimal("1200.50"),
    "last_purchase_days_ago": 3,
    "purchase_count": 14,
    "average_basket": Decimal("85.75"),
    "country": "CH",
    "tags": ["vip"],
}


def run() -> None:
    """Measure the guide's two rules, one of 25 operators, and the traced form of the first."""
    earn, purchase = parse(EARN_RULE, "earn"), check_facts(_PURCHASE, parse(EARN_RULE, "earn"))
    segment, customer = parse(SEGMENT_RULE, "segment"), check_facts(_CUSTOMER, "segment")
    figure("rule_guide_earn_per_s", rate(compile_rule(earn), purchase), "evaluations/s")
    figure("rule_guide_segment_per_s", rate(compile_rule(segment), customer), "evaluations/s")
    figure("rule_25op_per_s", rate(compile_rule(parse(json.dumps(rule_of_25()), "segment")), customer), "evaluations/s")
    figure("rule_traced_per_s", rate(compile_traced(earn), purchase), "evaluations/s")


def rule_of_25() -> dict[str, Any]:
    """Return a rule of 25 operators, all of which are asked for: conditions, sums, texts and lists."""
    revenue, count, basket = {"var": "total_revenue"}, {"var": "purchase_count"}, {"var": ["average_basket", 0]}
    country, tags, last = {"var": "country"}, {"var": "tags"}, {"var": "last_purchase_days_ago"}
    clauses: list[dict[str, Any]] = [
        {">": [{"/": [{"+": [revenue, {"*": [basket, 2]}]}, 4]}, 100]},
        {"<=": [1, {"-": [count, {"%": [count, 5]}]}, 50]},
        {"or": [{"==": [country, "LI"]}, {"in": [country, ["CH", "AT"]]}]},
        {"!": {"in": ["blocked", tags]}},
        {"<": [{"min": [last, 365]}, 30]},
        {"!=": [{"if": [{">": [count, 10]}, "A", "B"]}, "B"]},
        {"startsWith": [{"cat": [country, "-x"]}, "CH"]},
        {">=": [{"max": [revenue, basket]}, 85]},
        {"!!": [{"!": {"==": [country, None]}}]},
    ]
    return {"and": clauses}


def rate(evaluate: Callable[[dict[str, object]], object], facts: dict[str, object]) -> float:
    """Return evaluations per second."""
    done = 0
    started = time.perf_counter()
    while (seconds := time.perf_counter() - started) < SECONDS:
        for _ in range(1_000):
            evaluate(facts)
        done += 1_000
    return done / seconds
