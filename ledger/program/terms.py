"""The terms of a program version: currencies and rules, as data."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Code = Annotated[
    str,
    Meta(
        # Not "$" at the end: that also matches before a line break.
        pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?(?![\s\S])",
        description="Lower-case letters, digits, - and _; 1 to 63 characters.",
        examples=["points"],
    ),
]


class RoundingMode(StrEnum):
    """What happens to the digits beyond the scale."""

    FLOOR = "floor"
    CEIL = "ceil"
    DOWN = "down"
    UP = "up"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    HALF_DOWN = "half_down"


class PointCurrency(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A kind of points a program keeps."""

    code: Code
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scale: Annotated[int, Meta(ge=0, le=6, description="Digits after the point that are kept.")] = 0
    redeemable: bool = True
    """Members can spend these points."""
    qualifying: bool = False
    """These points count toward a tier."""
    expiry_months: Annotated[int, Meta(ge=1, le=1200)] | None = None
    """Months after earning at which points lapse; absent means never."""


class EarnRule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How many points a purchase earns."""

    rule: Annotated[str, Meta(min_length=1, max_length=32768, description="JSONLogic, as JSON text.")]
    point_currency: Code
    rule_id: Code = "earn"
    rounding: RoundingMode = RoundingMode.FLOOR
    """How the result becomes whole units of the point currency."""


class BurnRule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What points are worth, in the program's currency, when a member spends them."""

    rule: Annotated[str, Meta(min_length=1, max_length=32768, description="JSONLogic, as JSON text.")]
    point_currency: Code
    rule_id: Code = "burn"
    rounding: RoundingMode = RoundingMode.FLOOR
    """How the result becomes whole minor units of money."""


class Terms(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Everything a version of a program lays down."""

    point_currencies: Annotated[tuple[PointCurrency, ...], Meta(min_length=1, max_length=20)]
    earn: EarnRule
    burn: BurnRule | None = None
    """Absent where points cannot be spent."""

    def point_currency(self, code: str) -> PointCurrency:
        """
        Return the point currency called ``code``.

        Raises:
            KeyError: There is none. Terms that were drafted name only point currencies they have.
        """
        for found in self.point_currencies:
            if found.code == code:
                return found
        raise KeyError(code)
