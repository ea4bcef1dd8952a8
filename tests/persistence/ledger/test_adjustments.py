"""Entries that finance decides on: in its transaction, once, within floors and debt limits, and auditable."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from ekpay_switch.domain.errors import UnbalancedEntryError, UnknownAccountError
from ekpay_switch.domain.ledger import settlement_postings as settling
from ekpay_switch.domain.ledger.entries import Entry, Posting
from ekpay_switch.persistence.ledger.adjustments import Adjustments, ProvenByPaymentError
from ekpay_switch.ports.finance import Adjustment
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import KEPT, TAKEN, Till
from tests.persistence.collections.merchant_money_setup import (
    AMOUNT,
    OWN,
    PAYEES,
    SELLER,
    SPLIT,
    Stall,
    open_stall,
)
from tests.persistence.ledger.window_closing_setup import Closing

DUE = TAKEN - KEPT


def _moved(debit: str, credit: str, amount: int) -> Entry:
    return Entry.of("moved", (Posting(debit, amount), Posting(credit, -amount)))


WRITTEN_OFF = _moved("write_off", "receivable:bkash", 60)
FEE_ACCEPTED = _moved("connector_fee:bkash", "receivable:bkash", 40)


@pytest.fixture
def adjustments(books: Books) -> Adjustments:
    return Adjustments(books.database.connect)


@pytest.fixture
async def stall(books: Books) -> AsyncIterator[Stall]:
    async with open_stall(books) as stall:
        await stall.shop.merchant(payees=PAYEES)
        yield stall


async def _post(books: Books, adjustments: Adjustments, *entries: Entry | Adjustment) -> None:
    """Post in a transaction of its own, as whoever decides does."""
    made = [one if isinstance(one, Adjustment) else Adjustment.of(uuid7(), one) for one in entries]
    await adjustments.open_accounts([account for one in made for account, _ in one.postings])
    connection = await books.database.connect()
    try:
        async with connection.transaction():
            await adjustments.post(connection, made)
    finally:
        await connection.close()


async def _balances(books: Books, adjustments: Adjustments) -> dict[str, int]:
    connection = await books.database.connect()
    try:
        return {code: sum_ for code, sum_ in (await adjustments.balances(connection)).items() if sum_}
    finally:
        await connection.close()


async def test_a_payout_clears_what_a_connector_owes(till: Till, adjustments: Adjustments) -> None:
    await till.funded()
    parts = settling.PayoutParts(credited=DUE - 500, charge=500, receivable=DUE, suspense=0, rounding=0)
    await _post(till.books, adjustments, settling.payout_received_entry("bkash", parts))
    balances = await _balances(till.books, adjustments)
    assert balances == {
        "settlement_bank": DUE - 500, "bank_charges": 500, "connector_fee:bkash": KEPT, "in_flight": TAKEN,
    }  # fmt: skip
    assert await till.books.audit() is None


async def test_every_entry_that_finance_may_decide_on_is_audited_clean(
    till: Till, adjustments: Adjustments
) -> None:
    await till.funded()
    await till.delivered(await till.delivering(await till.funded()))
    await till.books.top_up("bank1", 60_000)
    entries = (
        _moved("receivable:bkash", "suspense:bkash", 700),
        _moved("suspense:bkash", "refund_due:bkash", 300),
        _moved("connector_fee:bkash", "receivable:bkash", 40),
        _moved("write_off", "receivable:bkash", 60),
        _moved("claim:desco_postpaid", "suspense:desco_postpaid", 900),
        _moved("payable:desco_postpaid", "claim:desco_postpaid", 900),
        _moved("rounding", "payable:desco_postpaid", 5),
        _moved("prefund:bank1:postpaid", "settlement_bank", 20_000),
        settling.settlement_instructed_entry("payable:desco_postpaid", "beftn", 5_000),
        settling.settlement_paid_entry("beftn", 5_000),
    )
    await _post(till.books, adjustments, *entries, *(entry.reversal() for entry in entries[:4]))
    await Closing(till.books).close()
    assert await till.books.balance() == 40_000
    assert await till.books.audit() is None


async def test_the_same_id_is_the_same_entry(till: Till, adjustments: Adjustments) -> None:
    await till.funded()
    one = Adjustment.of(uuid7(), WRITTEN_OFF)
    await asyncio.gather(*(_post(till.books, adjustments, one, one) for _ in range(4)))
    assert (await _balances(till.books, adjustments))["write_off"] == 60
    assert await till.books.audit() is None


async def test_merchants_are_owed_what_their_accounts_hold(stall: Stall, adjustments: Adjustments) -> None:
    await stall.sold(SPLIT)
    paid = Adjustment.of(uuid7(), _moved(OWN, "settlement_bank", 9_999))
    payee = settling.settlement_instructed_entry(f"{OWN}:{SELLER}", "rtgs", 70_001)
    await asyncio.gather(*(_post(stall.books, adjustments, paid) for _ in range(3)))
    await _post(stall.books, adjustments, payee)
    assert await stall.owed() == AMOUNT - 9_999 - 70_001
    await _post(stall.books, adjustments, settling.settlement_rejected_entry(payee))
    assert await stall.owed() == AMOUNT - 9_999
    assert await stall.books.audit() is None


async def test_a_debt_limit_and_a_floor_refuse_all_of_a_decision(
    stall: Stall, adjustments: Adjustments
) -> None:
    await stall.sold()
    before = await _balances(stall.books, adjustments)
    beyond = _moved(OWN, "settlement_bank", AMOUNT + 1_000_000)
    for refused in (beyond, _moved("prefund:bank1:postpaid", "settlement_bank", 1)):
        with pytest.raises(asyncpg.CheckViolationError):
            await _post(stall.books, adjustments, WRITTEN_OFF, refused)
    assert await _balances(stall.books, adjustments) == before
    assert await stall.books.audit() is None


async def test_what_is_no_entry_is_refused(till: Till, adjustments: Adjustments) -> None:
    await till.funded()
    with pytest.raises(UnbalancedEntryError):
        await _post(
            till.books, adjustments, Adjustment(uuid7(), "odd", (("settlement_bank", 5), ("write_off", -4)))
        )
    with pytest.raises(UnknownAccountError):
        await adjustments.open_accounts(["petty_cash"])
    of_a_payment = Adjustment.of(uuid7(), _moved("receivable:bkash", "suspense:bkash", 700), uuid4())
    with pytest.raises(ProvenByPaymentError):
        await _post(till.books, adjustments, of_a_payment)
    assert await till.books.audit() is None


async def test_an_entry_may_name_its_payment_where_nothing_of_it_is_proven_by_payments(
    till: Till, adjustments: Adjustments
) -> None:
    held = await till.funded()
    await _post(till.books, adjustments, Adjustment.of(uuid7(), FEE_ACCEPTED, held.payment_id))
    assert await till.books.count("journal_entries", "moment = 'moved' AND payment_id IS NOT NULL") == 1
    assert await till.books.audit() is None


async def test_an_entry_is_undone_with_the_decision_that_made_it(
    till: Till, adjustments: Adjustments
) -> None:
    await till.funded()
    connection = await till.books.database.connect()
    transaction = connection.transaction()
    await transaction.start()
    await adjustments.post(connection, [Adjustment.of(uuid7(), FEE_ACCEPTED)])
    await transaction.rollback()
    await connection.close()
    assert await till.books.count("journal_entries", "moment = 'moved'") == 0
    assert await till.books.audit() is None
