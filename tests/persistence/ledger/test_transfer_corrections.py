"""Wrong top-ups and transfers to utilities: rejected or reversed by two persons, once, and never in part."""

import asyncio
import csv
import io
from uuid import UUID, uuid4

import pytest

from ekpay_switch.cli.parties.partner_statements import StatementFormat, render_statement
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.ledger import transfer_corrections
from ekpay_switch.persistence.ledger.deposit_watch import DepositWatch
from ekpay_switch.persistence.ledger.deposits import (
    TransferExistsError,
    UnknownTransferError,
    read_deposits,
)
from ekpay_switch.persistence.ledger.transfer_corrections import (
    DEPOSITS,
    TOP_UPS,
    PrefundTooLowError,
    RefusedReasonError,
    TransferNotWaitingError,
)
from ekpay_switch.persistence.ledger.windows import SettlementWindows
from ekpay_switch.persistence.parties.partner_statements import read_statements
from ekpay_switch.persistence.parties.staff import LeftStaffError, NotAllowedError
from ekpay_switch.persistence.parties.top_ups import (
    OnePersonError,
    TopUpExistsError,
    UnknownTopUpError,
)
from tests.persistence.books import Books
from tests.persistence.ledger.transfer_setup import AMOUNT, BILLER, LEFT, PARTNER, REFERENCE, Desk, open_desk

ALREADY_THERE = (TopUpExistsError, TransferExistsError)
NOT_WAITING = (UnknownTopUpError, UnknownTransferError, TransferNotWaitingError)


@pytest.fixture(params=[TOP_UPS, DEPOSITS], ids=["top-up", "deposit"])
async def desk(books: Books, request: pytest.FixtureRequest) -> Desk:
    return await open_desk(books, request.param)


# ---- rejected before approval


async def test_a_rejected_request_stays_as_a_record_and_frees_its_reference(desk: Desk) -> None:
    wrong = await desk.ask(Money(500_000))
    with pytest.raises(ALREADY_THERE):
        await desk.ask()
    assert await desk.corrections.reject(wrong, " a digit too many ", "Karim") == Money(500_000)
    row = await desk.row(wrong)
    assert (row["rejected_by"], row["rejection_reason"]) == ("Karim", "a digit too many")
    assert row["rejected_at"] is not None
    with pytest.raises(NOT_WAITING):
        await desk.approve(wrong, "Selim")
    await desk.approve(await desk.ask())
    assert sorted(line[2] for line in await desk.moved()) == [-50_000, 50_000]
    assert await desk.books.audit() is None


async def test_who_asked_may_withdraw(desk: Desk) -> None:
    transfer_id = await desk.ask()
    await desk.corrections.reject(transfer_id, "asked twice", "Rahima")
    assert (await desk.row(transfer_id))["rejected_by"] == "Rahima"


async def test_a_rejection_is_repeated_by_the_same_person_alone(desk: Desk) -> None:
    transfer_id = await desk.ask()
    await desk.corrections.reject(transfer_id, "a digit too many", "Karim")
    first = await desk.row(transfer_id)
    assert await desk.corrections.reject(transfer_id, "another", "Karim") == AMOUNT
    assert await desk.row(transfer_id) == first
    with pytest.raises(TransferNotWaitingError, match=r"id: .* was rejected by Karim: a digit too many"):
        await desk.corrections.reject(transfer_id, "another", "Selim")


async def test_what_was_approved_is_not_rejected_and_what_was_not_is_not_reversed(desk: Desk) -> None:
    transfer_id = await desk.ask()
    with pytest.raises(TransferNotWaitingError, match=r"id: .* is not approved, reject it"):
        await desk.corrections.ask_reversal(transfer_id, "wrong", "Rahima")
    await desk.approve(transfer_id)
    with pytest.raises(TransferNotWaitingError, match=r"id: .* was approved by Karim"):
        await desk.corrections.reject(transfer_id, "wrong", "Selim")
    with pytest.raises(TransferNotWaitingError, match="id: nobody has asked for the reversal"):
        await desk.corrections.approve_reversal(transfer_id, "Selim")
    with pytest.raises(TransferNotWaitingError, match="id: there is no request"):
        await desk.corrections.reject(uuid4(), "wrong", "Selim")


async def test_an_approval_and_a_rejection_at_once_exclude_one_another(desk: Desk) -> None:
    transfer_id = await desk.ask()
    answers = await asyncio.gather(
        desk.approve(transfer_id, "Karim"),
        desk.corrections.reject(transfer_id, "wrong", "Selim"),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, NOT_WAITING) for answer in answers) == 1
    row = await desk.row(transfer_id)
    assert (row["approved_by"] is None) != (row["rejected_by"] is None)
    assert bool(await desk.moved()) == (row["approved_by"] is not None)


async def test_a_correction_says_why(desk: Desk) -> None:
    transfer_id = await desk.asked_back()
    for correct in (
        desk.corrections.reject,
        desk.corrections.ask_reversal,
        desk.corrections.reject_reversal,
    ):
        with pytest.raises(RefusedReasonError, match="reason"):
            await correct(transfer_id, "  ", "Karim")


# ---- reversed afterwards


async def test_a_reversal_mirrors_the_entry_and_frees_the_reference(desk: Desk) -> None:
    transfer_id = await desk.asked_back()
    first = await desk.moved()
    assert len(first) == 2
    assert await desk.corrections.approve_reversal(transfer_id, "Karim") == AMOUNT
    mirror = [(f"{moment}_reversed", account, -amount) for moment, account, amount in first]
    assert await desk.moved() == [*first, *mirror]
    assert (await desk.row(transfer_id))["reversed_at"] is not None
    assert await desk.books.balance(PARTNER) == 0
    right = await desk.ask(Money(5_000))
    await desk.approve(right)
    with pytest.raises(ALREADY_THERE):
        await desk.ask()
    assert await desk.books.audit() is None


async def test_a_reversal_takes_two_persons(desk: Desk) -> None:
    transfer_id = await desk.asked_back()
    with pytest.raises(OnePersonError, match="approved_by"):
        await desk.corrections.approve_reversal(transfer_id, "Rahima")
    assert len(await desk.moved()) == 2


async def test_a_repeated_reversal_posts_nothing_again(desk: Desk) -> None:
    transfer_id = await desk.asked_back()
    assert await desk.corrections.ask_reversal(transfer_id, "again", "Rahima") == AMOUNT
    with pytest.raises(TransferNotWaitingError, match="Rahima has asked"):
        await desk.corrections.ask_reversal(transfer_id, "again", "Selim")
    for _ in range(2):
        assert await desk.corrections.approve_reversal(transfer_id, "Karim") == AMOUNT
    with pytest.raises(TransferNotWaitingError, match="was reversed by Karim"):
        await desk.corrections.approve_reversal(transfer_id, "Selim")
    with pytest.raises(TransferNotWaitingError, match="was reversed by Karim"):
        await desk.corrections.reject_reversal(transfer_id, "too late", "Selim")
    with pytest.raises(TransferNotWaitingError, match="has asked for the reversal"):
        await desk.corrections.ask_reversal(transfer_id, "again", "Rahima")
    assert len(await desk.moved()) == 4


async def test_of_two_checkers_at_once_one_reverses(desk: Desk) -> None:
    transfer_id = await desk.asked_back()
    approvals = (desk.corrections.approve_reversal(transfer_id, name) for name in ["Karim", "Selim"] * 3)
    answers = await asyncio.gather(*approvals, return_exceptions=True)
    assert sum(answer == AMOUNT for answer in answers) == 3
    assert sum(isinstance(answer, TransferNotWaitingError) for answer in answers) == 3
    assert len(await desk.moved()) == 4


async def test_a_rejected_reversal_leaves_the_transfer_and_may_be_asked_for_again(desk: Desk) -> None:
    transfer_id = await desk.asked_back()
    assert await desk.corrections.reject_reversal(transfer_id, "it was right", "Karim") == AMOUNT
    for decide in (
        desk.corrections.approve_reversal(transfer_id, "Karim"),
        desk.corrections.reject_reversal(transfer_id, "again", "Karim"),
    ):
        with pytest.raises(TransferNotWaitingError, match="nobody has asked"):
            await decide
    with pytest.raises(ALREADY_THERE):
        await desk.ask()
    await desk.corrections.ask_reversal(transfer_id, "it was wrong after all", "Selim")
    await desk.corrections.approve_reversal(transfer_id, "Karim")
    assert await desk.books.count("transfer_reversals") == 2
    assert await desk.books.audit() is None


async def test_a_crash_before_the_entry_leaves_the_reversal_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer_id = await desk.asked_back()

    async def _crash(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(transfer_corrections, "write_batch", _crash)
        with pytest.raises(ConnectionError):
            await desk.corrections.approve_reversal(transfer_id, "Karim")
    assert (await desk.row(transfer_id))["reversed_at"] is None
    assert [line.is_reversal for line in await desk.corrections.list_waiting()] == [True]
    await desk.corrections.approve_reversal(transfer_id, "Selim")
    assert await desk.books.audit() is None


async def test_what_waits_is_listed_with_who_asked_and_why(desk: Desk) -> None:
    reversed_one = await desk.asked_back()
    waiting = await desk.ask(Money(7), "BANK-2")
    rejected = await desk.ask(Money(8), "BANK-3")
    await desk.corrections.reject(rejected, "wrong", "Karim")
    listed = await desk.corrections.list_waiting()
    party, bucket = (PARTNER, "postpaid") if desk.kind is TOP_UPS else (BILLER, "")
    shown = [
        (line.transfer_id, line.amount, line.reference, line.is_reversal, line.reason) for line in listed
    ]
    assert shown == [
        (reversed_one, AMOUNT, REFERENCE, True, "a digit too many"),
        (waiting, Money(7), "BANK-2", False, ""),
    ]
    assert {(line.party, line.bucket, line.asked_by) for line in listed} == {(party, bucket, "Rahima")}


# ---- the floor of a prefund


async def _spend(desk: Desk) -> int:
    """Let the partner pay a bill from the prefund; what is left."""
    await desk.books.finish(await desk.books.start(PARTNER, lane=3))
    return await desk.books.balance(PARTNER)


async def _everything(desk: Desk, transfer_id: UUID) -> tuple[object, ...]:
    """Whatever a refused reversal must leave as it is."""
    balance = await desk.books.balance(PARTNER)
    row = tuple(await desk.row(transfer_id))
    return balance, row, await desk.moved(), await desk.corrections.list_waiting()


async def test_a_reversal_that_the_prefund_does_not_cover_changes_nothing(books: Books) -> None:
    desk = await open_desk(books, TOP_UPS)
    transfer_id = await desk.asked_back()
    assert await _spend(desk) == 44_000
    before = await _everything(desk, transfer_id)
    with pytest.raises(PrefundTooLowError, match=r"amount: prefund:bank1:postpaid holds 440\.00"):
        await desk.corrections.approve_reversal(transfer_id, "Karim")
    assert await _everything(desk, transfer_id) == before
    await desk.approve(await desk.ask(Money(6_000), "BANK-2"))
    await desk.corrections.approve_reversal(transfer_id, "Karim")
    assert await books.balance(PARTNER) == 0
    assert await books.audit() is None


async def test_the_database_keeps_the_floor_where_the_money_goes_meanwhile(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await open_desk(books, TOP_UPS)
    transfer_id = await desk.asked_back()
    await _spend(desk)
    before = await _everything(desk, transfer_id)
    monkeypatch.setattr(transfer_corrections, "_BALANCE", "SELECT 50000::bigint WHERE $1 <> ''")
    with pytest.raises(PrefundTooLowError, match="amount: the prefund does not cover"):
        await desk.corrections.approve_reversal(transfer_id, "Karim")
    assert await _everything(desk, transfer_id) == before


async def test_the_statement_of_a_partner_shows_both_with_the_banks_reference(books: Books) -> None:
    desk = await open_desk(books, TOP_UPS)
    await desk.corrections.approve_reversal(await desk.asked_back(), "Karim")
    day = await books.value("SELECT business_date FROM settlement_windows")
    await SettlementWindows(books.database.connect).close(day)
    connection = await books.database.connect()
    try:
        (statement,) = await read_statements(connection, day, PARTNER)
    finally:
        await connection.close()
    assert [(line.kind, line.reference, line.change) for line in statement.lines] == [
        ("topped_up", REFERENCE, 50_000),
        ("topped_up_reversed", REFERENCE, -50_000),
    ]
    rows = csv.DictReader(io.StringIO(render_statement(statement, StatementFormat.CSV)))
    assert {"top_up", "top_up_reversal"} <= {row["record"] for row in rows}


# ---- deposits


async def test_a_reversed_deposit_is_no_vending(books: Books) -> None:
    desk = await open_desk(books, DEPOSITS)
    transfer_id = await desk.asked_back()
    await desk.approve(await desk.ask(Money(100), "BANK-2"))
    await desk.corrections.approve_reversal(transfer_id, "Karim")
    engine = books.database.engine()
    (line,) = await read_deposits(engine, {BILLER: 1.0})
    assert (line.balance, line.vended, line.is_low) == (Money(100), Money(0), False)
    watch = DepositWatch(engine, {BILLER: 1.0})
    await watch.show()
    minutes = watch._vended[f"biller_deposit:{BILLER}"]  # noqa: SLF001 - what it has seen
    assert sum(minutes.values()) == 0
    await engine.dispose()


# ---- whoever has left


async def test_nobody_who_has_left_approves_and_nothing_of_theirs_is_carried_out(desk: Desk) -> None:
    waits, asked_back = await desk.ask(reference="BANK-7"), await desk.asked_back()
    before = await desk.moved()
    await desk.books.tell(LEFT, "Karim")
    for approve in (desk.approve(waits, "Karim"), desk.corrections.approve_reversal(asked_back, "Karim")):
        with pytest.raises(NotAllowedError):
            await approve
    await desk.books.tell(LEFT, "Rahima")
    for approve in (desk.approve(waits, "Selim"), desk.corrections.approve_reversal(asked_back, "Selim")):
        with pytest.raises(LeftStaffError, match="asked_by: Rahima may decide nothing any more"):
            await approve
    assert await desk.moved() == before
    # What they have asked for is rejected, and asked for again by somebody else.
    await desk.corrections.reject(waits, "she has left", "Selim")
    await desk.corrections.reject_reversal(asked_back, "she has left", "Selim")
