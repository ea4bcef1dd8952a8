"""Chargebacks: what the provider took is written down whole, whatever became of the payment meanwhile."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import UNNAMED, Burden
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.persistence.refunds.decisions import ChargedBackError, NothingInSuspenseError
from ekpay_switch.persistence.refunds.staff_actions import ChargebackTooLargeError, RefundRefusedError
from tests.persistence.books import REFUSED
from tests.persistence.collections.collection_setup import TAKEN, Till
from tests.persistence.refunds.refund_setup import OUR_LOSS, UNDOABLE, Office, open_office, wanted

ASKS, AGREES = "Rahima", "Karim"
# 1,689.77 are collected for a bill of 1,600.00.
BILL, COLLECTED = 160_000, 168_977
DEARLY = Sums(Money(BILL), Money(8_000), Money(850), Money(127))
SUSPENSE, RECEIVABLE, PAYABLE = "suspense:bkash", "receivable:bkash", "payable:desco_postpaid"
REVIEWED = "UPDATE payments SET state = 'in_review', steps = steps + 1 WHERE id = $1"
REVIEW_STEP = """
INSERT INTO history (payment_id, seq, from_state, event, to_state, actor, facts)
SELECT id, steps + 1, state, 'contrary_evidence', 'in_review', 'switch', '{}' FROM payments WHERE id = $1
"""


@pytest.fixture
async def office(till: Till) -> AsyncIterator[Office]:
    """An office whose books are proven once the test is through."""
    async with open_office(till) as office:
        yield office
        assert await till.books.audit() is None


async def _funded(office: Office) -> LockedTry:
    return await office.till.funded(office.till.new(sums=DEARLY))


async def _completed(office: Office) -> LockedTry:
    held = await _funded(office)
    await office.till.delivered(await office.till.delivering(held))
    return held


async def _record(
    office: Office, held: LockedTry, amount: int = COLLECTED, name: str = "CB-1", burden: Burden = UNDOABLE
) -> UUID:
    view = await office.desk.record_chargeback(held.payment_id, Money(amount), name, ASKS, burden)
    assert view.state is RefundState.REQUESTED
    return view.refund_id


async def _take(
    office: Office, held: LockedTry, amount: int = COLLECTED, name: str = "CB-1", burden: Burden = UNDOABLE
) -> UUID:
    """The chargeback, recorded and approved."""
    refund_id = await _record(office, held, amount, name, burden)
    assert (await office.desk.approve(refund_id, AGREES)).state is RefundState.DONE
    return refund_id


async def _moved(office: Office, before: dict[str, int]) -> dict[str, int]:
    """What has changed on each account, debit positive."""
    after = await office.till.balances()
    changes = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
    return {name: change for name, change in changes.items() if change}


async def _raised(office: Office) -> list[str]:
    return [event for event, _ in await office.alarms()]


async def test_chargeback_of_the_whole_collection(office: Office) -> None:
    paid = await _completed(office)
    before = await office.till.balances()
    part = await _record(office, paid, BILL, "CB-1")

    with pytest.raises(
        RefundRefusedError, match=r"at most 1689\.77 BDT were collected, 89\.77 BDT of it are left"
    ):
        await _record(office, paid, 8_978, "CB-2")
    rest = await _record(office, paid, 8_977, "CB-2", UNNAMED)
    for refund_id in (part, rest):
        await office.desk.approve(refund_id, AGREES)

    assert await _moved(office, before) == {RECEIVABLE: -COLLECTED, PAYABLE: BILL, SUSPENSE: 8_977}
    assert await office.alarms() == [(Alarm.CHARGEBACK_BEYOND_THE_BILL, paid.payment_id)]
    assert (await office.row(part))["from_suspense"] == 0
    assert (await office.row(rest))["from_suspense"] == 8_977
    row = await office.till.row(paid)
    assert (row["refunded"], row["charged_back"]) == (BILL, COLLECTED)
    with pytest.raises(ChargebackTooLargeError, match=r"0\.00 BDT of it are left"):
        await _record(office, paid, 1, "CB-3")


# ---- any state of the payment


async def test_one_chargeback_takes_the_bill_from_its_payee_and_the_rest_from_suspense(
    office: Office,
) -> None:
    paid = await _completed(office)
    before = await office.till.balances()
    refund_id = await _take(office, paid)
    assert await _moved(office, before) == {RECEIVABLE: -COLLECTED, PAYABLE: BILL, SUSPENSE: 8_977}
    assert (await office.entries(paid.payment_id))[-3:] == [
        "owed_back_by_payee",
        "charged_back_from_suspense",
        "paid_back",
    ]
    assert await office.ask(wanted(paid.payment_id, 1)) is RefundRefusal.EXCEEDS_REMAINING
    # Said again by the same person: told again, and nothing moves.
    await office.desk.approve(refund_id, AGREES)
    assert await _raised(office) == [Alarm.CHARGEBACK_BEYOND_THE_BILL] * 2
    assert (await _moved(office, before))[RECEIVABLE] == -COLLECTED


async def test_our_loss_is_the_bill_and_not_the_rest(office: Office) -> None:
    paid = await _completed(office)
    before = await office.till.balances()
    await _take(office, paid, burden=OUR_LOSS)
    assert await _moved(office, before) == {RECEIVABLE: -COLLECTED, "write_off": BILL, SUSPENSE: 8_977}


async def test_who_bears_the_bill_is_named_and_the_rest_has_nobody(office: Office) -> None:
    paid = await _completed(office)
    with pytest.raises(RefundRefusedError, match="payment is final"):
        await _record(office, paid, COLLECTED, burden=UNNAMED)


async def test_a_chargeback_after_a_refund_is_a_claim(office: Office) -> None:
    paid = await _completed(office)
    await office.done((await office.take(paid, BILL)).refund_id)
    before = await office.till.balances()

    refund_id = await _take(office, paid, burden=OUR_LOSS)

    assert await _moved(office, before) == {RECEIVABLE: -COLLECTED, SUSPENSE: COLLECTED}
    assert await _raised(office) == [Alarm.CHARGEBACK_BEYOND_THE_BILL]
    row = await office.row(refund_id)
    assert (row["bearer"], row["from_suspense"]) == ("payee", COLLECTED)
    assert (await office.till.row(paid))["refunded"] == BILL


async def test_a_refund_that_waits_is_not_approved_after_the_chargeback(office: Office) -> None:
    paid = await _completed(office)
    asked = await office.take(paid, BILL, needs_approval=True, requested_by=ASKS)
    await _take(office, paid)
    with pytest.raises(ChargedBackError, match="reject it"):
        await office.desk.approve(asked.refund_id, AGREES)
    await office.desk.reject(asked.refund_id, AGREES)


@pytest.mark.parametrize("state", ["funded", "delivering", "refunding", "refunded", "in_review"])
async def test_what_is_not_paid_for_good_is_charged_back_from_suspense(office: Office, state: str) -> None:
    held = await _in_state(office, state)
    assert (await office.till.payment(held))["state"] == state
    before = await office.till.balances()

    await _take(office, held, burden=UNNAMED)

    assert await _moved(office, before) == {RECEIVABLE: -COLLECTED, SUSPENSE: COLLECTED}
    assert (await office.till.payment(held))["state"] == state
    assert await _raised(office) == [Alarm.CHARGEBACK_BEYOND_THE_BILL]
    assert await office.books.audit() is None


async def _in_state(office: Office, state: str) -> LockedTry:
    held = await _completed(office) if state == "in_review" else await _funded(office)
    if state == "in_review":
        await office.books.tell(REVIEW_STEP, held.payment_id)
        await office.books.tell(REVIEWED, held.payment_id)
    elif state != "funded":
        begun = await office.till.delivering(held)
        if state != "delivering":
            await office.till.delivered(begun, REFUSED)
        if state == "refunded":
            await office.done(await office.given_back(held))
    return held


async def test_a_payment_that_is_reviewed_between_both_persons_takes_nothing_from_its_payee(
    office: Office,
) -> None:
    paid = await _completed(office)
    before = await office.till.balances()
    refund_id = await _record(office, paid)
    assert await office.running_total(paid) == BILL
    await office.books.tell(REVIEW_STEP, paid.payment_id)
    await office.books.tell(REVIEWED, paid.payment_id)

    await office.desk.approve(refund_id, AGREES)

    assert await _moved(office, before) == {RECEIVABLE: -COLLECTED, SUSPENSE: COLLECTED}
    assert (await office.running_total(paid), (await office.row(refund_id))["from_suspense"]) == (
        0,
        COLLECTED,
    )


async def test_what_was_charged_back_before_the_delivery_is_not_refunded_again(office: Office) -> None:
    held = await _funded(office)
    await _take(office, held, burden=UNNAMED)
    await office.till.delivered(await office.till.delivering(held))
    assert await office.ask(wanted(held.payment_id, 1)) is RefundRefusal.EXCEEDS_REMAINING


async def test_a_rejected_chargeback_frees_both_totals(office: Office) -> None:
    paid = await _completed(office)
    refund_id = await _record(office, paid)
    await office.desk.reject(refund_id, AGREES)
    row = await office.till.row(paid)
    assert (row["refunded"], row["charged_back"]) == (0, 0)
    await _take(office, paid)


# ---- money beside the payment


async def test_money_that_waited_in_suspense_is_charged_back_without_a_claim(office: Office) -> None:
    held = await office.disagreed(99_900)
    before = await office.till.balances()
    await _take(office, held, 60_000, burden=UNNAMED)
    assert await _moved(office, before) == {RECEIVABLE: -60_000, SUSPENSE: 60_000}
    assert await _raised(office) == []

    view = await office.desk.request_review_give_back(held.payment_id, "too little", ASKS)
    assert view.amount == Money(39_900)
    await office.desk.reject(view.refund_id, AGREES)
    await _take(office, held, 39_900, "CB-2", UNNAMED)
    with pytest.raises(NothingInSuspenseError):
        await office.desk.request_review_give_back(held.payment_id, "too little", ASKS)
    assert SUSPENSE not in {name for name, held in (await office.till.balances()).items() if held}


async def test_a_give_back_that_waits_is_not_approved_after_the_chargeback(office: Office) -> None:
    held = await office.disagreed(99_900)
    view = await office.desk.request_review_give_back(held.payment_id, "too little", ASKS)
    await _take(office, held, 99_900, burden=UNNAMED)
    with pytest.raises(ChargedBackError):
        await office.desk.approve(view.refund_id, AGREES)
    assert await _raised(office) == [Alarm.CHARGEBACK_BEYOND_THE_BILL]


async def test_the_provider_names_which_of_two_collections_it_took_back(office: Office) -> None:
    second = await office.paid_twice()
    await office.done((await office.refunds.of_payment("bank1", second.payment_id))[0].refund_id)
    name = str((await office.till.row(second))["provider_transaction"])
    view = await office.desk.record_chargeback(
        second.payment_id, Money(TAKEN), "CB-1", ASKS, transaction=name
    )
    await office.desk.approve(view.refund_id, AGREES)
    assert (await office.till.row(second))["charged_back"] == TAKEN
    assert await _raised(office) == [Alarm.CHARGEBACK_BEYOND_THE_BILL]
    with pytest.raises(RefundRefusedError, match="not refundable"):
        await office.desk.record_chargeback(
            second.payment_id, Money(1), "CB-2", ASKS, transaction="another's"
        )


async def test_where_nothing_was_collected_nothing_is_charged_back(office: Office) -> None:
    with pytest.raises(RefundRefusedError, match="not refundable"):
        await _record(office, await office.till.on_page(), 1)


# ---- in the database


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        ("UPDATE refunds SET from_suspense = -1", "from_suspense"),
        ("UPDATE refunds SET from_suspense = amount + 1", "from_suspense"),
        ("UPDATE refunds SET kind = 'refund'", "from_suspense"),
        ("UPDATE tries SET charged_back = collected + 1", "charged_back"),
        ("UPDATE tries SET charged_back = -1", "charged_back"),
    ],
)
async def test_the_database_refuses_what_was_never_taken(office: Office, change: str, condition: str) -> None:
    await _take(office, await _completed(office))
    with pytest.raises(asyncpg.CheckViolationError, match=condition):
        await office.books.tell(change)
