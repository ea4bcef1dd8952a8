"""What we keep at prefunded utilities: two persons, a bank line booked once, an alarm when it is low."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import ObjectNotExecutableError

from ekpay_switch import telemetry
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import deposit_account
from ekpay_switch.domain.ledger.settlement_postings import settlement_deposited_entry, top_up_approved_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.payments.delivery import BillerTerms, Recording, plan_outcome
from ekpay_switch.persistence.ledger import deposit_watch
from ekpay_switch.persistence.ledger.adjustments import Adjustments
from ekpay_switch.persistence.ledger.deposit_watch import DepositWatch
from ekpay_switch.persistence.ledger.deposits import (
    DepositLine,
    Deposits,
    RefusedTransferError,
    TopUpInTransitError,
    TransferExistsError,
    UnknownTransferError,
    read_deposits,
)
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.ports.finance import Adjustment
from tests.persistence.books import Books, delivery_of
from tests.persistence.staff_rows import persons

BILLER = "desco_postpaid"


@pytest.fixture
async def deposits(books: Books) -> Deposits:
    for name in ("Rahima", "Karim"):
        await books.tell(persons(name))
    return Deposits(books.superuser)


async def _put(deposits: Deposits, minor: int) -> UUID:
    transfer_id = await deposits.request(BILLER, Money(minor), f"BANK-{uuid4()}", "Rahima")
    await deposits.approve(transfer_id, "Karim")
    return transfer_id


async def _vend(books: Books) -> int:
    started = await books.submit(books.claim_on(await books.quote()))
    assert isinstance(started, StartedClaim)
    delivery = replace(delivery_of(started), terms=BillerTerms(from_deposit=True))
    await books.submit(Recording(delivery, plan_outcome(delivery, Approved())))
    return delivery.sums.amount.minor


async def _line(books: Books, days: float = 1.0) -> DepositLine:
    engine = books.database.engine()
    try:
        (line,) = await read_deposits(engine, {BILLER: days})
    finally:
        await engine.dispose()
    return line


async def _post(books: Books, entry: Entry) -> None:
    adjustments = Adjustments(books.database.connect)
    await adjustments.open_accounts([line.account for line in entry.postings])
    connection = await books.database.connect()
    try:
        async with connection.transaction():
            await adjustments.post(connection, [Adjustment.of(uuid4(), entry)])
    finally:
        await connection.close()


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


async def test_the_line_of_a_top_up_is_not_booked_by_hand(books: Books, deposits: Deposits) -> None:
    await _post(books, top_up_approved_entry(BILLER, 500_000))
    same = await deposits.request(BILLER, Money(500_000), "BANK-1", "Rahima")
    with pytest.raises(TopUpInTransitError):
        await deposits.approve(same, "Karim")
    other = await deposits.request(BILLER, Money(400_000), "BANK-2", "Rahima")
    await deposits.approve(other, "Karim")
    assert (await _line(books)).balance == Money(400_000)


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
    await DepositWatch(engine, {BILLER: 1.0, "quiet": 1.0}).show()
    await engine.dispose()


async def test_no_prefunded_utility_no_question(books: Books) -> None:
    engine = books.database.engine()
    assert await read_deposits(engine, {}) == []
    await engine.dispose()


def _shown() -> tuple[float, float]:
    """What the gauges say: what is left, and whether it is low."""
    balance, low = telemetry.DEPOSIT_PAISA.labels(BILLER), telemetry.DEPOSIT_LOW.labels(BILLER)
    return balance._value.get(), low._value.get()  # noqa: SLF001 - what was told


async def test_a_watch_goes_on_from_what_it_has_seen(
    books: Books, deposits: Deposits, monkeypatch: pytest.MonkeyPatch
) -> None:
    await books.partner(prefund=100_000_000)
    vended = await _vend(books)
    await _put(deposits, vended * 4)
    engine = books.database.engine()
    watch = DepositWatch(engine, {BILLER: 1.0})
    await watch.show()
    assert _shown() == (vended * 3, False)
    # From here on it must not need what it would read at its beginning.
    monkeypatch.setattr(deposit_watch, "READ_BALANCES", None)
    await watch.show()
    assert _shown() == (vended * 3, False)
    await asyncio.gather(_vend(books), _vend(books))
    await watch.show()
    assert _shown() == (vended, True)
    await _put(deposits, vended * 5)
    await watch.show()
    await watch.show()
    assert _shown() == (vended * 6, False)
    assert (await _line(books)).balance == Money(vended * 6)
    await engine.dispose()


async def test_a_watch_forgets_what_was_vended_long_ago(books: Books, deposits: Deposits) -> None:
    await books.partner(prefund=100_000_000)
    engine = books.database.engine()
    watch = DepositWatch(engine, {BILLER: 0.05})
    await _put(deposits, await _vend(books) + 1)
    await watch.show()
    assert _shown() == (1, True)
    # Minutes that have gone by since, as the database tells the time.
    watch._vended[deposit_account(BILLER)] = {  # noqa: SLF001 - nothing else makes hours go by
        minute - 180: vended
        for minute, vended in watch._vended[deposit_account(BILLER)].items()  # noqa: SLF001
    }
    await watch.show()
    assert _shown() == (1, False)
    await engine.dispose()


async def test_a_watch_begins_again_where_another_database_was_put(books: Books, deposits: Deposits) -> None:
    await books.partner(prefund=100_000_000)
    await _put(deposits, 500)
    engine = books.database.engine()
    watch = DepositWatch(engine, {BILLER: 1.0})
    await watch.show()
    await books.tell("UPDATE lanes SET seq = seq - 1 WHERE seq > 0")
    await books.tell("UPDATE postings SET amount = 300 WHERE account = $1", deposit_account(BILLER))
    await watch.show()
    assert _shown() == (300, False)
    await engine.dispose()


async def test_a_watch_of_nothing_asks_nothing(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deposit_watch, "READ_HEADS", None)
    engine = books.database.engine()
    await DepositWatch(engine, {}).show()
    with pytest.raises(ObjectNotExecutableError):
        await DepositWatch(engine, {BILLER: 1.0}).show()
    await engine.dispose()


ALARMS = "SELECT subject, amount, count, ended_at IS NULL AS stands FROM alarms WHERE kind = 'deposit_low'"


async def test_an_alarm_stands_while_a_deposit_is_low_and_nothing_is_on_its_way(
    books: Books, deposits: Deposits
) -> None:
    await books.partner(prefund=100_000_000)
    await _put(deposits, 1)
    vended = await _vend(books)
    engine = books.database.engine()
    watch = DepositWatch(engine, {BILLER: 1.0})
    for _ in range(2):
        await watch.warn()
    # What is missing to what was vended; a second look is no second alarm.
    assert [tuple(row) for row in await books.rows(ALARMS)] == [
        (f"deposit {BILLER}", 2 * vended - 1, 1, True)
    ]
    await _post(books, top_up_approved_entry(BILLER, 3 * vended))
    await watch.warn()
    assert [row["stands"] for row in await books.rows(ALARMS)] == [False]
    await watch.show()
    assert _shown()[1] == 1
    # The bank has booked it, so the deposit has it, and it is no vend.
    await _post(books, settlement_deposited_entry("rtgs", BILLER, 3 * vended))
    await watch.warn()
    await watch.show()
    assert _shown() == (2 * vended + 1, False)
    assert (await _line(books)).vended == Money(vended)
    assert [row["stands"] for row in await books.rows(ALARMS)] == [False]
    await engine.dispose()


async def test_the_alarm_of_a_utility_that_is_gone_ends(books: Books, deposits: Deposits) -> None:
    await books.partner(prefund=100_000_000)
    await _put(deposits, 1)
    await _vend(books)
    engine = books.database.engine()
    await DepositWatch(engine, {BILLER: 1.0}).warn()
    assert [row["stands"] for row in await books.rows(ALARMS)] == [True]
    await DepositWatch(engine, {}).warn()
    assert [row["stands"] for row in await books.rows(ALARMS)] == [False]
    await engine.dispose()
