"""What finance does with refunds: whatever moves money takes two persons, and the database says so too."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import pytest

from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.persistence.parties.staff import LeftStaffError, NotAllowedError
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.refunds.decisions import NothingInSuspenseError, NotWaitingError
from ekpay_switch.persistence.refunds.staff_actions import (
    ReferenceTakenError,
    RefundRefusedError,
    UnknownRefundError,
)
from ekpay_switch.ports.collections import RefundOpened
from tests.persistence.collections.collection_setup import KEPT, TAKEN, Till, agreed
from tests.persistence.refunds.refund_setup import (
    BILLED,
    DAYS_MAX,
    PARTS_MAX,
    UNDOABLE,
    Office,
    open_office,
    wanted,
)

LEFT = "UPDATE staff SET disabled_at = now(), disabled_by = 'Selim' WHERE name = $1"
ASKS, AGREES = "Rahima", "Karim"


@pytest.fixture
async def office(till: Till) -> AsyncIterator[Office]:
    """An office whose books are proven once the test is through."""
    async with open_office(till) as office:
        yield office
        assert await till.books.audit() is None


async def _asked(office: Office, paid: LockedTry, amount: int = BILLED) -> UUID:
    view = await office.desk.request(
        paid.payment_id, Money(amount), "a mistake", ASKS, PARTS_MAX, DAYS_MAX, burden=UNDOABLE
    )
    assert view.state is RefundState.REQUESTED
    return view.refund_id


# ---- a refund that staff asks for


async def test_a_refund_that_staff_asks_for_is_owed_once_a_second_person_agrees(office: Office) -> None:
    paid = await office.completed()
    before = await office.till.balances()
    refund_id = await _asked(office, paid, 40_000)
    with pytest.raises(OnePersonError, match="second person"):
        await office.desk.approve(refund_id, ASKS)
    assert await office.till.balances() == before
    assert await office.lease() == []

    view = await office.desk.approve(refund_id, AGREES)

    assert view.state is RefundState.APPROVED
    after = await office.till.balances()
    assert after["refund_due:bkash"] == -40_000
    assert after["payable:desco_postpaid"] == 40_000 - BILLED
    assert await office.running_total(paid) == 40_000
    row = await office.row(refund_id)
    assert (row["asked_by"], row["approved_by"], row["reason"]) == (ASKS, AGREES, "a mistake")
    await office.done(refund_id)
    assert await office.steps(refund_id) == [
        ("approved", AGREES),
        ("sending", "switch"),
        ("given", "switch"),
    ]


async def test_an_approval_that_is_said_twice_moves_money_once(office: Office) -> None:
    paid = await office.completed()
    refund_id = await _asked(office, paid)

    views = [await office.desk.approve(refund_id, AGREES) for _ in range(2)]

    assert views[0] == views[1]
    assert (await office.entries(paid.payment_id)).count("owed_back_by_payee") == 1
    with pytest.raises(NotWaitingError):
        await office.desk.approve(refund_id, "Salma")


async def test_a_refund_that_is_rejected_frees_the_total_and_never_moved_anything(office: Office) -> None:
    paid = await office.completed()
    before = await office.till.balances()
    refund_id = await _asked(office, paid)

    view = await office.desk.reject(refund_id, AGREES)

    assert view.state is RefundState.REJECTED
    assert await office.running_total(paid) == 0
    assert await office.till.balances() == before
    for decide in (office.desk.approve, office.desk.reject):
        with pytest.raises(NotWaitingError):
            await decide(refund_id, "Salma")
    # Who asked may take it back alone: nothing moves.
    assert (await office.desk.reject(await _asked(office, paid), ASKS)).state is RefundState.REJECTED


async def test_a_payment_that_is_in_review_since_is_decided_first(office: Office) -> None:
    first = await office.till.on_page()
    second = await office.till.leased(await office.till.another(first))
    first = await office.till.leased(first)
    await office.till.record(first, agreed(first, "T1"))
    await office.till.delivered(await office.till.delivering(first))
    refund_id = await _asked(office, first)
    await office.till.record(second, agreed(second, "T2", amount=Money(100)))

    with pytest.raises(NotWaitingError):
        await office.desk.approve(refund_id, AGREES)

    assert (await office.row(refund_id))["state"] == "asked"


async def test_what_cannot_be_given_back_is_refused_with_its_reason(office: Office) -> None:
    paid, waiting = await office.completed(), await office.till.on_page()
    for held, amount, why in (
        (paid, BILLED + 1, RefundRefusal.EXCEEDS_REMAINING),
        (waiting, 100, RefundRefusal.NOT_REFUNDABLE),
    ):
        with pytest.raises(RefundRefusedError) as refused:
            await _asked(office, held, amount)
        assert refused.value.refusal is why
    assert await office.desk.connector_of(paid.payment_id) == "bkash"
    assert await office.desk.connector_of(waiting.payment_id) is None
    assert await office.desk.payee_of(paid.payment_id) == "desco_postpaid"
    assert await office.desk.payee_of(waiting.payment_id) is None


async def test_a_refund_that_nobody_knows_cannot_be_decided_or_told(office: Office) -> None:
    decisions: tuple[Callable[[UUID, str], Awaitable[object]], ...] = (
        office.desk.approve,
        office.desk.reject,
        office.desk.confirm_paid_by_hand,
    )
    for decide in decisions:
        with pytest.raises(UnknownRefundError):
            await decide(uuid4(), AGREES)
    with pytest.raises(UnknownRefundError):
        await office.desk.details(uuid4())
    with pytest.raises(UnknownRefundError):
        await office.desk.record_paid_by_hand(uuid4(), "BANK-1", ASKS)


async def test_refunds_are_listed_by_state_with_who_stands_behind_them(office: Office) -> None:
    paid = await office.completed()
    refund_id = await _asked(office, paid, 1_000)
    await office.take(paid, 2_000)

    (line,) = await office.desk.list([RefundState.REQUESTED])

    assert (line["id"], line["amount"], line["currency"], line["asked_by"]) == (refund_id, 1_000, "BDT", ASKS)
    assert [line["amount"] for line in await office.desk.list(list(RefundState))] == [2_000, 1_000]
    await office.desk.approve(refund_id, AGREES)
    told, steps = await office.desk.details(refund_id)
    assert (told["approved_by"], [step["event"] for step in steps]) == (AGREES, ["approved"])


# ---- by hand


async def test_two_persons_pay_by_hand_and_the_payment_ends(office: Office) -> None:
    refund_id = await office.by_hand()
    payment_id = (await office.row(refund_id))["payment_id"]
    with pytest.raises(NotWaitingError):
        await office.desk.confirm_paid_by_hand(refund_id, AGREES)
    await office.desk.record_paid_by_hand(refund_id, "BANK-OOPS", ASKS)
    await office.desk.record_paid_by_hand(refund_id, " BANK-7 ", ASKS)
    with pytest.raises(OnePersonError):
        await office.desk.confirm_paid_by_hand(refund_id, ASKS)
    assert (await office.till.balances())["refund_due:bkash"] == -TAKEN

    views = [await office.desk.confirm_paid_by_hand(refund_id, AGREES) for _ in range(2)]

    assert views[0] == views[1]
    assert views[0].state is RefundState.DONE
    assert await office.till.balances() == {
        "receivable:bkash": TAKEN - KEPT,
        "connector_fee:bkash": KEPT,
        "settlement_bank": -TAKEN,
    }
    assert await office.books.state_of(payment_id) == "refunded"
    row = await office.row(refund_id)
    assert (row["by_hand_by"], row["confirmed_by"], row["bank_reference"]) == (ASKS, AGREES, "BANK-7")
    assert (await office.steps(refund_id))[-1] == ("paid_by_hand", AGREES)
    assert (await office.entries(payment_id))[-1] == "paid_back_by_hand"
    assert await office.books.count("notifications", "notice = 'given_back'") == 1


async def test_a_bank_reference_pays_one_refund(office: Office) -> None:
    first, second = await office.by_hand(), await office.by_hand()
    await office.desk.record_paid_by_hand(first, "BANK-7", ASKS)

    for taken in ("BANK-7", " BANK-7 ", "  "):
        with pytest.raises(ReferenceTakenError):
            await office.desk.record_paid_by_hand(second, taken, ASKS)

    assert (await office.row(second))["by_hand_by"] is None


async def test_only_what_waits_for_finance_can_be_paid_by_hand(office: Office) -> None:
    view = await office.take(await office.completed())
    with pytest.raises(NotWaitingError):
        await office.desk.record_paid_by_hand(view.refund_id, "BANK-7", ASKS)
    with pytest.raises(NotWaitingError):
        await office.desk.confirm_paid_by_hand(view.refund_id, AGREES)


async def test_the_database_refuses_one_person_too(office: Office) -> None:
    asked = await _asked(office, await office.completed())
    by_hand = await office.by_hand()
    await office.desk.record_paid_by_hand(by_hand, "BANK-7", ASKS)
    connection = await office.books.database.connect()
    try:
        for name, change, refund_id in (
            ("two_persons", "approved_by = asked_by, state = 'approved'", asked),
            ("confirmed", "confirmed_by = by_hand_by", by_hand),
            ("confirmed", "confirmed_by = 'Karim'", asked),
            ("by_hand", "by_hand_by = NULL", by_hand),
        ):
            with pytest.raises(asyncpg.CheckViolationError, match=name):
                await connection.execute(f"UPDATE refunds SET {change} WHERE id = $1", refund_id)  # noqa: S608
    finally:
        await connection.close()


# ---- chargebacks


async def test_a_chargeback_is_written_down_by_two_persons_in_the_same_total(office: Office) -> None:
    paid = await office.completed()
    before = await office.till.balances()
    await office.done((await office.take(paid, 5_000)).refund_id)
    view = await office.desk.record_chargeback(paid.payment_id, Money(100_000), " CB-9 ", ASKS, UNDOABLE)
    assert (view.kind, view.state) == ("chargeback", "asked")
    with pytest.raises(OnePersonError):
        await office.desk.approve(view.refund_id, ASKS)

    done = await office.desk.approve(view.refund_id, AGREES)

    assert done.state is RefundState.DONE
    assert await office.running_total(paid) == BILLED
    assert await office.till.balances() == {
        name: held
        for name, held in (before | {"receivable:bkash": TAKEN - KEPT - BILLED}).items()
        if name != "payable:desco_postpaid"
    }
    assert await office.ask(wanted(paid.payment_id, 1)) is RefundRefusal.EXCEEDS_REMAINING
    assert await office.steps(view.refund_id) == [("taken_by_connector", AGREES)]
    assert (await office.row(view.refund_id))["provider_refund"] == "CB-9"


async def test_parts_and_days_do_not_bind_what_the_connector_has_taken(office: Office) -> None:
    paid = await office.completed()
    await office.books.tell("UPDATE tries SET collected_at = collected_at - interval '400 days'")
    view = await office.desk.record_chargeback(paid.payment_id, Money(BILLED), "CB-9", ASKS, UNDOABLE)
    assert (await office.desk.approve(view.refund_id, AGREES)).state is RefundState.DONE


async def test_a_chargeback_is_written_down_once_and_again_only_if_it_was_rejected(office: Office) -> None:
    paid = await office.completed()
    view = await office.desk.record_chargeback(paid.payment_id, Money(1_000), "CB-9", ASKS, UNDOABLE)
    for name in ("CB-9", "  "):
        with pytest.raises(ReferenceTakenError):
            await office.desk.record_chargeback(paid.payment_id, Money(2_000), name, ASKS, UNDOABLE)
    with pytest.raises(RefundRefusedError):
        await office.desk.record_chargeback(paid.payment_id, Money(TAKEN - 999), "CB-10", ASKS, UNDOABLE)

    await office.desk.reject(view.refund_id, AGREES)

    again = await office.desk.record_chargeback(paid.payment_id, Money(2_000), "CB-9", ASKS, UNDOABLE)
    assert (await office.desk.approve(again.refund_id, AGREES)).amount == Money(2_000)


# ---- money that disagreed


async def test_a_review_is_ended_by_giving_back_the_money_that_disagreed(office: Office) -> None:
    held = await office.disagreed(99_900)
    assert (await office.till.payment(held))["state"] == "in_review"
    waiting = await office.till.balances()
    assert waiting["suspense:bkash"] == -99_900
    view = await office.desk.request_review_give_back(held.payment_id, "the payer paid too little", ASKS)
    assert (view.kind, view.state, view.amount) == ("give_back", "asked", Money(99_900))
    assert await office.till.balances() == waiting
    with pytest.raises(OnePersonError):
        await office.desk.approve(view.refund_id, ASKS)

    await office.desk.approve(view.refund_id, AGREES)

    payment = await office.till.payment(held)
    assert (payment["state"], payment["refusal"], payment["next_action_at"]) == (
        "refunding",
        "amount_differs",
        None,
    )
    assert (await office.till.balances())["refund_due:bkash"] == -99_900
    assert await office.books.audit() is None
    assert await office.refunds.open_give_backs(10) == 0
    await office.done(view.refund_id)
    assert (await office.till.payment(held))["state"] == "refunded"
    assert (await office.till.events(held))[-2:] == ["reviewed_to_give_back", "given_back"]
    assert [notice for notice, _ in await office.till.notices(held)] == ["collected_mismatch", "given_back"]
    kept = await office.books.value("SELECT sum(amount) FROM postings WHERE account LIKE 'connector_fee:%'")
    assert await office.till.balances() == {"receivable:bkash": -kept, "connector_fee:bkash": kept}


async def test_a_review_can_be_asked_to_end_again_after_a_no(office: Office) -> None:
    held = await office.disagreed()
    view = await office.desk.request_review_give_back(held.payment_id, "too little", ASKS)
    with pytest.raises(NothingInSuspenseError):
        await office.desk.request_review_give_back(held.payment_id, "too little", "Salma")

    await office.desk.reject(view.refund_id, AGREES)

    assert (await office.till.payment(held))["state"] == "in_review"
    again = await office.desk.request_review_give_back(held.payment_id, "too little", ASKS)
    await office.desk.approve(again.refund_id, AGREES)
    assert (await office.till.payment(held))["state"] == "refunding"


async def test_a_payment_that_was_final_before_its_review_is_so_again(office: Office) -> None:
    """The bill was paid; only what came beside it goes back."""
    held = await office.completed_and_disagreed()
    assert (await office.till.payment(held))["state"] == "in_review"
    view = await office.desk.request_review_give_back(held.payment_id, "a second, wrong one", ASKS)
    assert (view.kind, view.amount) == ("unexpected", Money(100))

    await office.desk.approve(view.refund_id, AGREES)

    assert (await office.till.payment(held))["state"] == "completed"
    assert await office.books.audit() is None
    notices = [notice for notice, _ in await office.till.notices(held)]
    assert notices == ["completed", "collected_mismatch", "completed"]
    await office.done(view.refund_id)
    assert (await office.till.payment(held))["state"] == "completed"
    assert (await office.till.balances())["payable:desco_postpaid"] == -BILLED


async def test_wrong_money_beside_a_delivery_goes_back_and_the_delivery_goes_on(office: Office) -> None:
    first = await office.till.on_page()
    second = await office.till.leased(await office.till.another(first))
    first = await office.till.leased(first)
    await office.till.record(first, agreed(first, "T1"))
    started = await office.till.delivering(first)
    await office.till.record(second, agreed(second, "T2", amount=Money(100)))
    view = await office.desk.request_review_give_back(first.payment_id, "a second, wrong one", ASKS)

    await office.desk.approve(view.refund_id, AGREES)

    assert (await office.till.payment(first))["state"] == "delivering"
    await office.till.delivered(started)
    await office.done(view.refund_id)
    assert (await office.till.payment(first))["state"] == "completed"


async def test_what_is_not_in_suspense_is_not_given_back_by_a_review(office: Office) -> None:
    for held in (await office.completed(), await office.refused(), await office.paid_twice()):
        with pytest.raises(NothingInSuspenseError):
            await office.desk.request_review_give_back(held.payment_id, "why not", ASKS)
    assert issubclass(NothingInSuspenseError, SwitchError)


async def test_nobody_who_has_left_approves_and_nothing_of_theirs_is_carried_out(office: Office) -> None:
    refund_id = await _asked(office, await office.completed(), 40_000)
    by_hand = await office.by_hand()
    await office.desk.record_paid_by_hand(by_hand, "BANK-1", ASKS)
    before = await office.till.balances()
    await office.books.tell(LEFT, AGREES)
    for decide in (office.desk.approve, office.desk.confirm_paid_by_hand):
        with pytest.raises(NotAllowedError):
            await decide(refund_id if decide == office.desk.approve else by_hand, AGREES)
    await office.books.tell(LEFT, ASKS)
    for decide in (office.desk.approve, office.desk.confirm_paid_by_hand):
        with pytest.raises(LeftStaffError, match="asked_by: Rahima may decide nothing any more"):
            await decide(refund_id if decide == office.desk.approve else by_hand, "Selim")
    assert await office.till.balances() == before
    await office.desk.reject(refund_id, "Selim")
    await office.desk.withdraw_paid_by_hand(by_hand, "she has left", "Selim")


async def test_what_a_client_asks_for_needs_nobody_on_the_staff_but_who_approves(office: Office) -> None:
    paid = await office.completed()
    opened = await office.refunds.request(wanted(paid.payment_id, needs_approval=True), PARTS_MAX, DAYS_MAX)
    assert isinstance(opened, RefundOpened)
    assert (await office.desk.approve(opened.view.refund_id, AGREES)).state is RefundState.APPROVED
