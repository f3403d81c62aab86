"""Pricing on a till: a bundle and a purchase give a promise, and what had to be assumed for it."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from ledger.account.state import Account, Held
from ledger.dates import as_utc, local_date, time_zone
from ledger.errors import InvalidInput
from ledger.money import to_minor
from rules.activity import Promise, Purchase
from rules.errors import NoVersionInForce
from rules.instructions.purchases import checked_lines
from rules.pricing.plans import Plan, plan_of
from rules.pricing.price import CheckedPurchase, price_purchase
from rules.tills.bundle import Bundle


class Known(Struct, frozen=True, forbid_unknown_fields=True):
    """What a till knows of the member, for example from the card; what is absent is as of somebody who just joined."""

    tiers: dict[str, str] = {}
    """Tier by ladder."""
    member_since: date | None = None
    purchase_count: int = 0
    lifetime_spend: Decimal = Decimal(0)
    """In major units of the program's currency."""
    last_purchase_on: date | None = None


class TillPurchase(Purchase, frozen=True, forbid_unknown_fields=True):
    """A purchase as a till reports it to itself."""

    known: Known | None = None

    def upload(self, promise: Promise) -> dict[str, Any]:
        """Return what is to be posted once there is a network again."""
        fields = {name: getattr(self, name) for name in Purchase.__struct_fields__}
        written: dict[str, Any] = msgspec.to_builtins(fields | {"promised": promise}, str_keys=True)
        return {name: value for name, value in written.items() if value not in (None, (), [], {})}


class RulePromise(Struct, frozen=True):
    """What one rule gives, for the receipt."""

    rule: str
    point_currency: str
    points: int
    status: str


class Receipt(Struct, frozen=True):
    """What a till prints, and what it had to assume."""

    transaction_id: str
    points: dict[str, int]
    """Per point currency, in its smallest unit; provisional."""
    rules: tuple[RulePromise, ...]
    assumptions: tuple[str, ...]


class Provisional(Struct, frozen=True):
    """A purchase priced on the till."""

    upload: dict[str, Any]
    receipt: Receipt


def price_on_till(bundle: Bundle, purchase: TillPurchase) -> Provisional:
    """
    Price a purchase by a bundle alone.

    Raises:
        NoVersionInForce: It happened before the bundle's time, or after it.
        CurrencyMismatch: And the further refusals of pricing.
    """
    _check_time(bundle, purchase)
    program = bundle.program()
    checked = CheckedPurchase(purchase, to_minor(purchase.amount, purchase.currency), checked_lines(purchase))
    priced = price_purchase(checked, program, _member(bundle, purchase))
    points = dict.fromkeys((one.point_currency for one in bundle.terms.earn_rules), 0)
    for award in priced.command.awards:
        points[award.point_currency] += award.points
    promise = Promise(bundle.version, points, as_utc(purchase.occurred_at))
    by_rule = tuple(
        RulePromise(one.plan.terms.rule_id, one.plan.terms.point_currency, one.points, one.status.value)
        for one in priced.outcomes
    )
    assumed = tuple(assumptions(bundle, purchase.known))
    return Provisional(purchase.upload(promise), Receipt(purchase.transaction_id, points, by_rule, assumed))


def assumptions(bundle: Bundle, known: Known | None) -> Iterator[str]:
    """Give what a promise takes for granted that only the ledger knows."""
    for rule in bundle.terms.earn_rules:
        for cap in rule.caps:
            if cap.period != "purchase":
                yield f"cap:{rule.rule_id}:{cap.period}"
    for rule_id in bundle.budgeted:
        yield f"budget:{rule_id}"
    for fact in _facts_of_member(bundle):
        if known is None or not _is_told(fact, known):
            yield f"member:{fact}"


def _facts_of_member(bundle: Bundle) -> list[str]:
    program = bundle.program()
    plan: Plan = plan_of(program, program.versions[0])
    return [name for name, _ in plan.readers if name in plan.account_readers]


def _is_told(fact: str, known: Known) -> bool:
    if fact.startswith(("tier", "benefit")):
        return bool(known.tiers)
    name = "last_purchase_on" if fact == "last_purchase_days_ago" else fact
    return bool(getattr(known, name, None))


def _check_time(bundle: Bundle, purchase: Purchase) -> None:
    occurred_at = as_utc(purchase.occurred_at)
    if occurred_at < bundle.effective_from:
        message = f"This bundle holds from {bundle.effective_from.isoformat()} on; take the one of the version before."
        raise NoVersionInForce(message, pointer="/occurred_at")
    if bundle.valid_until is not None and occurred_at >= bundle.valid_until:
        message = f"This bundle held until {bundle.valid_until.isoformat()}; take version {bundle.next_version}."
        raise NoVersionInForce(message, pointer="/occurred_at")


def _member(bundle: Bundle, purchase: TillPurchase) -> Account | None:
    known = purchase.known
    if known is None:
        return None
    ladders = {one.code: {tier.code for tier in one.tiers} for one in bundle.terms.ladders}
    for ladder, tier in known.tiers.items():
        if tier not in ladders.get(ladder, ()):
            raise InvalidInput(f"There is no tier {tier!r} on a ladder {ladder!r}.", pointer=f"/known/tiers/{ladder}")
    on = local_date(purchase.occurred_at, time_zone(bundle.timezone))
    return Account(
        bundle.program_id,
        "",
        known.member_since or on,
        purchase_count=known.purchase_count,
        spent_minor=to_minor(known.lifetime_spend, bundle.currency),
        last_purchase_on=known.last_purchase_on,
        tiers={ladder: Held(tier, {tier: None}) for ladder, tier in known.tiers.items()},
    )
