"""What a connector must be told of a refund, and what becomes of money that it cannot be told of."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import RefundLine
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.flows.refunds.refund import ASK_AGAIN_BY_HAND_SECONDS, send_refund
from ekpay_switch.ports.connectors import RefundRules
from tests.fakes.billers import Deed
from tests.fakes.collections.tables import StoredRefund
from tests.fakes.connectors import LOST_ORDER, Move
from tests.flows.payments.test_file_statements import done
from tests.scenarios.collections import COLLECTED, REFUND_DUE, Payer
from tests.scenarios.job_rounds import collect_due

NEEDS_A_PERSON, LATE = str(Alarm.REFUND_NEEDS_A_PERSON), str(Alarm.LATE_REFUND)


async def _refused_bill() -> Payer:
    """A payment that its biller refused, whose give-back is due."""
    payer = Payer()
    await payer.order()
    payer.small.biller.deeds.append(Deed(Declined("blocked")))
    await payer.pay()
    await payer.small.refunds.open_give_backs(10)
    return payer


async def _left_to_finance() -> tuple[Payer, StoredRefund]:
    """Its first send may have arrived, and the second one was refused."""
    payer = await _refused_bill()
    payer.small.connector.refunds.extend([LOST_ORDER, Move(Declined("refused", "2077"))])
    await payer.wait(1)
    await payer.wait(90)
    refund = payer.small.refunds.only()
    assert (refund.state, refund.sends) == (RefundState.BY_HAND, 2)
    return payer, refund


def _pay(payer: Payer, amount: int = COLLECTED, *, is_done: bool = True) -> None:
    """The connector pays what it had refused."""
    payer.small.connector.only().refunds.append(("", RefundLine("R9", Money(amount), is_done=is_done)))


async def test_a_movement_that_nobody_named_cannot_be_asked_back_from_the_connector() -> None:
    payer = await _refused_bill()
    (nameless,) = await payer.small.refunds.lease_due(10, 45)

    order = replace(nameless.order, provider_transaction="")
    await send_refund(replace(nameless, order=order), payer.small.world)

    assert payer.small.refunds.only().state is RefundState.BY_HAND
    assert payer.small.connector.given_back() == 0


async def test_a_further_movement_is_left_to_finance_and_never_sent() -> None:
    """The connector would give back the other money under the same page, so a person has to."""
    payer = Payer()
    await payer.order()
    payer.small.biller.deeds.append(Deed(Declined("blocked")))
    await payer.pay()
    await payer.small.refunds.open_give_backs(10)
    (held,) = await payer.small.refunds.lease_due(10, 45)
    payer.small.connectors.known.clear()

    await send_refund(replace(held, is_of_further_movement=True), payer.small.world)

    (stored,) = payer.small.tables.refunds.values()
    assert (stored.state, stored.sends) == (RefundState.BY_HAND, 0)
    assert payer.small.tables.refunds[held.refund_id].history[-1][1] is RefundEvent.LEFT_TO_FINANCE
    assert payer.alarms() == ["refund_needs_a_person"]


async def test_what_is_left_to_finance_is_asked_about_and_never_sent_again() -> None:
    payer, refund = await _left_to_finance()
    await payer.wait_for_days()
    assert refund.state is RefundState.BY_HAND
    assert payer.small.connector.asked["refund"] == 2
    assert payer.small.connector.asked["inquire_refunds"] > 24
    assert (payer.alarms(), payer.balance(REFUND_DUE)) == ([NEEDS_A_PERSON], COLLECTED)


async def test_what_the_connector_has_paid_after_all_is_done_and_told() -> None:
    payer, refund = await _left_to_finance()
    _pay(payer)
    await payer.wait(3_600)
    assert (refund.state, refund.provider_refund, payer.state) == (RefundState.DONE, "R9", State.REFUNDED)
    assert (payer.alarms(), payer.balance(REFUND_DUE)) == ([NEEDS_A_PERSON, LATE], 0)


@pytest.mark.parametrize(("amount", "is_done"), [(COLLECTED - 1, True), (COLLECTED, False)])
async def test_another_amount_or_one_that_is_only_begun_ends_nothing(amount: int, *, is_done: bool) -> None:
    payer, refund = await _left_to_finance()
    _pay(payer, amount, is_done=is_done)
    await payer.wait(3_600)
    assert (refund.state, payer.alarms()) == (RefundState.BY_HAND, [NEEDS_A_PERSON])
    assert refund.next_action_at is not None
    waits = (refund.next_action_at - payer.small.clock.now()).total_seconds()
    assert waits == ASK_AGAIN_BY_HAND_SECONDS


@pytest.mark.parametrize("is_named", [False, True])
async def test_where_nobody_can_be_asked_the_file_says_that_it_is_paid(*, is_named: bool) -> None:
    payer, refund = await _left_to_finance()
    rules = RefundRules(days_max=60, parts_max=10, can_be_asked=False)
    payer.small.connector.profile = replace(payer.small.connector.profile, refunds=rules)
    if is_named:
        payer.small.books.files[refund.new.refund_id] = done(COLLECTED)
    await payer.wait(3_600)
    assert refund.state is (RefundState.DONE if is_named else RefundState.BY_HAND)
    assert payer.small.connector.asked["inquire_refunds"] == 0


async def test_questions_about_it_share_the_budget_of_its_connector() -> None:
    payer, refund = await _left_to_finance()
    refund.next_action_at = payer.small.clock.now()
    await payer.small.budget.take("bkash", 0.1)
    await collect_due(payer.small.world)
    assert payer.small.connector.asked["inquire_refunds"] == 0
    assert refund.lease_until is None
