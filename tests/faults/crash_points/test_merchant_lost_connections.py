"""A connection that dies at any statement, at COMMIT and after it: a merchant's money moves once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.short_transactions import Connect
from ekpay_switch.ports.collections import RefundOpened
from tests.persistence.books import Books
from tests.persistence.collections.merchant_money_setup import AMOUNT, PAYEES, SPLIT, Stall, open_stall
from tests.persistence.collections.test_collection_lost_connections import Outermost
from tests.persistence.group_commit.test_lost_connections import AFTER_COMMIT, BEFORE_COMMIT, NEVER, Trouble
from tests.persistence.refunds.refund_setup import NO, wanted

REFUND = 10_007


@dataclass
class Patient(Trouble):
    """Lets so many transactions end well before a connection dies around the COMMIT of the next."""

    spares: int = 0

    def strikes(self, where: object) -> bool:
        if where == self.at and where in {BEFORE_COMMIT, AFTER_COMMIT} and self.spares:
            self.spares -= 1
            return False
        return super().strikes(where)


def _places(statements: int, writes: Sequence[int]) -> list[tuple[object, int]]:
    """Every statement, and around the COMMIT of each transaction that writes: how many go well before it."""
    commits = [(where, before) for where in (BEFORE_COMMIT, AFTER_COMMIT) for before in writes]
    return [*((number, 0) for number in range(1, statements + 1)), *commits]


def _fragile(books: Books, trouble: Trouble) -> Connect:
    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Outermost(await books.database.connect_hot(), books, trouble)

    return connect


async def _credited(calm: Stall, unlucky: Stall) -> None:
    held = await calm.till.leased(await calm.on_page(await calm.ordered(SPLIT)))
    assert (await unlucky.till.record(held, calm.came(held))).state is State.COMPLETED


async def _refunded_and_refused(calm: Stall, unlucky: Stall) -> None:
    held = await calm.sold(SPLIT)
    new = wanted(held.payment_id, REFUND, partner_id="shop")
    assert isinstance(await unlucky.office.ask(new), RefundOpened)
    failing = wanted(held.payment_id, 2 * REFUND, partner_id="shop")
    await calm.office.ask(failing)
    await calm.office.done(new.refund_id)
    await unlucky.office.record(await calm.office.sent(failing.refund_id), NO)


async def test_a_credit_is_written_once_wherever_the_connection_dies(books: Books) -> None:
    trouble = Patient()
    async with open_stall(books) as calm, open_stall(books, 1, _fragile(books, trouble)) as unlucky:
        await calm.shop.merchant(payees=PAYEES)
        await calm.agreement("returned")
        await _credited(calm, unlucky)
        trouble.statement, trouble.seen = 0, []
        await _credited(calm, unlucky)
        count, rounds = len(trouble.seen), 2
        assert count > 15
        for place, spares in _places(count, [1]):
            trouble.at, trouble.spares, trouble.statement, rounds = place, spares, 0, rounds + 1
            await _credited(calm, unlucky)
            assert trouble.at == NEVER, place
            assert await calm.owed() == rounds * AMOUNT, place
    assert await books.audit() is None


async def test_refunds_move_the_shares_once_wherever_the_connection_dies(books: Books) -> None:
    trouble = Patient()
    async with open_stall(books) as calm, open_stall(books, 1, _fragile(books, trouble)) as unlucky:
        await calm.shop.merchant(payees=PAYEES)
        await _refunded_and_refused(calm, unlucky)
        trouble.statement, trouble.seen = 0, []
        await _refunded_and_refused(calm, unlucky)
        count, rounds = len(trouble.seen), 2
        for place, spares in _places(count, [1, 3]):
            trouble.at, trouble.spares, trouble.statement, rounds = place, spares, 0, rounds + 1
            await _refunded_and_refused(calm, unlucky)
            assert trouble.at == NEVER, place
            assert await calm.owed() == rounds * (AMOUNT - REFUND), place
    assert await books.audit() is None
