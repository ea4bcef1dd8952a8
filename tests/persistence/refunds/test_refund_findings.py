"""What is found out about refunds over PostgreSQL, and what each finding leaves in the books."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.refund import NoRefundRoute, RefundState
from ekpay_switch.ports.collections import RefundRecorded
from tests.persistence.collections.collection_setup import KEPT, TAKEN, Till
from tests.persistence.refunds.refund_setup import (
    BILLED,
    DELIVERED,
    NO,
    NOT_SENT,
    SILENCE,
    Office,
    given,
    open_office,
)

LATE = """
INSERT INTO evidence (payment_id, attempt_id, epoch, kind, facts)
SELECT payment_id, id, 0, 'late:approved', '{}' FROM attempts WHERE payment_id = $1 AND leg = 'delivery'
"""

SMALLINT_MAX = 32_767
# The history of a refund that nobody could tell about for 682 days: one send and one doubt an hour.
ASKED_EVERY_HOUR = """
INSERT INTO refund_history (refund_id, seq, from_state, event, to_state, actor, facts)
SELECT $1, n, CASE WHEN n = 1 THEN 'approved' WHEN n % 2 = 0 THEN 'sent' ELSE 'in_doubt' END,
  CASE WHEN n % 2 = 0 THEN 'doubted' ELSE 'sending' END,
  CASE WHEN n % 2 = 0 THEN 'in_doubt' ELSE 'sent' END, 'switch', '{}'
FROM generate_series(1, $2) AS n
"""
AS_OFTEN = "UPDATE refunds SET state = 'in_doubt', sends = $2, steps = $3 WHERE id = $1"


@pytest.fixture
async def office(till: Till) -> AsyncIterator[Office]:
    """An office whose books are proven once the test is through."""
    async with open_office(till) as office:
        yield office
        assert await till.books.audit() is None


# ---- recording


async def test_a_refund_that_is_done_leaves_the_payment_completed_and_tells_its_partner(
    office: Office,
) -> None:
    paid = await office.completed()
    view = await office.take(paid, 40_000)
    held = await office.sent(view.refund_id)

    recorded = await office.record(held, given("RFD1", 40_000))

    assert recorded == RefundRecorded(RefundState.DONE)
    assert await office.till.balances() == DELIVERED | {
        "payable:desco_postpaid": 40_000 - BILLED,
        "receivable:bkash": TAKEN - KEPT - 40_000,
    }
    row = await office.row(view.refund_id)
    assert (row["state"], row["provider_refund"], row["next_action_at"], row["lease_until"]) == (
        "done",
        "RFD1",
        None,
        None,
    )
    assert await office.running_total(paid) == 40_000
    assert (await office.till.payment(paid))["state"] == "completed"
    assert await office.till.notices(paid) == [("completed", 4), ("refund_done", 4)]
    assert await office.steps(view.refund_id) == [("sending", "switch"), ("given", "switch")]


async def test_counters_of_sends_do_not_overflow(office: Office) -> None:
    view = await office.take(await office.completed())
    await office.books.tell(ASKED_EVERY_HOUR, view.refund_id, SMALLINT_MAX - 1)
    await office.books.tell(AS_OFTEN, view.refund_id, SMALLINT_MAX, SMALLINT_MAX - 1)

    await office.record(await office.sent(view.refund_id), SILENCE)

    row = await office.row(view.refund_id)
    assert (row["state"], row["sends"], row["steps"]) == ("in_doubt", SMALLINT_MAX + 1, SMALLINT_MAX + 1)
    await office.done(view.refund_id)


async def test_a_column_that_is_widened_meanwhile_costs_a_repeat_and_no_refund(office: Office) -> None:
    """The driver's prepared statements say which types they return (migration 0025)."""
    first = await office.take(await office.completed(), 40_000)
    await office.record(await office.sent(first.refund_id), SILENCE)

    await office.books.tell("ALTER TABLE refunds ALTER COLUMN sends TYPE bigint")

    await office.done(first.refund_id)
    assert (await office.row(first.refund_id))["state"] == "done"


async def test_a_refund_that_is_refused_fails_and_the_payee_keeps_the_money(office: Office) -> None:
    paid = await office.completed()
    view = await office.take(paid)

    recorded = await office.record(await office.sent(view.refund_id), NO)

    assert recorded == RefundRecorded(RefundState.FAILED)
    assert await office.till.balances() == DELIVERED
    assert await office.running_total(paid) == 0
    assert ("refund_failed", 4) in await office.till.notices(paid)
    await office.done((await office.take(paid)).refund_id)


async def test_a_doubt_is_asked_about_and_counted_and_an_unsent_refund_is_as_it_was(office: Office) -> None:
    view = await office.take(await office.completed())
    held = await office.sent(view.refund_id)
    await office.record(held, NOT_SENT)

    row = await office.row(view.refund_id)
    assert (row["state"], row["sends"], row["asked"], row["lease_until"]) == ("approved", 0, 0, None)
    assert 88 < row["due_seconds"] <= 90

    assert await office.record(await office.sent(view.refund_id), SILENCE) == RefundRecorded(
        RefundState.IN_DOUBT
    )
    row = await office.row(view.refund_id)
    assert (row["state"], row["sends"], row["asked"]) == ("in_doubt", 1, 1)
    # Unreached now, but an earlier send may have been heard.
    await office.record(await office.sent(view.refund_id), NOT_SENT)
    row = await office.row(view.refund_id)
    assert (row["state"], row["sends"], row["asked"]) == ("in_doubt", 2, 2)
    await office.done(view.refund_id)


async def test_a_finding_that_is_written_twice_knows_itself(office: Office) -> None:
    paid = await office.completed()
    view = await office.take(paid)
    held = await office.sent(view.refund_id)

    first = await office.refunds.record(held, given("RFD1", BILLED))
    again = await office.refunds.record(held, given("RFD1", BILLED))

    assert first == again == RefundRecorded(RefundState.DONE)
    assert (await office.entries(paid.payment_id)).count("paid_back") == 1
    assert await office.books.count("notifications", "notice = 'refund_done'") == 1


async def test_an_answer_under_an_old_epoch_is_evidence_and_has_the_connector_asked_at_once(
    office: Office,
) -> None:
    paid = await office.completed()
    view = await office.take(paid)
    old = await office.sent(view.refund_id)
    new = await office.sent(view.refund_id)

    assert await office.refunds.record(old, given("RFD1", BILLED)) is None
    assert await office.refunds.record(old, given("RFD1", BILLED)) is None

    assert (await office.row(view.refund_id))["state"] == "sent"
    assert (await office.row(view.refund_id))["due_seconds"] <= 0
    assert [kind for kind in await office.till.evidence(paid) if "refund" in kind] == ["late_refund:given"]
    await office.record(new, given("RFD1", BILLED))


async def test_a_second_answer_of_one_sending_is_evidence(office: Office) -> None:
    paid = await office.completed()
    view = await office.take(paid)
    held = await office.sent(view.refund_id)
    await office.record(held, SILENCE)

    assert await office.refunds.record(held, given("RFD1", BILLED)) is None

    assert (await office.row(view.refund_id))["state"] == "in_doubt"
    assert "late_refund:given" in await office.till.evidence(paid)
    # The late one is a hint alone: asked again, the connector says so.
    assert (await office.row(view.refund_id))["due_seconds"] <= 0
    await office.done(view.refund_id)


async def test_money_that_went_back_after_its_refund_had_failed_is_told_to_a_person(office: Office) -> None:
    paid = await office.completed()
    view = await office.take(paid)
    slow = await office.sent(view.refund_id)
    await office.record(await office.sent(view.refund_id), NO)

    recorded = await office.record(slow, given("RFD1", BILLED))

    assert recorded == RefundRecorded(RefundState.FAILED, Alarm.LATE_REFUND)
    assert "late_refund:given" in await office.till.evidence(paid)
    assert (await office.till.balances())["suspense:bkash"] == BILLED


async def test_the_name_of_another_refund_proves_nothing_of_this_one(office: Office) -> None:
    first, second = await office.take(await office.completed()), await office.take(await office.completed())
    await office.record(await office.sent(first.refund_id), given("RFD1", BILLED))

    recorded = await office.record(await office.sent(second.refund_id), given("RFD1", BILLED))

    assert recorded == RefundRecorded(RefundState.IN_DOUBT)
    assert (await office.row(second.refund_id))["provider_refund"] is None


async def test_a_refund_that_is_begun_over_there_and_not_done_stays_in_doubt(office: Office) -> None:
    view = await office.take(await office.completed())

    recorded = await office.record(await office.sent(view.refund_id), given("RFD1", BILLED, is_done=False))

    assert recorded == RefundRecorded(RefundState.IN_DOUBT)
    await office.record(await office.sent(view.refund_id), given("RFD1", BILLED))


async def test_a_refund_without_a_route_is_left_to_finance_without_having_been_sent(office: Office) -> None:
    paid = await office.completed()
    view = await office.take(paid)
    held = await office.leased(view.refund_id)

    recorded = await office.refunds.record(held, NoRefundRoute("the connector gives nothing back"))

    assert recorded == RefundRecorded(RefundState.BY_HAND, Alarm.REFUND_NEEDS_A_PERSON)
    assert (await office.till.balances())["refund_due:bkash"] == -BILLED
    assert await office.steps(view.refund_id) == [("left_to_finance", "switch")]


# ---- giving back what is owed by itself


async def test_what_the_biller_refused_goes_back_whole_and_ends_the_payment(office: Office) -> None:
    refused = await office.refused()
    assert (await office.till.payment(refused))["state"] == "refunding"
    owed = {"receivable:bkash": TAKEN - KEPT, "connector_fee:bkash": KEPT, "refund_due:bkash": -TAKEN}
    assert await office.till.balances() == owed

    assert await office.refunds.open_give_backs(10) == 1
    assert await office.refunds.open_give_backs(10) == 0

    (view,) = await office.refunds.of_payment("bank1", refused.payment_id)
    assert (view.kind, view.state, view.amount) == ("give_back", "approved", Money(TAKEN))
    payment, row = await office.till.payment(refused), await office.row(view.refund_id)
    assert (payment["state"], payment["next_action_at"]) == ("refunding", None)
    assert (row["reference"], row["asked_by"]) == (f"give_back:{refused.payment_id}", "switch")
    assert await office.till.balances() == owed
    await office.done(view.refund_id)
    payment = await office.till.payment(refused)
    assert (payment["state"], payment["next_action_at"], payment["lease_until"]) == ("refunded", None, None)
    assert (payment["refusal"], payment["facts"]) == (
        "biller_refused",
        '{"code": "205", "reason": "account_closed"}',
    )
    assert await office.till.balances() == {"receivable:bkash": -KEPT, "connector_fee:bkash": KEPT}
    assert (await office.till.events(refused))[-2:] == ["biller_refused", "given_back"]
    assert await office.till.notices(refused) == [("given_back", 5)]


async def test_what_was_given_back_on_a_question_alone_is_watched(office: Office) -> None:
    """docs/adr/0024: only the biller's "not found", or a second sending, said that it was not posted."""
    changes = (
        "UPDATE attempts SET outcome = 'not_posted' WHERE payment_id = $1 AND leg = 'delivery'",
        "UPDATE attempts SET sends = 2 WHERE payment_id = $1 AND leg = 'delivery'",
        LATE,
    )
    for change in changes:
        refused = await office.refused()
        refund_id = await office.given_back(refused)
        await office.books.tell(change, refused.payment_id)
        await office.done(refund_id)

        payment = await office.till.payment(refused)
        assert payment["state"] == "refunded"
        assert payment["due_seconds"] is not None, change
        assert payment["due_seconds"] <= 0


async def test_what_is_owed_and_not_given_by_the_connector_is_work_for_finance(office: Office) -> None:
    refused = await office.refused()
    refund_id = await office.given_back(refused)

    recorded = await office.record(await office.sent(refund_id), NO)

    assert recorded == RefundRecorded(RefundState.BY_HAND, Alarm.REFUND_NEEDS_A_PERSON)
    assert (await office.till.balances())["refund_due:bkash"] == -TAKEN
    assert (await office.till.payment(refused))["state"] == "refunding"
    assert await office.running_total(refused) == TAKEN
    assert (await office.row(refund_id))["next_action_at"] is None


async def test_money_that_nobody_waited_for_goes_back_and_its_payment_stays_paid(office: Office) -> None:
    second = await office.paid_twice()
    (view,) = await office.refunds.of_payment("bank1", second.payment_id)
    assert (view.kind, view.state, view.amount) == ("unexpected", "approved", Money(TAKEN))

    await office.done(view.refund_id)

    assert (await office.till.payment(second))["state"] == "completed"
    assert await office.till.balances() == DELIVERED | {
        "receivable:bkash": TAKEN - 2 * KEPT,
        "connector_fee:bkash": 2 * KEPT,
    }
    # What the payment itself was paid with can still be refunded.
    first: UUID = await office.books.value("SELECT attempt_id FROM tries WHERE refunded = 0")
    assert first != second.attempt_id
    await office.done((await office.take(second)).refund_id)
