"""One of two processes that hammer the same books: every order several times, in an order of its own."""

import asyncio
import random
from dataclasses import dataclass
from uuid import UUID

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.outcome import Outcome, Unreached
from ekpay_switch.domain.payments.claims import Claim, ClaimAnswer, StartedClaim
from ekpay_switch.persistence.embedded.server import Endpoint
from tests.database import database_of
from tests.persistence.books import (
    APPROVED,
    REFUSED,
    SILENT,
    Books,
    group_commit_of,
)

OUTCOMES: tuple[Outcome, ...] = (APPROVED, APPROVED, APPROVED, REFUSED, SILENT, Unreached("refused"))
TIMES = 3
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Order:
    """A quote to be paid under a reference of its own, in the lane of its partner."""

    quote: Quote
    reference: str
    lane: int


@dataclass(frozen=True, slots=True)
class Told:
    """What one caller was told about a reference."""

    reference: str
    verdict: str
    payment_id: UUID


def hammer(endpoint: Endpoint, orders: list[Order], seed: int) -> tuple[list[Told], int]:
    """Claim every order `TIMES` times and record what is started; what was told, in how many steps."""
    return asyncio.run(_hammer(endpoint, orders, random.Random(seed)))  # noqa: S311 - a seeded shuffle is wanted


async def _hammer(endpoint: Endpoint, orders: list[Order], chance: random.Random) -> tuple[list[Told], int]:
    group_commit = group_commit_of(database_of(endpoint), committers=2)
    books = Books(endpoint, group_commit)
    waiting = orders * TIMES
    chance.shuffle(waiting)
    told: list[Told] = []
    recorded = 0
    await group_commit.start()

    async def work() -> None:
        nonlocal recorded
        while waiting:
            order = waiting.pop()
            claim = books.claim_on(order.quote, order.reference, lane=order.lane)
            answer = await books.submit(claim)
            told.append(_told(claim, answer))
            if isinstance(answer, StartedClaim):
                recorded += 1
                await books.finish(answer, chance.choice(OUTCOMES))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    await group_commit.stop()
    return told, len(told) + recorded


def _told(claim: Claim, answer: ClaimAnswer) -> Told:
    standing = getattr(answer, "payment", None)
    payment_id = standing.payment_id if standing else claim.payment_id
    return Told(claim.reference, type(answer).__name__, payment_id)
