"""What-ifs as the outside sees them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from projections.whatifs.rows import Found, WhatIf, decode_terms, decode_totals, decode_values
from projections.whatifs.totals import CurrencyTotals
from rules.pricing.whatif import TierCompared, Uncovered

ASSUMPTIONS = (
    "Members do what they did: redemptions, transfers, adjustments and points without a purchase stay as they are.",
    "Caps, counters, tiers and history are carried forward; purchases outside the window keep their own version.",
    "A rule with the very budget that it had gives no purchase more than it gave then; other budgets are not enforced.",
    "A purchase that the version would have refused for its attributes keeps what it was given.",
    "Points lapse by the dates of the version that gives them; inactivity and waiting times are not decided again.",
)


class WhatIfCurrency(Struct, frozen=True):
    """One point currency, over all accounts; points in its smallest unit."""

    point_currency: str
    awarded_points: int
    """By purchases since the window's start, less what returns took back."""
    awarded_base_points: int
    awarded_bonus_points: int
    hypothetical_points: int
    hypothetical_base_points: int
    hypothetical_bonus_points: int
    difference_points: int
    repaired_points: int
    """Given or taken by earlier repairs of a window that meets this one."""
    lapsed_points: int
    """Of the difference, what makes none in today's balances: it has lapsed, or would have."""
    liability_before_points: int
    """Balances of all accounts that were looked at."""
    liability_after_points: int
    liability_change_points: int
    point_value_minor: Decimal | None
    """As it was asked with."""
    liability_change_minor: int | None
    """In minor units of the program's currency; half a unit goes to the even one."""
    winner_count: int
    winner_points: int
    loser_count: int
    loser_points: int
    unchanged_count: int
    distribution: dict[str, int]
    """Accounts by class of their change: ``-100`` is from -999 to -100, ``0`` no change, ``10`` from 10 to 99."""
    uncovered_redemption_count: int
    """Redemptions for which points would have been missing."""
    uncovered_points: int


class WhatIfMemberCurrency(Struct, frozen=True):
    """One point currency of an account, both ways."""

    point_currency: str
    awarded_base_points: int
    awarded_bonus_points: int
    hypothetical_base_points: int
    hypothetical_bonus_points: int
    difference_points: int
    repaired_points: int
    lapsed_points: int
    balance_points: int
    hypothetical_balance_points: int
    change_points: int


class WhatIfMember(Struct, frozen=True):
    """An account for which something would be different."""

    member_id: str
    account_id: str
    version: int
    """Of the account's stream, as far as it was looked at."""
    absolute_points: int
    """By how much its points would differ, in all point currencies together."""
    change_points: int
    """By how much its balances would be more."""
    currencies: list[WhatIfMemberCurrency]
    tiers: list[TierCompared]
    """Those that would be others, or end on another day."""
    uncovered: list[Uncovered]


class WhatIfBudget(Struct, frozen=True):
    """What a rule would draw from a budget that is not enforced."""

    rule: str
    limit_points: int
    hypothetical_points: int


class WhatIfTotals(Struct, frozen=True):
    """Over all accounts, as far as they were looked at."""

    account_count: int
    different_count: int
    purchase_count: int
    """Gone through again, also those before and after the window."""
    window_purchase_count: int
    kept_purchase_count: int
    """In the window, which the version would have refused; they keep what they were given."""
    currencies: list[WhatIfCurrency]
    tiers: dict[str, int]
    """Accounts whose tier would be another, by ladder and both tiers: ``status: silver -> gold``."""
    budgets: list[WhatIfBudget]


class WhatIfView(Struct, frozen=True):
    """What another version of a program would have come to in a window of the past."""

    what_if_id: str
    status: str
    """``queued``, ``running``, ``done``, ``cancelled`` or ``failed``."""
    is_stopping: bool
    """Somebody asked to cancel it; what is under way is finished first."""
    version: str
    """``draft``, ``inline`` or the number of a version."""
    window_start: datetime
    window_end: datetime | None
    as_of: datetime
    """Lapses and tiers are told as of this moment."""
    sample: int | None
    account_count: int
    """That are to be looked at."""
    done_count: int
    purchases_per_s: int | None
    seconds_left: int | None
    totals: WhatIfTotals
    winners: list[WhatIfMember]
    """The ten who would gain most."""
    losers: list[WhatIfMember]
    """The ten who would lose most."""
    result_sha256: str
    """Over what was found, account by account: the same question of the same ledger has the same hash."""
    positions: list[int]
    """How far each partition of the ledger is looked at."""
    assumptions: tuple[str, ...]
    failure: str
    asked_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class WhatIfPage(Struct, frozen=True):
    """What-ifs, newest first."""

    what_ifs: list[WhatIfView]
    next_cursor: str | None


class WhatIfMembers(Struct, frozen=True):
    """Accounts for which something would be different, the largest difference first."""

    members: list[WhatIfMember]
    next_cursor: str | None


def what_if_view(one: WhatIf, winners: Iterable[Found] = (), losers: Iterable[Found] = ()) -> WhatIfView:
    """Return a what-if as it is now."""
    totals = totals_view(one)
    seconds = ((one.ended_at or datetime.now(UTC)) - one.started_at).total_seconds() if one.started_at else 0.0
    is_over = one.ended_at is not None
    per_s = one.done_count / seconds if seconds > 0 else 0.0
    return WhatIfView(
        what_if_id=str(one.what_if_id),
        status=one.status,
        is_stopping=one.cancel_requested_at is not None and not is_over,
        version=one.version,
        window_start=one.window_start,
        window_end=one.window_end,
        as_of=one.as_of,
        sample=one.sample,
        account_count=one.account_count,
        done_count=one.done_count,
        purchases_per_s=round(totals.purchase_count / seconds) if seconds > 0 else None,
        seconds_left=round((one.account_count - one.done_count) / per_s) if per_s and not is_over else None,
        totals=totals,
        winners=[member_view(found) for found in winners],
        losers=[member_view(found) for found in losers],
        result_sha256=one.result_sha256.hex(),
        positions=one.positions,
        assumptions=ASSUMPTIONS,
        failure=one.failure,
        asked_by=one.principal,
        created_at=one.created_at,
        started_at=one.started_at,
        ended_at=one.ended_at,
    )


def totals_view(one: WhatIf) -> WhatIfTotals:
    """Return what all accounts come to, as far as they were looked at."""
    totals, values = decode_totals(one.totals), decode_values(one.point_values)
    limits = {rule.rule_id: rule.budget_points or 0 for rule in decode_terms(one.terms).earn_rules}
    return WhatIfTotals(
        totals.account_count,
        totals.different_count,
        totals.purchase_count,
        totals.window_count,
        totals.kept_count,
        [_currency(code, of, values.get(code)) for code, of in sorted(totals.currencies.items())],
        dict(sorted(totals.tiers.items())),
        [WhatIfBudget(rule, limits[rule], points) for rule, points in sorted(totals.budgets.items())],
    )


def _currency(code: str, of: CurrencyTotals, value: Decimal | None) -> WhatIfCurrency:
    money = None
    if value is not None:
        money = int((value * of.change_points).to_integral_value(ROUND_HALF_EVEN))
    return WhatIfCurrency(
        code,
        of.awarded_base_points + of.awarded_bonus_points,
        of.awarded_base_points,
        of.awarded_bonus_points,
        of.hypothetical_base_points + of.hypothetical_bonus_points,
        of.hypothetical_base_points,
        of.hypothetical_bonus_points,
        of.difference_points,
        of.repaired_points,
        of.lapsed_points,
        of.balance_points,
        of.balance_points + of.change_points,
        of.change_points,
        value,
        money,
        of.winner_count,
        of.winner_points,
        of.loser_count,
        of.loser_points,
        of.unchanged_count,
        _sorted(of.distribution),
        of.uncovered_count,
        of.uncovered_points,
    )


def _sorted(distribution: dict[str, int]) -> dict[str, int]:
    return dict(sorted(distribution.items(), key=lambda one: int(one[0])))


def member_view(found: Found) -> WhatIfMember:
    """Return what was found about an account."""
    outcome = found.read()
    return WhatIfMember(
        str(found.member_id),
        str(found.account_id),
        found.version,
        found.absolute_points,
        found.change_points,
        [
            WhatIfMemberCurrency(
                one.point_currency,
                one.awarded.base,
                one.awarded.bonus,
                one.hypothetical.base,
                one.hypothetical.bonus,
                one.hypothetical.all - one.awarded.all,
                one.repaired_points,
                one.lapsed_points,
                one.balance_points,
                one.hypothetical_balance_points,
                one.change_points,
            )
            for one in outcome.currencies
        ],
        [one for one in outcome.tiers if not one.is_same],
        list(outcome.uncovered),
    )


CSV_HEADER = (
    "member_id,account_id,point_currency,awarded_base_points,awarded_bonus_points,hypothetical_base_points,"
    "hypothetical_bonus_points,difference_points,repaired_points,lapsed_points,balance_points,"
    "hypothetical_balance_points,change_points,tiers,uncovered_points\r\n"
)


def csv_lines(page: Sequence[Found]) -> str:
    """Return a line for every point currency of accounts; nothing in it needs quoting."""
    lines = []
    for found in page:
        member = member_view(found)
        tiers = ";".join(
            f"{one.ladder}:{one.tier or 'none'}->{one.hypothetical_tier or 'none'}" for one in member.tiers
        )
        for one in member.currencies:
            short = sum(each.short_points for each in member.uncovered if each.point_currency == one.point_currency)
            fields = (
                member.member_id,
                member.account_id,
                *(getattr(one, name) for name in one.__struct_fields__),
                tiers,
                short,
            )
            lines.append(",".join(map(str, fields)) + "\r\n")
    return "".join(lines)
