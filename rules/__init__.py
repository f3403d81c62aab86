"""Rules price activity: JSONLogic text, checked and typed, compiled to exact decimal functions."""

from ledger.program.terms import RoundingMode
from rules.catalog import Catalog, Variable
from rules.emit.arithmetic import CONTEXT
from rules.evaluate import Evaluate, InvalidFacts, check_facts, compile_rule, compiled
from rules.parse import Rule, parse
from rules.problems import InvalidRule, RuleProblem
from rules.rounding import round_to_units
from rules.scopes import catalog

__all__ = [
    "CONTEXT",
    "Catalog",
    "Evaluate",
    "InvalidFacts",
    "InvalidRule",
    "RoundingMode",
    "Rule",
    "RuleProblem",
    "Variable",
    "catalog",
    "check_facts",
    "compile_rule",
    "compiled",
    "parse",
    "round_to_units",
]
