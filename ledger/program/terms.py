"""The terms of a program version: currencies and rules, as data."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.account.events import ORDINARY, OWN
from ledger.program.ladders import Ladder
from ledger.program.names import Code, Name, Points
from ledger.program.timing import After, Availability, Expiry, Inactivity, Months


class RoundingMode(StrEnum):
    """What happens to the digits beyond the scale."""

    FLOOR = "floor"
    CEIL = "ceil"
    DOWN = "down"
    UP = "up"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    HALF_DOWN = "half_down"


RuleText = Annotated[str, Meta(min_length=1, max_length=32768, description="JSONLogic, as JSON text.")]


class Conversion(Struct, frozen=True, forbid_unknown_fields=True):
    """Points that lapse become a voucher."""

    step_points: Points
    """Only whole steps are converted; the rest lapses."""
    step_value: Decimal
    """Of each step, in major units of the program's currency."""
    valid_months: Months


class PointCurrency(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A kind of points a program keeps."""

    code: Code
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scale: Annotated[int, Meta(ge=0, le=6, description="Digits after the point that are kept.")] = 0
    redeemable: bool = True
    """Members can spend these points."""
    qualifying: bool = False
    """These points count toward a tier."""
    expiry_months: Months | None = None
    """Months after earning at which points lapse: short for an expiry ``after`` so many months."""
    expiry: Expiry | None = None
    """When points lapse; absent, and without ``expiry_months``, never."""
    availability: Availability | None = None
    """When points can be spent; absent means immediately."""
    inactivity: Inactivity | None = None
    """Absent: points stay, whatever the member does or does not."""
    conversion: Conversion | None = None
    """What becomes of points that lapse by age; absent: nothing."""

    @property
    def lapses(self) -> Expiry | None:
        """When points lapse, whichever way it is written."""
        return After(months=self.expiry_months) if self.expiry_months else self.expiry


class Attribute(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A fact that this program's activity carries beyond what every purchase has, for rules to read."""

    name: Name
    type: Literal["decimal", "int", "bool", "str", "date", "list[str]"]
    of: Literal["purchase", "line"] = "purchase"
    unit: Annotated[
        str,
        Meta(
            pattern=r"^(?:none|count|days|points|money|money:[A-Z]{3})(?![\s\S])",
            description="money is in the program's currency, money:USD in another; numbers of unlike units never meet.",
        ),
    ] = "none"
    required: bool = False
    """Activity without it is refused."""
    null_as: Decimal | None = None
    """What an absent number counts as in every rule."""
    enum: Annotated[tuple[Annotated[str, Meta(max_length=200)], ...], Meta(max_length=1000)] = ()
    """The only texts there are, if there are few."""
    description: Annotated[str, Meta(max_length=500)] = ""


class Cap(Struct, frozen=True, forbid_unknown_fields=True):
    """The most that one rule gives one member."""

    period: Literal["purchase", "day", "month", "year"]
    """Counted on the program's calendar, by the purchase's effective date."""
    points: Points


class EarnRule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How many points a purchase earns."""

    rule: RuleText
    """The points: a number, rounded last."""
    point_currency: Code
    rule_id: Code = "earn"
    rounding: RoundingMode = RoundingMode.FLOOR
    """How the result becomes whole units of the point currency."""
    rounding_scale: Annotated[int, Meta(ge=-9, le=6)] | None = None
    """Decimal places that are kept, where they are fewer than the point currency's: -1 rounds to tens."""
    condition: RuleText | None = None
    """Whether the rule applies: true or false. Absent means always."""
    kind: Literal["base", "bonus"] = ORDINARY  # type: ignore[assignment]  # it is one of the two
    """Points of the purchase itself, or of a promotion. Bonus rules come after all base rules, and read base_points."""
    per: Literal["purchase", "line"] = "purchase"
    """``line`` evaluates condition and points for each basket line, and rounds the sum."""
    group: Code | None = None
    """Of the rules of one group only one gives points: that of the highest priority, then the one that gives most."""
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    caps: Annotated[tuple[Cap, ...], Meta(max_length=8)] = ()
    budget_points: Points | None = None
    """The most that the rule gives to all members together."""
    valid_from: date | None = None
    """First effective date on which it applies."""
    valid_until: date | None = None
    """First effective date on which it no longer applies."""
    availability: Availability | None = None
    """When its points can be spent; absent: as the point currency says."""
    expiry: Expiry | None = None
    """When its points lapse; absent: as the point currency says."""
    funding: Annotated[str, Meta(min_length=1, max_length=100)] = OWN
    """Who pays: ``own``, or the id of a partner or promotion."""


class BurnRule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What points are worth, in the program's currency, when a member spends them."""

    rule: RuleText
    """The worth: a number of money, rounded last."""
    point_currency: Code
    rule_id: Code = "burn"
    rounding: RoundingMode = RoundingMode.FLOOR
    """How the result becomes whole minor units of money."""
    condition: RuleText | None = None
    """Whether the rule applies; the first rule that applies counts. Absent means always."""
    minimum_points: Points | None = None
    """The fewest points that are redeemed at once."""
    step_points: Points | None = None
    """Points are redeemed in multiples of this."""
    maximum_share: Decimal | None = None
    """Largest part of a purchase's amount that points may pay; a redemption then has to say the amount."""


class ReturnPolicy(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What happens to points of a purchase that is returned, if they are not there any more."""

    beyond: Literal["negative", "within_balance", "waterfall"] = "negative"
    """``negative``: they are owed, and later accruals pay them back. ``within_balance``: they are written off.
    ``waterfall``: their worth is taken off the refund."""


class HoldPolicy(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How long points can be reserved."""

    default_minutes: Annotated[int, Meta(ge=1, le=525_600)] = 60
    maximum_minutes: Annotated[int, Meta(ge=1, le=525_600)] = 43_200


class TransferRule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How members may send points of one currency to each other."""

    point_currency: Code
    minimum_points: Points | None = None
    step_points: Points | None = None
    out_per_year: Points | None = None
    """The most that a member sends in a calendar year."""
    in_per_year: Points | None = None
    """The most that a member gets in a calendar year."""


class WarningPolicy(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How long ahead members are warned."""

    expiry_days: Annotated[int, Meta(ge=1, le=366)] = 30
    """Before points lapse."""
    tier_days: Annotated[int, Meta(ge=1, le=366)] = 60
    """Before a tier ends."""


class ApprovalPolicy(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What takes a second person. What counts is the version in force when somebody asks."""

    adjustments_above: Annotated[int, Meta(ge=0, le=1_000_000_000_000)] | None = None
    """Accruals, adjustments and reinstatements of more points than this, either way; absent: none of them."""
    publishing: bool = False
    """Publishing a version, also one that would change this."""
    expires_hours: Annotated[int, Meta(ge=1, le=8_760)] = 72
    """After which a request can no longer be approved."""


class Terms(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Everything a version of a program lays down."""

    point_currencies: Annotated[tuple[PointCurrency, ...], Meta(min_length=1, max_length=20)]
    earn: EarnRule | Annotated[tuple[EarnRule, ...], Meta(max_length=200)]
    """One rule, or several in their order."""
    burn: BurnRule | Annotated[tuple[BurnRule, ...], Meta(max_length=50)] | None = None
    """Absent where points cannot be spent."""
    attributes: Annotated[tuple[Attribute, ...], Meta(max_length=100)] = ()
    ladders: Annotated[tuple[Ladder, ...], Meta(max_length=10)] = ()
    """Tiers; the first ladder is the one that rules simply call tier."""
    returns: ReturnPolicy = ReturnPolicy()
    holds: HoldPolicy = HoldPolicy()
    transfers: Annotated[tuple[TransferRule, ...], Meta(max_length=20)] = ()
    """Point currencies that members may send to each other; none are, unless they are named here."""
    adjustment_reasons: Annotated[tuple[Code, ...], Meta(max_length=200)] = ()
    """Codes that an adjustment may give; absent: any."""
    warnings: WarningPolicy = WarningPolicy()
    approvals: ApprovalPolicy = ApprovalPolicy()

    @property
    def earn_rules(self) -> tuple[EarnRule, ...]:
        """Return the earn rules, however they are written."""
        return self.earn if isinstance(self.earn, tuple) else (self.earn,)

    @property
    def burn_rules(self) -> tuple[BurnRule, ...]:
        """Return the burn rules, however they are written."""
        if self.burn is None:
            return ()
        return self.burn if isinstance(self.burn, tuple) else (self.burn,)

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
