"""Which orders and bills a lost payment holds, as the database answers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from ekpay_switch.domain.errors import OverloadedError
from ekpay_switch.domain.payments.lost_sends import LostFinding, LostState
from ekpay_switch.persistence.sends.lost import PostgresLostSends
from ekpay_switch.persistence.sends.lost_payments import LOOK_AGAIN_SECONDS, PostgresLostPayments
from ekpay_switch.persistence.short_transactions import ShortTransactions
from tests.factories import a_bill
from tests.fakes.world import FakeClock
from tests.persistence.books import BILLER, Books
from tests.persistence.sends.a_send import SEALER, a_send
from tests.persistence.sends.test_lost import a_line

BILL = a_bill("092512345678")
OTHER = a_bill("092500000000")


@pytest.fixture
async def lost_sends(books: Books) -> AsyncIterator[PostgresLostSends]:
    transactions = ShortTransactions(books.database.connect_hot)
    lost_sends = PostgresLostSends(transactions, SEALER)
    await books.partner(prefund=10_000)
    await lost_sends.keep_unknown([a_line(a_send())])
    yield lost_sends
    await transactions.close()


@pytest.fixture
async def lost_payments(books: Books) -> AsyncIterator[PostgresLostPayments]:
    engine = books.database.engine()
    yield PostgresLostPayments(engine, FakeClock())
    await engine.dispose()


@pytest.mark.usefixtures("lost_sends")
async def test_a_reference_and_a_bill_are_held_for_their_partner(lost_payments: PostgresLostPayments) -> None:
    assert await lost_payments.is_lost("bank1", "R1")
    assert not await lost_payments.is_lost("bank1", "R2")
    assert not await lost_payments.is_lost("bank2", "R1")
    assert await lost_payments.holds_bill("bank1", BILLER, BILL)
    # Another bill of the same account is another bill, where a biller takes each once.
    assert not await lost_payments.holds_bill("bank1", BILLER, replace(OTHER, account=BILL.account))
    assert not await lost_payments.holds_bill("bank1", "dpdc_postpaid", BILL)


async def test_where_any_number_is_taken_the_account_is_held(
    lost_sends: PostgresLostSends, lost_payments: PostgresLostPayments
) -> None:
    vend = a_send(2)
    assert vend.claim is not None
    vend = replace(vend, claim=replace(vend.claim, bill_key="quote:Q2", account="41234567"))
    await lost_sends.keep_unknown([a_line(vend)])
    assert await lost_payments.holds_bill("bank1", BILLER, replace(OTHER, bill_key="", account="41234567"))
    assert not await lost_payments.holds_bill("bank1", BILLER, replace(OTHER, bill_key="", account=""))


@pytest.mark.usefixtures("lost_sends")
async def test_a_quote_of_before_is_held_unless_its_reference_is_stored(
    books: Books, lost_payments: PostgresLostPayments
) -> None:
    quote = await books.quote(bill="092512345678")
    other = await books.quote()
    assert await lost_payments.holds_order("bank1", "R2", quote.quote_id)
    assert not await lost_payments.holds_order("bank1", "R2", other.quote_id)
    await books.submit(books.claim_on(quote, "R2"))
    assert not await lost_payments.holds_order("bank1", "R2", quote.quote_id)


async def test_what_is_proven_or_booked_holds_nothing_and_costs_no_further_look(
    books: Books, lost_sends: PostgresLostSends
) -> None:
    engine, clock = books.database.engine(), FakeClock()
    lost_payments = PostgresLostPayments(engine, clock)
    (lost,) = await lost_sends.all()
    await lost_sends.record(lost.lost_id, LostFinding(LostState.NOT_POSTED, "not found"))
    assert not await lost_payments.is_lost("bank1", "R1")
    await books.tell("UPDATE lost_sends SET state = 'unknown'")
    assert not await lost_payments.is_lost("bank1", "R1")
    clock.pass_by(LOOK_AGAIN_SECONDS)
    assert await lost_payments.is_lost("bank1", "R1")
    await lost_sends.mark_booked(lost.lost_id, timedelta())
    assert not await lost_payments.is_lost("bank1", "R1")
    await engine.dispose()


async def test_where_the_database_is_away_nothing_is_said_of_a_payment() -> None:
    """Its reference may be known and its payment be over: "in progress" would take back what was said."""
    engine = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    lost_payments = PostgresLostPayments(engine, FakeClock())
    for question in (lost_payments.is_lost("bank1", "R1"), lost_payments.holds_bill("bank1", BILLER, BILL)):
        with pytest.raises(OverloadedError):
            await question
    await engine.dispose()
