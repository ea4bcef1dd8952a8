import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError
from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.outcome import Declined, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import PaymentRecord
from ekpay_switch.domain.payments.delivery import RecordAnswer, Recording
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.payments.pay_bill import PaymentAnswer, pay_bill
from tests.factories import CHARGED, PREFUND, TAKEN, TOTAL, a_bill, a_quote, a_world, an_order
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.fakes.payments import FakePayments, books_balance
from tests.fakes.world import SmallWorld

START = 1_000_000


class ForgetfulPayments(FakePayments):
    """Books that know of a payment while it is claimed, and never find it again."""

    async def by_id(self, payment_id: UUID) -> PaymentRecord | None:
        await super().by_id(payment_id)
        return None


async def answer_to(small: SmallWorld, reference: str = "R1", quote_id: str = "Q1") -> PaymentAnswer:
    answer = await pay_bill(an_order(reference, quote_id), small.world)
    assert isinstance(answer, PaymentAnswer)
    return answer


async def test_claim_first_then_one_wire_call_then_the_record() -> None:
    small = a_world()
    answer = await answer_to(small)
    assert small.steps.taken == ["claim", "pay", "record"]
    assert (answer.state, answer.refusal) == (State.COMPLETED, None)


async def test_a_completed_payment_owes_the_biller_and_earns_the_fee() -> None:
    small = a_world()
    await answer_to(small)
    balances = [small.books.balance(a) for a in (PREFUND, IN_FLIGHT, "payable:desco_postpaid")]
    assert balances == [START - TAKEN, 0, TOTAL]
    assert small.books.balance("fee_income") + small.books.balance("vat_payable") == CHARGED
    assert small.books.notices == [(small.books.only().claim.payment_id, "completed")]


async def test_the_biller_gets_what_was_quoted_under_our_own_reference() -> None:
    small = a_world()
    await answer_to(small)
    (order,) = small.biller.orders
    assert order.reference == small.books.only().claim.attempt_reference
    assert order.sums == a_quote().sums
    assert (order.scroll_no, order.biller_quote) == (1, a_bill().biller_quote)
    assert order.send_before == small.clock.monotonic() + 10


async def test_a_biller_without_a_scroll_gets_no_number() -> None:
    small = a_world()
    small.biller.profile = replace(small.biller.profile, has_scroll=False)
    await answer_to(small)
    assert small.biller.orders[0].scroll_no == 0


@pytest.mark.parametrize(
    ("says", "refusal"),
    [
        (Declined("bill is blocked", "17"), Refusal.BILLER_REFUSED),
        (Unreached("connection refused"), Refusal.BILLER_UNAVAILABLE),
    ],
)
async def test_a_no_gives_everything_back_at_once(says: Declined | Unreached, refusal: Refusal) -> None:
    small = a_world()
    small.biller.deeds.append(Deed(says))
    answer = await answer_to(small)
    assert (answer.state, answer.refusal) == (State.REFUNDED, refusal)
    assert (small.books.balance(PREFUND), small.books.balance(IN_FLIGHT)) == (START, 0)
    assert small.books.moments(small.books.only().claim.payment_id) == ["accepted", "given_back"]


async def test_a_doubt_keeps_the_money_held_and_is_asked_about_later() -> None:
    small = a_world()
    small.biller.deeds.append(LOSES_ANSWER)
    answer = await answer_to(small)
    payment = small.books.only()
    assert (answer.state, answer.refusal) == (State.DELIVERING, None)
    assert (small.books.balance(PREFUND), small.books.balance(IN_FLIGHT)) == (START - TAKEN, TAKEN)
    assert payment.next_action_at is not None
    assert (payment.next_action_at - small.clock.now()).total_seconds() == 90


async def test_an_unknown_biller_is_refused_before_anything_is_stored() -> None:
    small = a_world()
    order = replace(an_order(), ekpay_biller_id="b999")
    assert await pay_bill(order, small.world) is Refusal.UNKNOWN_BILLER
    assert small.steps.taken == []


async def test_a_refused_claim_burns_the_reference_and_moves_no_money() -> None:
    small = a_world(prefund=TAKEN - 1)
    first = await answer_to(small)
    small.books.top_up("bank1", "postpaid", 1)
    again = await answer_to(small)
    assert (first.state, first.refusal) == (State.DECLINED, Refusal.PREFUND_TOO_LOW)
    assert (again.state, again.refusal) == (State.DECLINED, Refusal.PREFUND_TOO_LOW)
    assert small.biller.orders == []


async def test_a_repeat_gets_the_truth_and_pays_nothing() -> None:
    small = a_world()
    first = await answer_to(small)
    again = await answer_to(small)
    assert (again.state, again.payment_id) == (State.COMPLETED, first.payment_id)
    assert len(small.biller.orders) == 1
    assert small.books.balance(PREFUND) == START - TAKEN


async def test_the_same_reference_with_other_content_is_refused_and_stored_nowhere() -> None:
    small = a_world()
    await answer_to(small)
    before = small.books.image()
    assert await pay_bill(an_order(paid=TAKEN), small.world) is Refusal.OTHER_CONTENT
    assert small.books.image() == before


async def test_a_repeat_waits_for_the_first_and_gets_its_answer() -> None:
    small = a_world()
    small.biller.gate = asyncio.Event()
    first = asyncio.create_task(answer_to(small))
    await asyncio.sleep(0)
    again = asyncio.create_task(answer_to(small))
    await asyncio.sleep(0)
    small.biller.gate.set()
    assert (await again).state is (await first).state is State.COMPLETED
    assert len(small.biller.orders) == 1


async def test_a_repeat_is_told_in_progress_when_its_time_is_up() -> None:
    small = a_world()
    small.biller.deeds.append(LOSES_ANSWER)
    await answer_to(small)
    again = await answer_to(small)
    assert again.state is State.DELIVERING
    assert 1_024 <= small.clock.monotonic() <= 1_025


async def test_a_repeat_whose_payment_cannot_be_read_keeps_what_it_knew() -> None:
    small = a_world()
    small.biller.deeds.append(LOSES_ANSWER)
    first = await answer_to(small)
    forgetful = ForgetfulPayments(**vars(small.books))
    answer = await pay_bill(an_order(), replace(small.world, payments=forgetful))
    assert isinstance(answer, PaymentAnswer)
    assert (answer.state, answer.payment_id) == (State.DELIVERING, first.payment_id)


async def test_a_process_that_was_stopped_between_claim_and_send_sends_nothing() -> None:
    small = a_world()
    small.biller.stalls_seconds = 11.0
    assert (await answer_to(small)).refusal is Refusal.BILLER_UNAVAILABLE
    assert small.biller.orders == []
    assert small.books.balance(PREFUND) == START


async def test_a_stale_answer_is_evidence_and_the_partner_is_told_the_truth_of_now() -> None:
    small = a_world()
    small.biller.gate = asyncio.Event()
    first = asyncio.create_task(answer_to(small))
    await asyncio.sleep(0)
    small.clock.pass_by(91)
    (leased,) = await small.books.lease_due(10, 60)
    small.biller.gate.set()
    assert (await first).state is State.DELIVERING
    assert small.books.evidence == [(leased.delivery.payment_id, "late:approved")]
    assert small.books.moments(leased.delivery.payment_id) == ["accepted"]
    assert books_balance(small.books)


async def test_a_queue_that_is_full_after_the_biller_was_told_is_no_refusal() -> None:
    """Before the claim "nothing was done" is true; after the send it would be a lie."""
    small = a_world()

    class FullQueue(FakePayments):
        async def record(self, recording: Recording) -> RecordAnswer:
            raise OverloadedError(str(recording.delivery.payment_id))

    small.books.__class__ = FullQueue
    with pytest.raises(CommitUnknownError):
        await pay_bill(an_order(), small.world)
    assert len(small.biller.book) == 1
