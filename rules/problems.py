"""What can be wrong with a rule, and how it is told."""

from collections.abc import Iterable
from typing import Final, Literal, get_args

import msgspec

from ledger.errors import LedgerError

Code = Literal[
    "json",
    "not_an_operator",
    "unknown_operator",
    "wrong_arity",
    "unknown_variable",
    "dynamic_var",
    "type_mismatch",
    "unit_mismatch",
    "enum_value",
    "zero_divisor",
    "result_type",
    "null_unsafe",
    "too_large",
    "too_deep",
    "too_many_nodes",
    "too_many_variables",
    "too_many_steps",
    "list_too_long",
    "string_too_long",
    "control_character",
    "number_out_of_bounds",
    "not_in_sql",
    # Warnings, which never refuse a rule.
    "constant_condition",
    "unreachable_branch",
    "text_folded",
]
_RANK: Final = {code: rank for rank, code in enumerate(get_args(Code))}


class RuleProblem(msgspec.Struct, frozen=True):
    """One thing wrong with a rule, or only remarkable about it."""

    code: Code
    pointer: str
    """Where in the rule: JSON pointer, RFC 6901."""
    message: str
    suggestion: str | None = None
    """The name that was probably meant."""


class InvalidRule(LedgerError):
    """A rule cannot be accepted as it is written."""

    slug = "invalid-rule"

    def __init__(self, problems: Iterable[RuleProblem]) -> None:
        """
        Args:
            problems: Everything found, in the order of the checks, then of the text.
        """
        self.problems = tuple(sorted(problems, key=lambda problem: _RANK[problem.code]))
        first = self.problems[0]
        super().__init__(
            f"The rule has {len(self.problems)} problem(s). At {first.pointer or 'its root'}: {first.message}.",
            problems=msgspec.to_builtins(self.problems),
        )


def below(pointer: str, key: str | int) -> str:
    """Return the JSON pointer of a member or item, its key escaped as RFC 6901 wants it."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
