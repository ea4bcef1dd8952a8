"""A connection that dies at any statement of an opening, at COMMIT or after it: one payment, opened once."""

from typing import Any

from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.merchants import MerchantOpened
from tests.persistence.books import Books
from tests.persistence.group_commit.test_lost_connections import (
    AFTER_COMMIT,
    BEFORE_COMMIT,
    NEVER,
    Fragile,
    Trouble,
)
from tests.persistence.merchants.merchant_setup import open_shop

SHARES = (Share("S1", PayeeKind.SELLER, Money(5_000)), Share("", None, Money(100_000)))


async def test_an_order_is_opened_once_wherever_the_connection_dies(books: Books) -> None:
    trouble = Trouble()

    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Fragile(await books.database.connect_hot(), books, trouble)

    async with open_shop(books, connect, connections=1) as shop:
        await shop.merchant()
        # The first of a day opens its settlement window as well.
        await shop.opened(shop.new(shares=SHARES))
        trouble.seen.clear()
        await shop.opened(shop.new(shares=SHARES))
        count, rounds = len(trouble.seen), 2
        assert count > 5
        for place in (*range(1, count + 1), BEFORE_COMMIT, AFTER_COMMIT):
            trouble.at, trouble.statement = place, 0
            rounds += 1
            new = shop.new(shares=SHARES)

            answer = await shop.payments.open(new)

            assert trouble.at == NEVER, place
            assert isinstance(answer, MerchantOpened)
            assert (answer.payment.payment_id, answer.is_repeat) == (new.payment_id, False), place
            assert answer.payment.shares == SHARES
            for table in ("payments", "collections", "merchant_orders"):
                assert await books.count(table) == rounds, place
            assert await books.count("merchant_shares") == 2 * rounds, place
    assert await books.audit() is None
