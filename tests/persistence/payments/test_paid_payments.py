"""What receipts are made of, read from real books: once the money is there, and nothing is locked."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.payments.receipts import PostgresReceipts
from ekpay_switch.ports.receipts import PaidPayment
from tests.persistence.books import CUSTOMERS, Books
from tests.persistence.collections.collection_setup import SUMS, Till, agreed
from tests.persistence.merchants.merchant_setup import BKASH, open_shop
from tests.persistence.refunds.refund_setup import NO, SILENCE, Office, open_office


@pytest.fixture
async def office(till: Till) -> AsyncIterator[Office]:
    async with open_office(till) as office:
        yield office
        assert await till.books.audit() is None


@pytest.fixture
async def receipts(books: Books) -> AsyncIterator[PostgresReceipts]:
    engine = books.database.engine()
    yield PostgresReceipts(engine, CUSTOMERS)
    await engine.dispose()


async def paid_of(receipts: PostgresReceipts, held: LockedTry) -> PaidPayment:
    paid = await receipts.by_id(held.payment_id)
    assert paid is not None
    return paid


async def test_a_completed_bill_is_told_as_the_books_have_it(
    office: Office, receipts: PostgresReceipts
) -> None:
    held = await office.completed()
    paid = await paid_of(receipts, held)
    assert (paid.payment_id, paid.state, paid.was_completed) == (held.payment_id, State.COMPLETED, True)
    assert (paid.biller_id, paid.sums, paid.order) == ("desco_postpaid", SUMS, None)
    assert paid.bill["number"] == "0925"
    assert paid.facts["receipt"] == "R-1"
    assert (paid.connector_id, paid.reference) == ("bkash", held.order.reference)
    assert paid.provider_transaction == "TRX1"
    assert datetime.now(UTC) - paid.collected_at < timedelta(minutes=5)
    assert (paid.refunded, paid.on_its_way) == (Money(0), Money(0))


async def test_nobody_has_one_before_the_money_came(till: Till, receipts: PostgresReceipts) -> None:
    assert await receipts.by_id(UUID(int=1)) is None
    held = await till.on_page()
    assert await receipts.by_id(held.payment_id) is None
    held = await till.leased(held)
    await till.record(held, agreed(held))
    assert not (await paid_of(receipts, held)).was_completed


async def test_refunds_count_where_they_stand(office: Office, receipts: PostgresReceipts) -> None:
    held = await office.completed()

    async def told() -> tuple[int, int]:
        paid = await paid_of(receipts, held)
        return paid.refunded.minor, paid.on_its_way.minor

    await office.take(held, 1_000, needs_approval=True)
    assert await told() == (0, 0)  # a second person has not agreed
    approved = await office.take(held, 20_000)
    assert await told() == (0, 20_000)
    await office.done(approved.refund_id)
    assert await told() == (20_000, 0)
    doubtful = await office.take(held, 300)
    await office.record(await office.sent(doubtful.refund_id), SILENCE)
    assert await told() == (20_000, 300)


async def test_a_refund_that_failed_or_is_left_to_finance(office: Office, receipts: PostgresReceipts) -> None:
    held = await office.completed()
    failed = await office.take(held, 4_000)
    await office.record(await office.sent(failed.refund_id), NO)
    state = (await office.row(failed.refund_id))["state"]
    paid = await paid_of(receipts, held)
    assert (state, paid.refunded.minor, paid.on_its_way.minor) == ("failed", 0, 0)


async def test_what_the_payment_never_waited_for_is_not_its_own(
    office: Office, receipts: PostgresReceipts
) -> None:
    second = await office.paid_twice()
    paid = await paid_of(receipts, second)
    assert paid.reference != second.order.reference
    rows = await office.books.rows("SELECT kind FROM refunds WHERE payment_id = $1", second.payment_id)
    assert [row["kind"] for row in rows] == ["unexpected"]
    assert (paid.refunded, paid.on_its_way) == (Money(0), Money(0))


async def test_a_bill_that_was_refused_goes_back_as_a_whole(
    office: Office, receipts: PostgresReceipts
) -> None:
    held = await office.refused()
    paid = await paid_of(receipts, held)
    assert (paid.state, paid.was_completed) == (State.REFUNDING, False)
    await office.done(await office.given_back(held))
    paid = await paid_of(receipts, held)
    assert (paid.state, paid.refunded) == (State.REFUNDED, SUMS.total)


async def test_a_review_after_completion_is_known_as_one(office: Office, receipts: PostgresReceipts) -> None:
    held = await office.completed_and_disagreed()
    paid = await paid_of(receipts, held)
    assert (paid.state, paid.was_completed) == (State.IN_REVIEW, True)


async def test_a_prefund_payment_is_none_of_ours_to_give_a_receipt_of(
    books: Books, receipts: PostgresReceipts
) -> None:
    await books.partner("bank2", prefund=1_000_000)
    await books.finish(await books.start("bank2"))
    payment_id = await books.value("SELECT id FROM payments WHERE state = 'completed'")
    assert await receipts.by_id(payment_id) is None


async def test_a_row_that_somebody_holds_is_read_all_the_same(
    office: Office, receipts: PostgresReceipts
) -> None:
    held = await office.completed()
    engine = office.books.database.engine()
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql("LOCK TABLE payments, tries, refunds IN EXCLUSIVE MODE")
            assert await receipts.by_id(held.payment_id) is not None
    finally:
        await engine.dispose()


async def test_a_merchants_payment_brings_its_order(books: Books, receipts: PostgresReceipts) -> None:
    async with open_shop(books) as shop:
        await shop.merchant()
        opened = await shop.opened(shop.new("T-1"))
        held = await shop.begun(opened)
        await shop.till.record(held, agreed(held, "TRX9"))
        paid = await receipts.by_id(opened.payment_id)
        assert paid is not None
        assert paid.order is not None
        assert (paid.state, paid.was_completed) == (State.COMPLETED, True)
        assert (paid.order.merchant_en, paid.order.merchant_bn) == ("shop Ltd.", "দোকান")
        assert (paid.order.trnx_id, paid.order.ekpay_trnx_id) == ("T-1", opened.ekpay_trnx_id)
        assert (paid.order.order_id, paid.order.details) == ("42", "নতুন জামা")
        assert (paid.order.customer, paid.order.mobile) == ("Rahela", "+8801700000000")
        assert (paid.sums.amount, paid.sums.charge) == (opened.amount, BKASH.charge)
