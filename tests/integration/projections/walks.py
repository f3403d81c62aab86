"""Random histories of accounts in which everything happens that can happen to one."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

from ledger.account import commands as ask
from ledger.account.commands import AccountCommand, Award
from ledger.account.decide import decide
from ledger.account.errors import AccountNotOpen
from ledger.account.events import AccountEvent, Count, LotMove, NewDates, RuleChange
from ledger.account.state import Account
from ledger.posting.instruction import Instruction
from ledger.posting.poster import Poster
from ledger.streams import ACCOUNT, StreamId, account_stream_id
from rules.instructions import open_account

START = date(2026, 1, 1)
CURRENCIES = ("points", "miles")
OTHER = "0195f3d2-8c4e-7cc1-9a52-6f1d2b7a4e10"


def walk(poster: Poster, program_id: str, seed: int, *, members: int = 6, steps: int = 80) -> list[StreamId]:
    """Open accounts and ask each for anything, day after day; return them."""
    draw = random.Random(seed)
    opened = [uuid4() for _ in range(members)]
    poster.post([open_account(program_id, member, at(START)) for member in opened])
    accounts = [account_stream_id(program_id, member) for member in opened]
    go_on(poster, accounts, seed, steps, draw)
    return accounts


def go_on(poster: Poster, accounts: list[StreamId], seed: int, steps: int, draw: random.Random) -> None:
    """Ask accounts for anything, from the first day on, whatever was asked before."""
    for step in range(steps):
        day = START + timedelta(days=3 * step)
        poster.post([_instruction(account_id, f"{seed}-{step}", day, draw) for account_id in accounts])


def at(day: date) -> datetime:
    """Return noon."""
    return datetime.combine(day, time(12), UTC)


def _instruction(account_id: StreamId, name: str, day: date, draw: random.Random) -> Instruction:
    number = draw.randrange(2**32)

    def carried_out(state: Account | None) -> list[AccountEvent]:
        if state is None:
            raise AccountNotOpen("It was opened before.")
        chosen = random.Random(number)
        return decide(state, Step(state, day, name, chosen).command())

    return Instruction(ACCOUNT, account_id, (("walk", f"{name}-{account_id.hex()}"),), bytes(32), carried_out)


class Step:
    """One thing that is asked of an account, so that most of it is possible."""

    def __init__(self, account: Account, day: date, name: str, draw: random.Random) -> None:
        """Everything is decided by ``draw``, so that asking again asks the same."""
        self.account, self.draw, self.name = account, draw, name
        self.day = day - timedelta(days=draw.choice([0, 0, 0, 2, 20]))
        self.when: Any = (at(self.day), self.day)
        self.code = draw.choice(CURRENCIES)

    def command(self) -> AccountCommand:
        """Choose."""
        usual: list[Callable[[], AccountCommand]] = [
            self.purchase,
            self.purchase,
            self.purchase,
            self.redeem,
            self.hold,
            self.resolve,
            self.take_back,
            self.adjust,
            self.time,
            self.time,
            self.stand,
            self.transfer,
        ]
        return self.draw.choice(usual)()

    def award(self) -> Award:
        """Points with any dates and terms."""
        draw, day = self.draw, self.day
        awaits = draw.choice(["", "", "", "stay"])
        return Award(
            draw.choice(CURRENCIES),
            draw.randrange(1, 100),
            date.max if awaits else day + timedelta(days=draw.choice([0, 0, 0, 14])),
            draw.choice([None, day + timedelta(days=draw.randrange(20, 90))]),
            earned_on=draw.choice([None, day - timedelta(days=9)]),
            awaits=awaits,
            cancels_on=day + timedelta(days=15) if awaits and draw.random() < 0.7 else None,
            idle_months=draw.choice([0, 0, 1, 2]),
            activities=draw.choice([(), (), ("redemption",), ("transfer_in", "adjustment")]),
            converts=draw.random() < 0.3,
        )

    def purchase(self) -> AccountCommand:
        """Earn, with or without a purchase."""
        awards = tuple(self.award() for _ in range(self.draw.choice([0, 1, 1, 2])))
        if self.draw.random() < 0.2:
            return ask.Accrue("s", self.name, *self.when, "gift", awards)
        counts = (Count("status:spend", "2026", 10),)
        return ask.PostPurchase("s", self.name, *self.when, 1000, "EUR", 1, awards, counts=counts)

    def redeem(self) -> AccountCommand:
        """Spend, or get back what was spent."""
        if self.account.redemptions and self.draw.random() < 0.4:
            redemption_id = self.draw.choice(list(self.account.redemptions))
            points = self.draw.choice([None, 1, 5])
            return ask.ReverseRedemption("s", redemption_id, *self.when, "regret", points)
        return ask.Redeem("s", self.name, *self.when, self.code, self.draw.randrange(1, 60), 1, "EUR", 1)

    def hold(self) -> AccountCommand:
        """Reserve."""
        ends = at(self.day) + timedelta(days=self.draw.choice([1, 1, 9, 90]))
        return ask.HoldPoints("s", self.name, *self.when, self.code, self.draw.randrange(1, 60), ends)

    def resolve(self) -> AccountCommand:
        """Capture, void, or let time do it."""
        if not self.account.holds or self.draw.random() < 0.3:
            return ask.ExpireHolds(*self.when)
        hold_id = self.draw.choice(list(self.account.holds))
        if self.draw.random() < 0.4:
            return ask.VoidHold("s", hold_id, *self.when, "regret")
        points = self.draw.randrange(1, self.account.holds[hold_id].points + 1)
        return ask.CaptureHold("s", hold_id, f"c-{self.name}", *self.when, points, 1, "EUR", 1)

    def take_back(self) -> AccountCommand:
        """Return a purchase, or price it again."""
        step = int(self.name.split("-")[1])
        bought = f"{self.name.split('-')[0]}-{self.draw.randrange(max(0, step - 8), step + 1)}"
        losing = (LotMove(self.draw.randrange(1, self.account.lot_count + 2), self.code, self.draw.randrange(1, 50)),)
        if self.code not in self.account.books:
            losing = ()
        changes = (RuleChange("r", self.code, 50, self.draw.randrange(60)),)
        awards = (self.award(),) if self.draw.random() < 0.3 else ()
        beyond: Any = self.draw.choice(["negative", "negative", "within_balance", "waterfall"])
        if self.draw.random() < 0.3:
            return ask.RepricePurchase("s", bought, *self.when, self.name, changes, losing, {}, awards, (), beyond)
        return ask.ReturnPurchase(
            "s", self.name, "s", bought, *self.when, "x", 10, "EUR", 1, (), changes, losing, {}, awards, (), beyond
        )

    def adjust(self) -> AccountCommand:
        """Give or take by hand, or give lapsed points back."""
        award = self.award()
        if self.draw.random() < 0.2:
            return ask.ReinstatePoints("s", self.name, *self.when, "sorry", (award,))
        if self.draw.random() < 0.5:
            return ask.AdjustPoints(
                "s", self.name, *self.when, "gift", "", award.point_currency, award.points, award, False
            )
        points = -self.draw.randrange(1, 150)
        return ask.AdjustPoints("s", self.name, *self.when, "fraud", "", self.code, points, None, True)

    def time(self) -> AccountCommand:
        """Record what time has decided, or change what it will."""
        chosen = self.draw.randrange(6)
        if chosen == 0:
            return ask.ConfirmLots("s", self.name, "stay", (), *self.when)
        if chosen == 1:
            return ask.CancelLots("s", self.name, "stay", (), *self.when)
        if chosen == 2:  # the third of six
            return ask.ReleaseLots(*self.when)
        if chosen == 3:  # the fourth
            lots = [(code, lot) for code, book in self.account.books.items() for lot in book.lots]
            new = self.day + timedelta(days=self.draw.randrange(200))
            return ask.ChangeExpiry(
                *self.when, 2, tuple(NewDates(lot, code, new, self.draw.choice([0, 3])) for code, lot in lots[:3])
            )
        conversions = {code: ask.Conversion(5, 1, "EUR", self.day) for code in CURRENCIES}
        return ask.ExpireLots(*self.when, conversions, self.name)

    def stand(self) -> AccountCommand:
        """Change what the account is beside its points."""
        chosen = self.draw.randrange(9)
        if chosen == 0:
            return ask.SuspendAccount("s", *self.when, "review", self.draw.random() < 0.5)
        if chosen == 1:
            return self.leave()
        if chosen == 2:  # the third
            return ask.CloseQualifyingPeriod("status", "2026", *self.when, {"nights": 1}, {}, "gold")
        if self.account.status != "open":
            return ask.LiftSuspension("s", *self.when, "fine")
        tier, until = self.draw.choice(["silver", "gold", ""]), self.day + timedelta(days=self.draw.randrange(1, 90))
        if tier and self.draw.random() < 0.5:
            return ask.RetainTier("status", tier, *self.when, until)
        return ask.ChangeTier("status", tier, *self.when, "assigned", until if tier else None)

    def leave(self) -> AccountCommand:
        """End the account, or only who is known to have it."""
        if self.draw.random() < 0.4:
            return ask.CloseAccount("s", *self.when, "left")
        return ask.EraseMember("s", *self.when, "on_request", self.draw.random() < 0.2, "key:k")

    def transfer(self) -> AccountCommand:
        """Send, or take."""
        if self.draw.random() < 0.5:
            return ask.TransferOut("s", self.name, *self.when, self.code, self.draw.randrange(1, 30), OTHER)
        award = self.award()
        return ask.TransferIn("s", self.name, *self.when, award.point_currency, OTHER, (award,))
