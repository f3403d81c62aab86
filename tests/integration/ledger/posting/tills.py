"""Tills in processes of their own, who post the same and conflicting requests to the same accounts."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from khaywe.wiring import Database
from ledger.errors import LedgerError
from ledger.posting.instruction import Instruction, Posted
from tests.integration.ledger.till import accrue, redeem

ACCOUNTS = (1, 2, 3)
ACCRUAL_COUNT = 16
"""Accruals of each account; the points of each are another power of two, so a balance names its accruals."""
CONFLICT_COUNT = 8
"""Keys of each account under which two different amounts are asked for; again each another power of two."""
REDEMPTION_COUNT = 12

UNIT = 2 ** (ACCRUAL_COUNT + 2 * CONFLICT_COUNT)
"""Beyond the sum of everything accrued under a key."""


class Asked(NamedTuple):
    """What a till asked for."""

    account: int
    key: str
    points: int


class Answered(NamedTuple):
    """What it was told."""

    asked: Asked
    refusal: str | None
    replayed: bool
    version: int


def accruals(account: int) -> list[Asked]:
    """Return what every till asks for, with the same keys and the same amounts."""
    return [Asked(account, f"same-{account}-{n}", 2**n) for n in range(ACCRUAL_COUNT)]


def conflicts(account: int) -> list[tuple[Asked, Asked]]:
    """Return pairs of requests that differ under one key."""
    keys = [f"conflict-{account}-{n}" for n in range(CONFLICT_COUNT)]
    return [
        (Asked(account, key, 2 ** (ACCRUAL_COUNT + 2 * n)), Asked(account, key, 2 ** (ACCRUAL_COUNT + 2 * n + 1)))
        for n, key in enumerate(keys)
    ]


def redemptions(account: int, till: int) -> list[Asked]:
    """Return what one till alone asks for: together the tills ask for more than there is."""
    return [Asked(account, f"redeem-{account}-{till}-{n}", -UNIT) for n in range(REDEMPTION_COUNT)]


def post_everything(url: str, partition_count: int, till: int) -> list[Answered]:
    """Post all of it through a poster of this process, from several threads, in an order of its own; and twice."""
    chance = random.Random(till)
    asked = [one for account in ACCOUNTS for one in accruals(account) + redemptions(account, till)]
    asked += [chance.choice(pair) for account in ACCOUNTS for pair in conflicts(account)]
    asked += chance.sample(asked, len(asked) // 2)
    chance.shuffle(asked)
    with Database(url, partition_count).poster() as poster, ThreadPoolExecutor(4) as pool:

        def post(one: Asked) -> Answered:
            (outcome,) = poster.post([instruction(one)])
            return answered(one, outcome)

        return list(pool.map(post, asked))


def instruction(asked: Asked) -> Instruction:
    """Spell a request."""
    if asked.points < 0:
        return redeem(asked.account, -asked.points, asked.key)
    return accrue(asked.account, asked.points, asked.key)


def answered(asked: Asked, outcome: Any) -> Answered:
    """Note what the till was told."""
    if isinstance(outcome, Posted):
        return Answered(asked, None, outcome.replayed, outcome.version)
    assert isinstance(outcome, LedgerError)
    return Answered(asked, outcome.slug, replayed=False, version=0)
