"""A till that books on one account below the database, and programs in which everything depends on everything."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from ledger.account.activity import available_points
from ledger.account.books import Book
from ledger.account.events import AccountEvent, AccountOpened
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.budget import state as budget
from ledger.budget.state import Budgets
from ledger.posting.instruction import HistoryNeeded, Instruction, On
from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import Terms
from ledger.streams import account_stream_id
from rules.activity import Purchase, Redemption, Reversal
from rules.instructions import post_purchase, redeem, return_purchase, reverse_redemption
from rules.pricing.history import history_of
from rules.pricing.plans import plan_of
from rules.requests import ReturnRequest
from rules.tiers.holding import tier_on

MEMBER = UUID("0195f3d2-8c4e-7cc1-9a52-6f1d2b7a4e10")
STARTED = datetime(2025, 1, 1, tzinfo=UTC)
JOINED = datetime(2025, 2, 28, 9, tzinfo=UTC)
RECEIVED = datetime(2030, 1, 1, tzinfo=UTC)
ACCOUNT_ID = account_stream_id("club", MEMBER)
ASKED_ON = (date(2025, 6, 1), date(2026, 1, 1), date(2026, 6, 30), date(2027, 1, 1), date(2028, 6, 1))

Happening = dict[str, Any]
"""Something that happened, as plain data: ``kind`` says what."""


class Till:
    """Decides instructions as the poster does, and keeps what comes of them."""

    def __init__(self, program: Program, joined: datetime = JOINED) -> None:
        self.program = program
        opened = AccountOpened("club", str(MEMBER), joined, joined.date())
        self.events: list[AccountEvent] = [opened]
        self.account: Account = evolve(None, opened)
        self.budgets: Budgets | None = None

    def decide(self, instruction: Instruction) -> list[AccountEvent | On]:
        """Return what is to be recorded, and leave the state alone."""
        states = [self.account, self.program, self.budgets][: len(instruction.reads) + 1]
        before = msgspec.json.encode(states)
        try:
            try:
                made = instruction.decide(*states)
            except HistoryNeeded:
                made = instruction.decide(*states, history=list(self.events))
        finally:
            assert before == msgspec.json.encode(states)
        return [*cast("Any", made)]

    def book(self, happening: Happening) -> None:
        """Take in something that happened."""
        for event in self.decide(instruction_of(happening)):
            if isinstance(event, On):
                self.budgets = budget.evolve(self.budgets, cast("Any", event.event))
                continue
            self.events.append(event)
            self.account = evolve(self.account, event)
            self.check(event)

    def check(self, event: AccountEvent) -> None:
        """Hold what is always true of books."""
        for book in self.account.books.values():
            assert book.balance_points == book.open_points + book.held_points - book.owed_points
            assert all(lot.points > 0 for lot in book.lots.values())
            assert all(points > 0 for points in book.debts.values())
        told = getattr(event, "balances", None)
        if told:
            assert told == self.account.balances()

    def net_points(self) -> dict[tuple[str, str], int]:
        """Return what each rule gives each purchase now."""
        found = history_of(self.events).purchases.items()
        return {(key[1], rule): points for key, one in found for rule, points in one.points.items() if points}

    def books(self) -> dict[str, Any]:
        """Return everything that must not depend on the order of arrival."""
        account = self.account
        return {
            "points": self.net_points(),
            "balances": {code: points for code, points in account.balances().items() if points},
            "capped": account.capped_points,
            "counters": account.counters,
            "spent": (account.spent_minor, account.purchase_count, account.last_purchase_on),
            "tiers": self.tiers(),
        }

    def tiers(self) -> dict[str, Any]:
        """Return what secures each tier, and which one is held on several dates."""
        found: dict[str, Any] = {}
        plans = {one.ladder.code: one for v in self.program.versions for one in plan_of(self.program, v).ladders}
        for code, plan in plans.items():
            held = self.account.tiers.get(code)
            secured = {tier: (until, held.bases[tier]) for tier, until in held.secured.items()} if held else {}
            found[code] = secured, [tier_on(plan, held, on) for on in ASKED_ON]
        return found

    def available(self) -> dict[tuple[str, date], int]:
        """Return the points that can be spent on several dates."""
        return {(code, on): available_points(self.account, code, on) for code in self.account.books for on in ASKED_ON}

    def lots(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """Return the open points of each point currency by everything that their lots say."""
        found: dict[str, Counter[tuple[Any, ...]]] = {}
        for code, book in self.account.books.items():
            points: Counter[tuple[Any, ...]] = Counter()
            for one in book.lots.values():
                points[one.earned_on, one.available_from, one.expires_on, one.kind, one.funding] += one.points
            found[code] = points
        return {code: points for code, points in found.items() if points}

    def book_of(self, code: str) -> Book:
        """Return the book of a point currency."""
        return self.account.books.get(code, Book())


def instruction_of(happening: Happening) -> Instruction:
    """Return the instruction that reports something that happened."""
    told = {key: value for key, value in happening.items() if key not in {"kind", "of"}}
    match happening["kind"]:
        case "purchase":
            purchase = msgspec.convert({"currency": "EUR", "member": str(MEMBER), **told}, Purchase)
            return post_purchase("club", purchase, RECEIVED)
        case "return":
            request = msgspec.convert({"source": "desk", **told}, ReturnRequest)
            return return_purchase("club", happening["of"], ACCOUNT_ID, request, RECEIVED)
        case "redemption":
            redemption = msgspec.convert({"source": "web", "member": str(MEMBER), **told}, Redemption)
            return redeem("club", redemption, RECEIVED)
        case _:
            reversal = msgspec.convert({"source": "web", "reason": "regret", **told}, Reversal)
            return reverse_redemption("club", happening["of"], ACCOUNT_ID, reversal, RECEIVED)


def program(*versions: tuple[datetime, dict[str, Any]]) -> Program:
    """Return a program with these versions."""
    made = [ProgramVersion(number, at, msgspec.convert(terms, Terms)) for number, (at, terms) in enumerate(versions, 1)]
    return Program("club", "Club", "EUR", "Europe/Berlin", None, made)


def rule(points: Any, condition: Any = None, **more: Any) -> dict[str, Any]:
    """Return an earn rule."""
    written = {"rule": msgspec.json.encode(points).decode(), "point_currency": "points", "rule_id": "earn", **more}
    if condition is not None:
        written["condition"] = msgspec.json.encode(condition).decode()
    return written
