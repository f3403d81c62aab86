import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from msgspec import Struct

from ledger.access.events import (
    Grant,
    KeyExpirySet,
    KeyIssued,
    KeyRevoked,
    PasswordSet,
    SensitiveRead,
    SignedIn,
    SignedOut,
    SignInRefused,
    UserAdded,
    UserDisabled,
    UserEnabled,
    UserGranted,
)
from ledger.account.events import (
    AccountClosed,
    AccountOpened,
    AccountSuspended,
    Accrual,
    Count,
    ExpiryChanged,
    HoldCaptured,
    HoldExpired,
    HoldVoided,
    LotMove,
    LotPoints,
    LotsExpired,
    LotsReleased,
    MemberErased,
    NewDates,
    PointsAccrued,
    PointsAdjusted,
    PointsHeld,
    PointsRedeemed,
    PointsReinstated,
    PointsTransferredIn,
    PointsTransferredOut,
    PurchasePosted,
    PurchaseRepriced,
    PurchaseReturned,
    QualifyingPeriodClosed,
    RedemptionReversed,
    Repayment,
    RuleChange,
    SuspensionLifted,
    TierChanged,
    TierRetained,
    VoucherIssued,
)
from ledger.approval.events import ApprovalGranted, ApprovalRejected, ApprovalRequested
from ledger.archive.events import BulkRemoved, BulkReturned
from ledger.bookkeeping.events import (
    CohortFigures,
    EstimateApplied,
    Funder,
    PeriodClosed,
    PeriodReopened,
    SettingsSet,
)
from ledger.budget.events import BudgetDrawn, BudgetReturned
from ledger.pool.events import (
    PoolMemberAdded,
    PoolMemberRemoved,
    PoolOpened,
    PoolRedeemed,
    PoolRedemptionReversed,
    Share,
)
from ledger.program.events import (
    ProgramCreated,
    ProgramDraftDiscarded,
    ProgramDrafted,
    ProgramPublished,
    ProgramVersionWithdrawn,
)
from ledger.program.ladders import (
    Counter,
    ForMonths,
    Ladder,
    Rolling,
    Rollover,
    Threshold,
    Tier,
    UntilDay,
)
from ledger.program.terms import (
    BurnRule,
    Conversion,
    EarnRule,
    HoldPolicy,
    PointCurrency,
    ReturnPolicy,
    RoundingMode,
    Terms,
    TransferRule,
    WarningPolicy,
)
from ledger.program.timing import CutOff, Inactivity, OnEvent
from ledger.store.codec import EVENT_TYPES, UnknownTopic, decode, encode, topic_bytes
from ledger.streams import STREAMS

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
FUNDER = Funder("bakery", "0.7", "0.3", 42)
LATER = NOON + timedelta(days=365)
TODAY = date(2026, 3, 15)
TERMS = Terms(
    (PointCurrency("points", "Pünktli", 2, qualifying=True, expiry_months=24),),
    EarnRule('{"var":"transaction_amount"}', "points", "double", RoundingMode.HALF_EVEN),
    BurnRule("1", "points"),
)
TIMED = Terms(
    (PointCurrency("points", "P", inactivity=Inactivity(24), conversion=Conversion(100, Decimal("1.50"), 6)),),
    EarnRule("1", "points", availability=OnEvent("stay-completed", 30), expiry=CutOff(("12-31",), 12)),
    ladders=(
        Ladder(
            "club",
            (Tier("base", "Base"), Tier("gold", "Gold", any_of=(Threshold("nights", Decimal("1.5")),))),
            (Counter("nights", "attribute", attribute="nights"),),
            Rolling(12),
            ForMonths(6),
            "one_step",
            30,
        ),
        Ladder("years", (Tier("base", "Base"),), rollover=Rollover("points", 5), validity=UntilDay("03-31", 2)),
    ),
    returns=ReturnPolicy("waterfall"),
    holds=HoldPolicy(5, 10),
    transfers=(TransferRule("points", 5, 5, 10, 10),),
    adjustment_reasons=("fraud",),
    warnings=WarningPolicy(1, 2),
)

EVENTS: list[Struct] = [
    AccountOpened("club", "0195f3d2-8c4e-7cc1-9a52-6f1d2b7a4e10", NOON, TODAY),
    PurchasePosted("store", "t1", NOON, TODAY, 95, "CHF", 1),
    PurchasePosted(
        'a "store"\n\\ \u2028 日本 😀',
        "t2",
        NOON.replace(microsecond=1),
        TODAY,
        10**15,
        "CHF",
        1,
        (
            Accrual(1, "points", 10**15, TODAY, date(2028, 2, 29), "bonus", "spring", "partner:bakery"),
            Accrual(2, "status", 1, TODAY),
        ),
        {"points": 2**63 - 1, "status": 1},
    ),
    PurchasePosted("store", "t3", NOON, TODAY, 95, "CHF", 1, overtaken_by=("r1",), attributes={"nights": 2}),
    PointsAccrued("desk", "a1", NOON, TODAY, "goodwill", (Accrual(1, "points", 5, TODAY),), {"points": 5}),
    PointsRedeemed("store", "r1", NOON, TODAY, "points", 5, 5, "CHF", 1, (LotPoints(1, 5),), {"points": 0}),
    RedemptionReversed("store", "r1", NOON, TODAY, "regret", "points", 5, (LotPoints(1, 5),), {"points": 5}),
    *(
        PurchaseReturned(
            "store",
            "x1",
            "store",
            "t2",
            NOON,
            TODAY,
            "too small",
            95,
            "CHF",
            1,
            changes=(RuleChange("spring", "points", 5, 0, ("2026",)),),
            taken=(LotMove(1, "points", 3),),
            debts={"points": 2},
            counts=(Count("status:spend", "2026", -95),),
            balances={"points": -2},
            attributes={"nights": 1},
        ),
        PurchaseRepriced("store", "t2", NOON, TODAY, "t1", (), balances={"points": 0}),
        PointsHeld("shop", "h1", NOON, TODAY, "points", 5, NOON, (LotPoints(1, 5),), {"points": 5}, 995),
        HoldCaptured(
            "shop", "h1", "r2", NOON, TODAY, "points", 4, 4, "CHF", 1, (LotPoints(1, 4),), (LotPoints(1, 1),), {}
        ),
        HoldVoided("shop", "h2", NOON, TODAY, "regret", "points", 5, (LotPoints(1, 5),), {"points": 5}),
        HoldExpired("h3", NOON, TODAY, "points", 5, (LotPoints(1, 5),), {"points": 5}),
        LotsReleased(NOON, TODAY, (LotMove(1, "points", 5),), {"points": 5}),
        LotsExpired(NOON, TODAY, "age", (LotMove(1, "points", 5),), {"points": 0}),
        VoucherIssued("v1", NOON, TODAY, "points", 500, 500, "CHF", TODAY, {"points": 0}),
        PointsReinstated("desk", "i1", NOON, TODAY, "ill", (Accrual(1, "points", 5, TODAY),), {"points": 5}),
        ExpiryChanged(NOON, TODAY, 2, (NewDates(1, "points", None, 12, ("purchase",)),), {"points": 5}),
        PointsAdjusted("desk", "j1", NOON, TODAY, "fraud", "", "points", -5, {"points": 0}),
        PointsTransferredOut("app", "f1", NOON, TODAY, "points", 5, "m", (LotPoints(1, 5),), {"points": 0}),
        PointsTransferredIn(
            "app",
            "f1",
            NOON,
            TODAY,
            "points",
            5,
            "m",
            (Accrual(1, "points", 5, TODAY, earned_on=TODAY),),
            {"points": 3},
            repaid=(Repayment(1, "points", 2, "x1"),),
        ),
        AccountSuspended("desk", NOON, TODAY, "review", True),
        SuspensionLifted("desk", NOON, TODAY, "fine"),
        AccountClosed("desk", NOON, TODAY, "left", {}),
        MemberErased("desk", NOON, TODAY, "m", "on_request", "keep", "key:k", {"points": 5}),
        TierChanged("status", "gold", "", NOON, TODAY, "qualified", TODAY, "2026", ("silver",)),
        TierRetained("status", "gold", NOON, TODAY, None),
        QualifyingPeriodClosed("status", "2026", NOON, TODAY, {"nights": 5}, {"nights": 1}, "gold"),
    ),
    ProgramCreated("club", "The Club", "CHF", "Europe/Zurich", NOON),
    ProgramDrafted(TERMS, NOON),
    ProgramDrafted(TIMED, NOON),
    ProgramPublished(1, NOON, TERMS, NOON),
    ProgramDraftDiscarded(NOON, "key:a"),
    ProgramVersionWithdrawn(1, NOON, "key:a"),
    BudgetDrawn("spring", 5, "store", "t1", NOON),
    BudgetReturned("spring", 5, "store", "x1", NOON),
    PoolOpened("club", "home", "app", NOON, ("m", "n")),
    PoolMemberAdded("app", NOON, "o"),
    PoolRedeemed("app", "r9", NOON, "points", 5, 5, "CHF", 1, (Share("m", 3), Share("n", 2))),
    PoolRedemptionReversed("app", "r9", NOON, "cancelled"),
    PoolMemberRemoved("app", NOON, "o"),
    KeyIssued("key:khaywe_v5TObnQ1", Grant("pos", ("purchases:post",), ("club",)), "cli", NOON, LATER, "khaywe_a"),
    KeyExpirySet("key:khaywe_v5TObnQ1", NOON, "cli", NOON),
    KeyRevoked("key:khaywe_v5TObnQ1", "cli", NOON),
    UserAdded("user:u", Grant("partner", partners=("bakery",), stores=("store",)), "cli", NOON),
    UserGranted("user:u", Grant("finance"), "cli", NOON),
    UserDisabled("user:u", "cli", NOON),
    UserEnabled("user:u", "cli", NOON),
    PasswordSet("user:u", "cli", NOON),
    SignedIn("user:u", NOON),
    SignInRefused("user:u", NOON, "wrong-password"),
    SignedOut("user:u", NOON),
    SensitiveRead("user:u", "profile", NOON, "req-1", "club", ("m",), 1),
    ApprovalRequested("a1", "club", "adjustment", "{}", "00ff", "user:u", NOON, LATER),
    ApprovalGranted("user:v", NOON),
    ApprovalRejected("user:v", NOON, "no such case"),
    SettingsSet("club", "points", date(2026, 1, 1), "EUR", "1", "0.95", "remote", "key:k", NOON, "0.5", (FUNDER,)),
    EstimateApplied("2026-01/own/points", 9700, "key:k", NOON),
    PeriodClosed("2026-01", {"0": 9}, "ab" * 32, 1, 1, 0, {"2000": -5}, (CohortFigures("c"),), "key:k", NOON, 1),
    PeriodReopened("2026-01", "key:k", "user:v", NOON, "a price was wrong"),
    BulkRemoved(1, {"0": 12}, {"0": "ab" * 32}, 9, "cd" * 32, "cli:anna", NOON),
    BulkReturned("cli:anna", NOON),
]


def topic_of(event: Struct) -> str:
    """Return the topic as the store's column has it."""
    return topic_bytes(event).decode()


def test_every_event_type_is_tried_here() -> None:
    """Whoever adds one adds an example."""
    assert set(EVENT_TYPES.values()) == {type(event) for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=topic_of)
def test_an_event_comes_back_as_it_was(event: Struct) -> None:
    """And gives the same bytes again."""
    state = encode(event)
    again = decode(topic_of(event), state)
    assert (type(event), event) == (type(again), again)
    assert state == encode(again)


@pytest.mark.parametrize("event", EVENTS, ids=topic_of)
def test_events_are_stored_as_json_objects_in_utf_8(event: Struct) -> None:
    """Analysts read them with any tool; fields stand in their declared order, nulls are left out."""
    stored = msgspec.json.decode(encode(event).decode("utf-8"))
    declared = [name for name in event.__struct_fields__ if name in stored]
    assert declared == list(stored)
    assert None not in stored.values()


@pytest.mark.parametrize("fact", [*EVENTS, Accrual(1, "points", 5, TODAY), LotPoints(1, 5)])
def test_a_fact_cannot_be_changed(fact: Struct) -> None:
    """Nor can its parts: whoever folds or shows it sees what was recorded."""
    for field in fact.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(fact, field, None)


def test_defaults_are_left_out() -> None:
    """Most accruals of most events are ordinary, and bytes are what a ledger is made of."""
    expected = (
        b'{"source":"store","transaction_id":"t1","occurred_at":"2026-03-15T12:00:00Z","effective_on":"2026-03-15",'
        b'"amount_minor":95,"currency":"CHF","program_version":1,'
        b'"accruals":[{"lot":1,"point_currency":"points","points":7,"available_from":"2026-03-15"}]}'
    )
    event = PurchasePosted("store", "t1", NOON, TODAY, 95, "CHF", 1, (Accrual(1, "points", 7, TODAY),))
    assert expected == encode(event)


def test_a_default_that_was_written_out_is_read_too() -> None:
    """Another writer may have spelled it."""
    state = (
        b'{"source":"store","transaction_id":"t1","occurred_at":"2026-03-15T12:00:00Z","effective_on":"2026-03-15",'
        b'"amount_minor":95,"currency":"CHF","program_version":1,"accruals":[],"balances":{}}'
    )
    assert EVENTS[1] == decode("account.purchase_posted.v1", state)


def test_an_account_event_with_a_field_from_the_future_is_read() -> None:
    """A newer Khaywe may add optional fields under the same topic; this one passes them over."""
    state = encode(EVENTS[0]).removesuffix(b"}") + b',"channel":"app"}'
    assert EVENTS[0] == decode("account.opened.v1", state)


def test_an_instant_keeps_its_microseconds() -> None:
    """In UTC it ends in Z; another zone is kept as an offset, and is the same instant."""
    event = AccountOpened("club", "m", datetime(2026, 3, 15, 12, 0, 0, 120, tzinfo=UTC), TODAY)
    assert b'"occurred_at":"2026-03-15T12:00:00.000120Z"' in encode(event)
    local = msgspec.structs.replace(event, occurred_at=event.occurred_at.astimezone(timezone(timedelta(hours=-3.5))))
    assert b'"occurred_at":"2026-03-15T08:30:00.000120-03:30"' in encode(local)
    assert event == decode(topic_of(local), encode(local))


def test_topics_are_pinned_and_versioned() -> None:
    """They name their stream and end in a version, and no two events share one."""
    types = [event_type for stream in STREAMS for event_type in stream.event_types]
    assert len(types) == len(EVENT_TYPES)
    for stream in STREAMS:
        for event_type in stream.event_types:
            topic = topic_of(next(event for event in EVENTS if type(event) is event_type))
            assert re.fullmatch(rf"{stream.name}\.[a-z]+(_[a-z]+)*\.v[1-9][0-9]*", topic)
            assert event_type is EVENT_TYPES[topic]


@pytest.mark.parametrize("topic", ["", "account.opened.v2", "account.opened", "Account.opened.v1", "member.renamed.v1"])
def test_an_unknown_topic_is_an_error_and_not_a_refusal(topic: str) -> None:
    """A newer Khaywe wrote it; nothing is guessed."""
    with pytest.raises(UnknownTopic, match=re.escape(repr(topic))):
        decode(topic, b"{}")


@pytest.mark.parametrize("state", [b"", b"{}", b"null", b"[]", b'{"program_id":7}', b"\xff", encode(EVENTS[1])])
def test_bytes_that_are_no_such_event_are_an_error(state: bytes) -> None:
    """A damaged store is noticed."""
    with pytest.raises(msgspec.DecodeError):
        decode("account.opened.v1", state)
