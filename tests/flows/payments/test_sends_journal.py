"""What is written outside the database before a money call, and that nothing is sent without it."""

from datetime import timedelta

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import InDoubt
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.sends import SendKind
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.payments.pay_bill import PaymentAnswer, pay_bill
from ekpay_switch.flows.refunds.refund import send_refund
from tests.factories import BILL_NO, PREFUND, TOTAL, a_bill, a_world, an_order
from tests.fakes.billers import Deed
from tests.fakes.world import SmallWorld
from tests.scenarios.collections import Payer, a_refund
from tests.scenarios.job_rounds import collect_due, resolve_due


async def test_a_line_says_what_is_needed_to_ask_and_to_book_again() -> None:
    small = a_world()
    await pay_bill(an_order(), small.world)
    (line,), (order,) = small.sends.lines, small.biller.orders
    assert (line.kind, line.far_side, line.step, line.sends) == (SendKind.PAY, "desco_postpaid", "pay", 1)
    assert (line.order, line.reference, line.amount.minor) == (order, order.reference, TOTAL)
    assert (line.sent_at, line.send_until) == (small.clock.now(), small.clock.now() + timedelta(seconds=10))
    claim, stored = line.claim, small.books.only().claim
    assert claim is not None
    assert (claim.attempt_id, claim.reference, claim.fingerprint) == (
        stored.attempt_id,
        "R1",
        stored.fingerprint,
    )
    assert (claim.bill_key, claim.account) == (BILL_NO, a_bill().account)
    assert claim.request_reference == "F" * 24


async def test_nothing_is_sent_without_its_line_and_the_money_goes_back() -> None:
    small = a_world()
    small.sends.is_full = True
    before = small.books.balance(PREFUND)
    answer = await pay_bill(an_order(), small.world)
    assert isinstance(answer, PaymentAnswer)
    assert (answer.state, answer.refusal) == (State.REFUNDED, Refusal.BILLER_UNAVAILABLE)
    assert (small.biller.orders, small.books.balance(PREFUND)) == ([], before)


async def test_each_further_send_has_a_line_of_its_own() -> None:
    small = a_world()
    small.biller.deeds.append(Deed(InDoubt("lost"), posts=False))
    await pay_bill(an_order(), small.world)
    small.clock.pass_by(600)
    await resolve_due(small.world, 45.0)
    assert [line.sends for line in small.sends.lines] == [1, 2]
    assert len({line.reference for line in small.sends.lines}) == 1
    # The payment is known by then, so nothing would be booked from the second line.
    assert small.sends.lines[1].claim is None


async def test_a_collected_payment_has_lines_of_its_execute_and_of_its_delivery() -> None:
    payer = Payer()
    await payer.order()
    await payer.pay()
    kinds = [(line.kind, line.far_side) for line in payer.small.sends.lines]
    assert kinds == [(SendKind.EXECUTE, "bkash"), (SendKind.PAY, "desco_postpaid")]
    assert payer.small.sends.lines[1].claim is None


async def test_no_payers_money_is_taken_without_a_line() -> None:
    payer = Payer()
    await payer.order()
    payer.small.sends.is_full = True
    await payer.pay()
    assert payer.small.connector.asked["execute"] == 0
    payer.small.sends.is_full = False
    payer.small.clock.pass_by(600)
    await collect_due(payer.small.world)
    assert payer.small.connector.asked["execute"] == 1


async def test_a_refund_has_a_line_and_waits_where_there_is_none() -> None:
    payer = Payer()
    await payer.order()
    await payer.pay()
    await payer.small.refunds.request(a_refund(payer.payment_id, amount=5_000), parts_max=10, days_max=60)
    payer.small.sends.is_full = True
    await refund_due(payer.small)
    assert payer.small.connector.asked["refund"] == 0
    payer.small.sends.is_full = False
    payer.small.clock.pass_by(600)
    await refund_due(payer.small)
    assert payer.small.connector.asked["refund"] == 1
    line = payer.small.sends.lines[-1]
    assert (line.kind, line.amount, line.sends) == (SendKind.REFUND, Money(5_000), 1)


async def refund_due(small: SmallWorld) -> None:
    for refund in await small.refunds.lease_due(10, 45):
        await send_refund(refund, small.world)
