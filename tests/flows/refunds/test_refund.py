"""Giving a payer's money back: what somebody asked for, what is owed, and what the connector makes of it."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundOutcome
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import LockedRefund, PaidByHand, RefundKind, RefundState
from ekpay_switch.flows.collections.payer_returned import receive_callback
from ekpay_switch.flows.refunds.refund import send_refund
from ekpay_switch.ports.collections import RefundOpened
from ekpay_switch.ports.connectors import RefundRules
from tests.factories import TOTAL
from tests.fakes.billers import Deed
from tests.fakes.collections.tables import StoredRefund
from tests.fakes.connectors import LOST, LOST_ORDER, Move
from tests.scenarios.collections import (
    COLLECTED,
    DAY,
    KEPT,
    RECEIVABLE,
    REFUND_DUE,
    Payer,
    a_collect_order,
    a_paid_bill,
    a_refund,
)
from tests.scenarios.job_rounds import collect_due

PAYABLE = "payable:desco_postpaid"


async def ask(payer: Payer, number: int = 1, amount: int = TOTAL) -> RefundOpened | RefundRefusal:
    new = a_refund(payer.payment_id, number, amount=amount)
    return await payer.small.refunds.request(new, parts_max=10, days_max=60)


async def asked(payer: Payer, number: int = 1, amount: int = TOTAL) -> StoredRefund:
    """A refund that was taken on; nobody has told the connector yet."""
    assert isinstance(await ask(payer, number, amount), RefundOpened)
    return list(payer.small.tables.refunds.values())[-1]


async def an_owed_refund() -> Payer:
    """A payment that its biller refused: everything is owed back, and nobody has told the connector yet."""
    payer = Payer()
    await payer.order()
    payer.small.biller.deeds.append(Deed(Declined("blocked")))
    await payer.pay()
    assert payer.state is State.REFUNDING
    await payer.small.refunds.open_give_backs(10)
    return payer


async def held(payer: Payer) -> LockedRefund:
    (one,) = await payer.small.refunds.lease_due(10, 45)
    return one


# ---- taking it on


async def test_a_refund_is_owed_by_the_payee_from_the_moment_it_is_taken_on() -> None:
    payer = await a_paid_bill()
    taken = await ask(payer, amount=5_000)
    assert isinstance(taken, RefundOpened)
    view = taken.view
    assert (view.state, view.amount, taken.is_repeat) == (RefundState.APPROVED, Money(5_000), False)
    assert (payer.balance(PAYABLE), payer.balance(REFUND_DUE)) == (TOTAL - 5_000, 5_000)


async def test_the_same_key_repeats_the_refund_and_other_content_is_refused() -> None:
    payer = await a_paid_bill()
    await ask(payer, amount=5_000)
    repeated = await ask(payer, amount=5_000)
    assert isinstance(repeated, RefundOpened)
    assert repeated.is_repeat
    assert await ask(payer, amount=5_001) is RefundRefusal.OTHER_CONTENT
    assert payer.balance(REFUND_DUE) == 5_000


async def test_nobody_refunds_the_payment_of_somebody_else() -> None:
    payer = await a_paid_bill()
    new = replace(a_refund(payer.payment_id), partner_id="bank2")
    assert await payer.small.refunds.request(new, 10, 60) is RefundRefusal.UNKNOWN_PAYMENT
    assert await payer.small.refunds.of_payment("bank2", payer.payment_id) == []


async def test_what_is_not_paid_is_not_refunded() -> None:
    payer = Payer()
    await payer.order()
    assert await ask(payer) is RefundRefusal.NOT_REFUNDABLE


async def test_all_refunds_together_never_exceed_what_the_payee_was_credited() -> None:
    payer = await a_paid_bill()
    assert await ask(payer, 1, TOTAL + 1) is RefundRefusal.EXCEEDS_REMAINING
    await asked(payer, 1, TOTAL - 1)
    assert await ask(payer, 2, 2) is RefundRefusal.EXCEEDS_REMAINING
    await asked(payer, 2, 1)
    assert payer.balance(PAYABLE) == 0


async def test_a_second_person_agrees_before_staffs_refund_is_owed() -> None:
    payer = await a_paid_bill()
    new = replace(a_refund(payer.payment_id), needs_approval=True, requested_by="rahela")
    await payer.small.refunds.request(new, 10, 60)
    await collect_due(payer.small.world)
    assert (payer.balance(REFUND_DUE), payer.small.refunds.only().state) == (0, RefundState.REQUESTED)
    assert await ask(payer, 2) is RefundRefusal.EXCEEDS_REMAINING
    payer.small.refunds.approve(new.refund_id)
    await collect_due(payer.small.world)
    assert payer.small.refunds.only().state is RefundState.DONE


async def test_a_refund_that_the_second_person_rejects_frees_its_amount() -> None:
    payer = await a_paid_bill()
    new = replace(a_refund(payer.payment_id), needs_approval=True, requested_by="rahela")
    await payer.small.refunds.request(new, 10, 60)
    payer.small.refunds.reject(new.refund_id)
    assert (await asked(payer, 2)).state is RefundState.APPROVED


async def test_a_chargeback_counts_in_the_same_total_and_is_never_sent() -> None:
    payer = await a_paid_bill()
    new = replace(a_refund(payer.payment_id), kind=RefundKind.CHARGEBACK, needs_approval=True)
    assert isinstance(await payer.small.refunds.request(new, 0, 0), RefundOpened)
    payer.small.refunds.take_by_connector(new.refund_id)
    await payer.wait_for_days()
    assert payer.small.refunds.only().state is RefundState.DONE
    assert payer.small.connector.asked["refund"] == 0
    assert (payer.balance(PAYABLE), payer.balance(REFUND_DUE)) == (0, 0)
    assert payer.balance(RECEIVABLE) == COLLECTED - KEPT - TOTAL
    assert await ask(payer, 2, 1) is RefundRefusal.EXCEEDS_REMAINING


# ---- sending it


async def test_a_refund_is_sent_and_done() -> None:
    payer = await a_paid_bill()
    one = await asked(payer, amount=5_000)
    await collect_due(payer.small.world)
    assert (one.state, one.provider_refund) == (RefundState.DONE, "TRX1-P1-R1")
    assert (payer.state, payer.notices()[-1]) == (State.COMPLETED, "refund_done")
    assert payer.small.connector.given_back() == 5_000
    assert (payer.balance(REFUND_DUE), payer.balance(RECEIVABLE)) == (0, COLLECTED - KEPT - 5_000)
    (view,) = await payer.small.refunds.of_payment("bank1", payer.payment_id)
    assert view.state is RefundState.DONE


async def test_the_sending_is_durable_before_it_happens() -> None:
    payer = await a_paid_bill()
    await asked(payer)
    await collect_due(payer.small.world)
    steps = payer.small.steps.taken
    begun = steps.index("begin_refund")
    assert steps[begun : begun + 3] == ["begin_refund", "refund", "record_refund"]


async def test_a_first_send_is_not_asked_about_before() -> None:
    payer = await a_paid_bill()
    await asked(payer)
    await collect_due(payer.small.world)
    (order,) = payer.small.connector.refund_orders
    assert (order.may_have_been_heard, order.known_refunds) == (False, frozenset())
    assert (order.provider_transaction, order.collected) == ("TRX1-P1", Money(COLLECTED))


async def test_a_refund_whose_answer_was_lost_is_asked_about_before_it_is_sent_again() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    payer.small.connector.refunds.append(LOST)
    await collect_due(payer.small.world)
    assert (one.state, payer.balance(REFUND_DUE)) == (RefundState.IN_DOUBT, TOTAL)
    await payer.wait(90)
    assert payer.small.connector.refund_orders[-1].may_have_been_heard
    assert (one.state, payer.small.connector.given_back()) == (RefundState.DONE, TOTAL)


async def test_a_refund_that_was_lost_on_its_way_is_sent_again() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    payer.small.connector.refunds.append(LOST_ORDER)
    await collect_due(payer.small.world)
    await payer.wait(90)
    assert (one.state, one.sends, payer.small.connector.given_back()) == (RefundState.DONE, 2, TOTAL)


async def test_a_refund_that_never_left_us_waits_as_before() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    payer.small.connector.refunds.append(Move(Unreached("refused")))
    await collect_due(payer.small.world)
    assert (one.state, one.sends) == (RefundState.APPROVED, 0)
    await payer.wait(90)
    assert not payer.small.connector.refund_orders[-1].may_have_been_heard
    assert one.state is RefundState.DONE


async def test_a_refund_that_may_have_been_heard_stays_in_doubt_when_nobody_is_reached() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    payer.small.connector.refunds.extend([LOST_ORDER, Move(Unreached("refused"))])
    await collect_due(payer.small.world)
    await payer.wait(90)
    assert (one.state, one.sends) == (RefundState.IN_DOUBT, 2)


@pytest.mark.parametrize(
    "line",
    [RefundLine("R9", Money(TOTAL), is_done=False), RefundLine("R9", Money(TOTAL - 1), is_done=True)],
    ids=["begun and not done", "another amount"],
)
async def test_what_is_not_this_refund_done_stays_in_doubt(line: RefundLine) -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    says: Move[RefundOutcome] = Move(line)
    payer.small.connector.refunds.append(says)
    await collect_due(payer.small.world)
    assert (one.state, payer.balance(REFUND_DUE)) == (RefundState.IN_DOUBT, TOTAL)


async def test_refunds_of_one_payment_go_out_one_after_the_other() -> None:
    payer = await a_paid_bill()
    first, second = await asked(payer, 1, 60), await asked(payer, 2, 60)
    payer.small.connector.refunds.append(LOST)
    await collect_due(payer.small.world)
    assert [first.state, second.state] == [RefundState.IN_DOUBT, RefundState.APPROVED]
    await payer.wait(1)
    assert second.state is RefundState.APPROVED
    await payer.wait(90)
    await payer.wait(1)
    assert [first.state, second.state] == [RefundState.DONE, RefundState.DONE]
    assert payer.small.connector.refund_orders[-1].known_refunds == {first.provider_refund}
    assert payer.small.connector.given_back() == 120


async def test_a_refund_that_is_refused_fails_and_the_payee_keeps_the_money() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    payer.small.connector.refunds.append(Move(Declined("refused", "2077")))
    await collect_due(payer.small.world)
    assert (one.state, payer.alarms()) == (RefundState.FAILED, [])
    assert (payer.balance(PAYABLE), payer.balance(REFUND_DUE)) == (TOTAL, 0)
    assert payer.notices()[-1] == "refund_failed"
    assert (await asked(payer, 2)).state is RefundState.APPROVED


# ---- what is owed


async def test_a_give_back_that_is_refused_is_paid_by_hand_with_an_alarm() -> None:
    payer = await an_owed_refund()
    payer.small.connector.refunds.append(Move(Declined("refused", "2077")))
    await payer.wait(1)
    one = payer.small.refunds.only()
    assert (one.state, payer.state) == (RefundState.BY_HAND, State.REFUNDING)
    assert payer.alarms() == ["refund_needs_a_person"]
    assert payer.balance(REFUND_DUE) == COLLECTED
    await payer.wait_for_days()
    assert (one.state, payer.small.connector.asked["refund"]) == (RefundState.BY_HAND, 1)


async def test_what_finance_paid_by_hand_ends_the_payment() -> None:
    payer = await an_owed_refund()
    payer.small.connector.refunds.append(Move(Declined("refused", "2077")))
    await payer.wait(1)
    one = payer.small.refunds.only()
    payer.small.refunds.pay_by_hand(one.new.refund_id, "FT-1")
    assert (one.state, payer.state) == (RefundState.DONE, State.REFUNDED)
    assert (payer.balance(REFUND_DUE), payer.balance("settlement_bank")) == (0, -COLLECTED + 1)
    assert payer.notices() == ["given_back"]


@pytest.mark.parametrize("rules", [None, RefundRules(days_max=0, parts_max=10)], ids=["never", "no more"])
async def test_what_a_connector_gives_back_no_more_is_paid_by_hand(rules: RefundRules | None) -> None:
    payer = await an_owed_refund()
    payer.small.connector.profile = replace(payer.small.connector.profile, refunds=rules)
    await payer.wait(1)
    assert payer.small.refunds.only().state is RefundState.BY_HAND
    assert payer.small.connector.asked["refund"] == 0
    assert payer.alarms() == ["refund_needs_a_person"]


async def test_what_may_have_been_heard_is_asked_about_however_old_it_is() -> None:
    payer = await an_owed_refund()
    payer.small.connector.refunds.append(LOST)
    await payer.wait(1)
    await payer.wait(61 * DAY)
    assert (payer.small.refunds.only().state, payer.state) == (RefundState.DONE, State.REFUNDED)
    assert payer.small.connector.given_back() == COLLECTED


async def test_a_refund_that_became_too_late_to_be_sent_is_left_to_finance() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    await payer.small.refunds.postpone(await held(payer), 61 * DAY)
    await payer.wait(61 * DAY)
    assert (one.state, payer.balance(PAYABLE)) == (RefundState.BY_HAND, 0)


# ---- whom to ask


async def test_without_its_connector_a_refund_waits_an_hour() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    payer.small.connectors.known.clear()
    await collect_due(payer.small.world)
    assert one.next_action_at is not None
    assert (one.next_action_at - payer.small.clock.now()).total_seconds() == 3_600
    assert (one.state, one.sends) == (RefundState.APPROVED, 0)


async def test_a_budget_that_is_used_up_postpones_a_refund() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    await payer.small.budget.take("bkash", 0.1)
    await collect_due(payer.small.world)
    assert one.next_action_at is not None
    assert (one.next_action_at - payer.small.clock.now()).total_seconds() == 10
    assert payer.small.connector.asked["refund"] == 0


async def test_a_refund_whose_moment_passed_is_not_sent() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    payer.small.connector.stalls_seconds = 11
    await collect_due(payer.small.world)
    assert (one.state, payer.small.connector.given_back()) == (RefundState.APPROVED, 0)


async def test_a_process_that_dies_while_it_refunds_is_asked_about() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    payer.small.steps.crash_at = "after refund"
    with pytest.raises(Exception, match="after refund"):
        await send_refund(await held(payer), payer.small.world)
    await payer.wait(91)
    assert (one.state, payer.small.connector.given_back()) == (RefundState.DONE, TOTAL)


async def test_whoever_lost_the_refund_sends_nothing() -> None:
    payer = await a_paid_bill()
    await asked(payer)
    slow = await held(payer)
    payer.small.clock.pass_by(46)
    await send_refund(await held(payer), payer.small.world)
    payer.small.clock.pass_by(1)
    await send_refund(slow, payer.small.world)
    assert payer.small.connector.asked["refund"] == 1


async def test_an_answer_that_comes_after_somebody_else_took_over_is_evidence_only() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    payer.small.connector.stalls_seconds = 9
    slow = await held(payer)
    assert await payer.small.refunds.begin_send(slow, 1)
    payer.small.clock.pass_by(2)
    fresh = await held(payer)
    assert (fresh.sends, fresh.order.may_have_been_heard) == (1, True)
    assert await payer.small.refunds.record(slow, PaidByHand("FT-1")) is None
    assert one.state is RefundState.SENT


async def test_a_refund_that_was_only_begun_is_woken_by_the_name_that_its_provider_gave_it() -> None:
    payer = await a_paid_bill()
    one = await asked(payer)
    begun: Move[RefundOutcome] = Move(RefundLine("TRX1-P1-R1", Money(TOTAL), is_done=False), moves=True)
    payer.small.connector.refunds.append(begun)
    await collect_due(payer.small.world)
    assert (one.state.value, one.provider_refund) == ("in_doubt", "TRX1-P1-R1")
    payer.small.clock.pass_by(1)
    body = b"paymentID=TRX1-P1-R1&status=refunded"
    await receive_callback(payer.small.connector, {}, body, payer.small.world)
    await collect_due(payer.small.world)
    assert (one.state, payer.small.connector.given_back()) == (RefundState.DONE, TOTAL)
    names = [order.provider_refund for order in payer.small.connector.refund_orders]
    assert names == ["", "TRX1-P1-R1"]


async def test_a_refunded_payment_says_so_in_its_view() -> None:
    payer = await a_paid_bill()
    await asked(payer, amount=5_000)
    view = await payer.small.collections.view("bank1", payer.payment_id)
    assert view is not None
    assert [(one.amount, one.reason) for one in view.refunds] == [(Money(5_000), "the wrong meter")]
    assert a_collect_order().reference == view.reference
