"""A connection that dies at any statement of a challan's transactions: written once, or not at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ekpay_switch.domain.challans import Progress
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.persistence.challans.store import PostgresChallans
from ekpay_switch.persistence.short_transactions import ShortTransactions, TransactionLimits
from tests.fakes.billers import Deed
from tests.persistence.challans.challan_setup import Counter
from tests.persistence.group_commit.test_lost_connections import (
    AFTER_COMMIT,
    BEFORE_COMMIT,
    NEVER,
    Fragile,
    Trouble,
)

# One after the accounts are opened, then every second of the statements that set aside or move back.
PLACES = (1, 2, *range(3, 24, 2), BEFORE_COMMIT, AFTER_COMMIT)


@asynccontextmanager
async def fragile(counter: Counter, trouble: Trouble) -> AsyncIterator[PostgresChallans]:
    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Fragile(await counter.books.database.connect_hot(), counter.books, trouble)

    transactions = ShortTransactions(connect, TransactionLimits(connections=1))
    yield PostgresChallans(transactions)
    await transactions.close()


async def test_what_is_lost_while_setting_aside_or_moving_back_is_done_once(counter: Counter) -> None:
    held = await counter.stall.sold()
    healthy = counter.challans
    for number, place in enumerate(PLACES):
        counter.treasury.deeds.append(Deed(Declined("refused", "104")))
        trouble = Trouble(place)
        async with fragile(counter, trouble) as counter.challans:
            standing = await counter.raised(await counter.order_for(held, f"R{number}", 50_000))
        assert trouble.at == NEVER, f"the connection did not die at {place}"
        assert standing.progress is Progress.NOTHING_RAISED
        assert await counter.books.count("challan_requests") == number + 1
    counter.challans = healthy
    await counter.adds_up(0)
