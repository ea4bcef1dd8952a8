"""A line of our bank's statement is booked once, by a top-up, transfer, refund, decision or break."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.bank_lines import BankLineBookedError, BankLineRows
from ekpay_switch.persistence.ledger.deposits import Deposits
from ekpay_switch.persistence.ledger.transfer_corrections import TOP_UPS, TransferCorrections
from ekpay_switch.persistence.parties.top_ups import TopUp, TopUps
from ekpay_switch.ports.decisions import JournalProposal, Proposal, ProposalView
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.collections.collection_setup import Till
from tests.persistence.decisions.decision_setup import APPROVES, PROPOSES, Desk, open_desk
from tests.persistence.refunds.refund_setup import open_office

LINE = "FT-1"
FEE = (("bank_charges", 5_750), ("settlement_bank", -5_750))


class Bookings:
    """Every way to book the line, by two persons."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.connect = desk.books.database.connect

    async def top_up(self) -> None:
        tops = TopUps(self.connect)
        asked = await tops.request(TopUp("bank1", "postpaid", Money(50_000), LINE), PROPOSES)
        await tops.approve(asked, APPROVES)

    async def deposit(self) -> None:
        deposits = Deposits(self.connect)
        asked = await deposits.request("nesco_prepaid", Money(50_000), LINE, PROPOSES)
        await deposits.approve(asked, APPROVES)

    async def refund(self) -> None:
        refunds = self.desk.office
        refund_id = await refunds.by_hand()
        await refunds.desk.record_paid_by_hand(refund_id, LINE, PROPOSES)
        await refunds.desk.confirm_paid_by_hand(refund_id, APPROVES)

    async def journal(self) -> ProposalView:
        asked = await self.desk.desk.propose_journal(
            JournalProposal(uuid7(), FEE, "a fee of the bank", LINE, PROPOSES)
        )
        return await self.desk.desk.approve(asked.id, asked.code, APPROVES)

    async def broken(self) -> None:
        connection = await self.connect()
        try:
            await BankLineRows().book(connection, uuid7(), [LINE, "PARTNER-7"], 50_000)
        finally:
            await connection.close()


Way = Callable[[Bookings], Awaitable[object]]
WAYS: list[Way] = [Bookings.top_up, Bookings.deposit, Bookings.refund, Bookings.journal]


@pytest.fixture
async def bookings(till: Till) -> AsyncIterator[Bookings]:
    async with open_office(till) as office, open_desk(office) as desk:
        yield Bookings(desk)


@pytest.mark.parametrize("first", [*WAYS, Bookings.broken], ids=lambda way: way.__name__)
@pytest.mark.parametrize("second", WAYS, ids=lambda way: way.__name__)
async def test_what_one_has_booked_no_other_books(bookings: Bookings, first: Way, second: Way) -> None:
    await first(bookings)
    before = await bookings.desk.balances()
    with pytest.raises(Exception, match=r"booked once|belongs to another|has booked FT-1"):
        await second(bookings)
    assert (await bookings.desk.balances()).get("settlement_bank") == before.get("settlement_bank")
    assert await bookings.desk.books.audit() is None


async def test_a_line_is_free_again_once_its_booking_is_reversed(bookings: Bookings) -> None:
    await bookings.top_up()
    corrections = TransferCorrections(bookings.connect, TOP_UPS)
    (top_up,) = await bookings.desk.books.rows("SELECT id FROM top_ups")
    await corrections.ask_reversal(top_up["id"], "it was the utility's", PROPOSES)
    await corrections.approve_reversal(top_up["id"], APPROVES)
    await bookings.deposit()
    transfers = await bookings.desk.books.rows("SELECT reference, approved_by FROM deposit_transfers")
    assert [tuple(row.values()) for row in transfers] == [(LINE, APPROVES)]
    assert await bookings.desk.books.audit() is None


async def test_a_line_that_a_decision_about_its_break_has_released_is_free(bookings: Bookings) -> None:
    entry_id, lines = uuid7(), BankLineRows()
    connection = await bookings.connect()
    try:
        for _ in range(2):
            await lines.book(connection, entry_id, [LINE, "PARTNER-7"], 50_000)
        for name in (LINE, "PARTNER-7"):
            (standing,) = await lines.lock(connection, [name])
            assert (standing.kind, standing.id, standing.amount) == ("break", entry_id, 50_000)
        reversal_id = uuid7()
        for _ in range(2):
            await lines.release(connection, entry_id, reversal_id)
        assert await lines.lock(connection, [LINE]) == []
    finally:
        await connection.close()
    await bookings.top_up()


async def test_what_waits_for_a_second_person_names_its_line_until_then(bookings: Bookings) -> None:
    tops, deposits, refunds = TopUps(bookings.connect), Deposits(bookings.connect), bookings.desk.office
    top_up = await tops.request(TopUp("bank1", "postpaid", Money(50_000), "FT-1"), PROPOSES)
    await deposits.request("nesco_prepaid", Money(400), "FT-2", PROPOSES)
    refund_id = await refunds.by_hand()
    await refunds.desk.record_paid_by_hand(refund_id, "FT-3", PROPOSES)
    (refunded,) = await bookings.desk.books.rows("SELECT amount FROM refunds WHERE id = $1", refund_id)
    await bookings.desk.desk.propose_journal(JournalProposal(uuid7(), FEE, "a fee", "FT-4", PROPOSES))
    fee = dict(FEE)["settlement_bank"]
    named = {("FT-1", 50_000), ("FT-2", -400), ("FT-3", -refunded["amount"]), ("FT-4", fee)}
    assert await requested(bookings) == named
    await tops.approve(top_up, APPROVES)
    await refunds.desk.withdraw_paid_by_hand(refund_id, "it was not paid", PROPOSES)
    assert await requested(bookings) == {("FT-2", -400), ("FT-4", fee)}


async def requested(bookings: Bookings) -> set[tuple[str, int]]:
    connection = await bookings.connect()
    try:
        return set(await BankLineRows().requests(connection))
    finally:
        await connection.close()


async def test_of_two_at_once_one_books_the_line(bookings: Bookings) -> None:
    answers = await asyncio.gather(bookings.top_up(), bookings.deposit(), return_exceptions=True)
    assert [type(answer) for answer in answers if answer is not None] == [BankLineBookedError]


async def test_the_audit_finds_a_line_that_is_booked_twice(bookings: Bookings) -> None:
    await bookings.top_up()
    await bookings.broken()
    finding = await bookings.desk.books.audit()
    assert finding is not None
    assert "2 bookings name this line of the bank: break, top-up" in finding.why


async def test_where_a_connector_gave_back_otherwise_each_word_with_a_digit_names_a_line(
    bookings: Bookings,
) -> None:
    desk = bookings.desk
    refund_id = await desk.doubtful_refund()
    action = DecisionAction.PAID_BACK_OTHERWISE
    proposal = Proposal(uuid7(), refund_id, action, "they said so", PROPOSES, "R-77 and FT-1", Money(1_000))
    view = await desk.desk.propose(proposal)
    await desk.desk.approve(view.id, view.code, APPROVES)
    connection = await bookings.connect()
    try:
        booked = await BankLineRows().bookings(connection)
    finally:
        await connection.close()
    assert [(line.kind, line.id, line.names) for line in booked] == [
        ("decision", view.id, ("FT-1", "R-77", "R-77 and FT-1"))
    ]
    with pytest.raises(BankLineBookedError, match=f"decision {view.id} has booked FT-1"):
        await bookings.top_up()
