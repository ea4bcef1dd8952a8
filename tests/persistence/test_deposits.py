"""What we keep at prefunded utilities: two persons, a bank line booked once, an alarm when it is low."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from ekpay_switch.domain.claims import Started
from ekpay_switch.domain.delivery import Recording, Terms, plan_outcome
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved
from ekpay_switch.persistence.deposits import (
    DepositLine,
    Deposits,
    RefusedTransferError,
    TransferExistsError,
    UnknownTransferError,
    read_deposits,
    watch_deposits,
)
from ekpay_switch.persistence.top_ups import OnePersonError
from tests.persistence.books import Books, delivery_of

BILLER = "desco_postpaid"
STAFF = "INSERT INTO staff (name, passphrase_hash, roles) VALUES ($1, 'x', '[]')"


@pytest.fixture
async def deposits(books: Books) -> Deposits:
    for name in ("Rahima", "Karim"):
        await books.tell(STAFF, name)
    return Deposits(books.superuser)


async def _put(deposits: Deposits, minor: int) -> UUID:
    transfer_id = await deposits.request(BILLER, Money(minor), f"BANK-{uuid4()}", "Rahima")
    await deposits.approve(transfer_id, "Karim")
    return transfer_id


async def _vend(books: Books) -> int:
    started = await books.submit(books.claim_on(await books.quote()))
    assert isinstance(started, Started)
    delivery = replace(delivery_of(started), terms=Terms(from_deposit=True))
    await books.submit(Recording(delivery, plan_outcome(delivery, Approved())))
    return delivery.sums.amount.minor


async def _line(books: Books, days: float = 1.0) -> DepositLine:
    engine = books.database.engine()
    try:
        (line,) = await read_deposits(engine, {BILLER: days})
    finally:
        await engine.dispose()
    return line


async def test_a_transfer_counts_once_a_second_person_approves(books: Books, deposits: Deposits) -> None:
    transfer_id = await deposits.request(BILLER, Money(500_000), "BANK-1", "Rahima")
    assert (await _line(books)).balance == Money(0)
    assert await deposits.approve(transfer_id, "Karim") == (BILLER, Money(500_000))
    assert (await _line(books)).balance == Money(500_000)
    assert await books.audit() is None


async def test_nobody_approves_alone_twice_or_nothing(books: Books, deposits: Deposits) -> None:
    transfer_id = await deposits.request(BILLER, Money(500_000), "BANK-1", "Rahima")
    with pytest.raises(OnePersonError):
        await deposits.approve(transfer_id, "Rahima")
    await deposits.approve(transfer_id, "Karim")
    for unknown in (transfer_id, uuid4()):
        with pytest.raises(UnknownTransferError):
            await deposits.approve(unknown, "Karim")
    assert (await _line(books)).balance == Money(500_000)


async def test_approvals_at_once_post_once(books: Books, deposits: Deposits) -> None:
    transfer_id = await deposits.request(BILLER, Money(500_000), "BANK-1", "Rahima")
    approvals = (deposits.approve(transfer_id, "Karim") for _ in range(8))
    answers = await asyncio.gather(*approvals, return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert (await _line(books)).balance == Money(500_000)


async def test_a_line_of_the_bank_statement_is_booked_once(deposits: Deposits) -> None:
    await deposits.request(BILLER, Money(1), "BANK-1", "Rahima")
    with pytest.raises(TransferExistsError):
        await deposits.request(BILLER, Money(2), " BANK-1 ", "Rahima")


@pytest.mark.parametrize(("minor", "reference"), [(0, "BANK-1"), (-5, "BANK-1"), (5, " ")])
async def test_a_transfer_of_nothing_is_refused(deposits: Deposits, minor: int, reference: str) -> None:
    with pytest.raises(RefusedTransferError):
        await deposits.request(BILLER, Money(minor), reference, "Rahima")


async def test_vends_lower_the_deposit_and_less_than_a_days_vending_is_an_alarm(
    books: Books, deposits: Deposits
) -> None:
    await books.partner(prefund=100_000_000)
    vended = await _vend(books)
    await _put(deposits, vended * 3)
    line = await _line(books)
    assert (line.balance, line.vended, line.is_low) == (Money(vended * 2), Money(vended), False)
    await _vend(books)
    line = await _line(books)
    assert (line.balance, line.vended, line.is_low) == (Money(vended), Money(vended * 2), True)
    # What a shorter time took is less, and so enough is left.
    await books.tell("ALTER TABLE journal_entries DISABLE TRIGGER USER")
    await books.tell("UPDATE journal_entries SET at = at - interval '3 hours' WHERE moment = 'delivered'")
    assert not (await _line(books, days=0.05)).is_low
    engine = books.database.engine()
    await watch_deposits(engine, {BILLER: 1.0, "quiet": 1.0})
    await engine.dispose()


async def test_no_prefunded_utility_no_question(books: Books) -> None:
    engine = books.database.engine()
    assert await read_deposits(engine, {}) == []
    await engine.dispose()
