"""What `Payments` promises about leases and sends, and `Enquiries` about fetches."""

from dataclasses import replace

import pytest
import pytest_asyncio

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import (
    NextSend,
    SendStarted,
    Stale,
)
from ekpay_switch.security.identifiers import uuid7
from tests.contracts.payment_steps import (
    APPROVED,
    ASK_SECONDS,
    BILLED,
    BILLER,
    LEASE_SECONDS,
    OTHER_BILLER,
    PARTNER,
    PREFUND,
    REFUSED,
    SILENT,
    accept_payment,
    claim,
    claim_of,
    doubt_payment,
    lease,
    lease_doubtful,
    lease_only,
    lease_twice,
    record,
    record_under,
    recording,
    save_quote,
)
from tests.contracts.setups import PaymentsSetup
from tests.persistence.books import delivery_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def setup(payments_setup: PaymentsSetup) -> PaymentsSetup:
    """A partner, bank1, with 100,000 paisa."""
    await payments_setup.add_partner(PARTNER)
    await payments_setup.top_up(PARTNER, 100_000)
    return payments_setup


# ---- leases


async def test_receipt_questions_do_not_starve_doubts(setup: PaymentsSetup) -> None:
    """A completed payment whose receipt is to come waits behind all money in doubt."""
    for _ in range(2):
        completed = await accept_payment(setup)
        outcome = recording(delivery_of(completed), APPROVED)
        await setup.payments.record(replace(outcome, ask_again_seconds=1.0))
    await setup.pass_by(ASK_SECONDS)
    doubtful = {(await doubt_payment(setup)).claim.payment_id for _ in range(2)}
    await setup.pass_by(ASK_SECONDS + 1)

    first = await setup.payments.lease_due(10, LEASE_SECONDS, per_far_side=2)
    assert {leased.delivery.payment_id for leased in first} == doubtful
    (third,) = await setup.payments.lease_due(1, LEASE_SECONDS)
    assert third.state is State.COMPLETED


async def test_a_payment_is_leased_when_its_question_is_due(setup: PaymentsSetup) -> None:
    started = await doubt_payment(setup)
    assert await lease(setup) == []
    await setup.pass_by(ASK_SECONDS + 1)

    leased = await lease_only(setup)

    order = started.claim
    assert (leased.delivery.payment_id, leased.delivery.attempt_id) == (order.payment_id, order.attempt_id)
    assert (leased.delivery.epoch, leased.delivery.lane, leased.delivery.prefund) == (2, 0, PREFUND)
    assert (leased.delivery.sends, leased.delivery.collected_by) == (1, "")
    assert (leased.order.reference, leased.order.scroll_no) == (order.attempt_reference, started.scroll_no)
    assert (leased.order.sums, leased.order.step) == (started.quote.sums, "pay")
    assert leased.order.biller_quote == started.quote.biller_quote
    assert (leased.state, leased.questions, leased.send.sends) == (State.DELIVERING, 0, 1)


async def test_an_order_is_the_same_on_every_repeat(setup: PaymentsSetup) -> None:
    started = await doubt_payment(setup)
    await setup.pass_by(ASK_SECONDS + 1)
    first = await lease_only(setup)
    await setup.pass_by(86_400)
    second = await lease_only(setup)
    assert first.order == second.order
    assert first.order.business_date == started.business_date


async def test_a_sender_that_vanished_loses_its_payment_when_its_lease_is_over(setup: PaymentsSetup) -> None:
    started = await accept_payment(setup)
    assert await lease(setup) == []
    await setup.pass_by(LEASE_SECONDS + 1)
    leased = await lease_only(setup)
    assert await lease(setup) == []
    assert isinstance(await setup.payments.record(recording(delivery_of(started), APPROVED)), Stale)
    assert (await record_under(setup, leased, APPROVED)).state is State.COMPLETED


async def test_a_lease_that_is_over_leads_to_a_new_epoch(setup: PaymentsSetup) -> None:
    stale, current = await lease_twice(setup)
    assert current.delivery.payment_id == stale.delivery.payment_id
    assert current.delivery.epoch == stale.delivery.epoch + 1
    assert await lease(setup) == []


async def test_what_is_finished_is_not_leased(setup: PaymentsSetup) -> None:
    await record(setup, await accept_payment(setup), APPROVED)
    await record(setup, await accept_payment(setup), REFUSED)
    await claim(setup, 1_000_000)
    await setup.pass_by(90_000)
    assert await lease(setup) == []


async def test_the_longest_overdue_is_leased_first(setup: PaymentsSetup) -> None:
    first = await accept_payment(setup)
    second = await accept_payment(setup)
    await record(setup, second, SILENT)
    await setup.pass_by(5)
    await record(setup, first, SILENT)
    await setup.pass_by(ASK_SECONDS + 1)
    leased = [(await lease(setup, 1))[0].delivery.payment_id for _ in range(2)]
    assert leased == [second.claim.payment_id, first.claim.payment_id]
    assert await lease(setup, 1) == []


async def test_no_far_side_takes_more_than_its_share_of_a_round(setup: PaymentsSetup) -> None:
    for biller_id in (BILLER, BILLER, BILLER, OTHER_BILLER):
        await doubt_payment(setup, biller_id=biller_id)
    await setup.pass_by(ASK_SECONDS + 1)

    first = await setup.payments.lease_due(10, LEASE_SECONDS, per_far_side=2)
    second = await setup.payments.lease_due(10, LEASE_SECONDS, passing_over=[BILLER])
    third = await setup.payments.lease_due(10, LEASE_SECONDS)

    assert sorted(each.delivery.biller_id for each in first) == [BILLER, BILLER, OTHER_BILLER]
    assert second == []
    assert [each.delivery.biller_id for each in third] == [BILLER]


async def test_postponing_gives_the_payment_back_until_its_next_question(setup: PaymentsSetup) -> None:
    leased = await lease_doubtful(setup)
    await setup.payments.postpone(leased, 600, "too early to be final", was_asked=True)
    await setup.pass_by(599)
    assert await lease(setup) == []
    await setup.pass_by(2)
    again = await lease_only(setup)
    assert (again.questions, again.delivery.epoch) == (1, leased.delivery.epoch + 1)

    await setup.payments.postpone(again, None, "nothing is left to ask", was_asked=False)

    await setup.pass_by(90_000)
    assert await lease(setup) == []
    standing = await setup.payments.by_id(leased.delivery.payment_id)
    assert standing is not None
    assert standing.state is State.DELIVERING


async def test_postponing_counts_only_what_was_asked(setup: PaymentsSetup) -> None:
    leased = await lease_doubtful(setup)
    await setup.payments.postpone(leased, 0, "the far side has no place", was_asked=False)
    assert (await lease_only(setup)).questions == 0


async def test_postponing_under_an_old_epoch_moves_nothing(setup: PaymentsSetup) -> None:
    stale, current = await lease_twice(setup)
    await setup.payments.postpone(stale, 0, "late", was_asked=True)
    assert await lease(setup) == []
    await setup.pass_by(LEASE_SECONDS + 1)
    again = await lease_only(setup)
    assert (again.questions, again.delivery.epoch) == (0, current.delivery.epoch + 1)


# ---- further sends


async def test_a_further_send_is_durable_and_holds_the_payment(setup: PaymentsSetup) -> None:
    leased = await lease_doubtful(setup)
    delivery = replace(leased.delivery, questions=3)

    assert await setup.payments.begin_send(NextSend(delivery, "confirm", 2, 10, 120)) == SendStarted()

    await setup.pass_by(119)
    assert await lease(setup) == []
    await setup.pass_by(2)
    again = await lease_only(setup)
    assert (again.order.step, again.delivery.sends, again.send.sends) == ("confirm", 2, 2)
    assert (again.questions, again.order.reference) == (3, leased.order.reference)
    assert 111 <= (again.now - again.send.send_until).total_seconds() < 130


async def test_nothing_is_sent_under_an_old_epoch(setup: PaymentsSetup) -> None:
    stale, _ = await lease_twice(setup)
    answer = await setup.payments.begin_send(NextSend(stale.delivery, "pay", 2, 10, 120))
    assert isinstance(answer, Stale)
    assert answer.state is State.DELIVERING
    await setup.pass_by(LEASE_SECONDS + 1)
    assert (await lease_only(setup)).send.sends == 1


async def test_a_record_under_the_epoch_of_a_further_send_stands(setup: PaymentsSetup) -> None:
    leased = await lease_doubtful(setup)
    await setup.payments.begin_send(NextSend(leased.delivery, "pay", 2, 10, 120))
    assert (await record_under(setup, leased, APPROVED)).state is State.COMPLETED


# ---- enquiries


async def test_a_status_call_is_answered_from_the_books(setup: PaymentsSetup) -> None:
    quote = await save_quote(setup)
    request = quote.request_reference

    async def status(partner_id: str = PARTNER) -> object:
        found = await setup.enquiries.status_of_request(partner_id, request)
        if found is None:
            return None
        assert (found.biller_id, found.is_bill_paid, found.amount) == (BILLER, False, Money(BILLED))
        return None if found.standing is None else found.standing.payment_id, found.standing is not None

    assert await status() == (None, False)
    assert await status("bank2") is None
    assert await setup.enquiries.status_of_request(PARTNER, "never fetched") is None
    refused = replace(claim_of(quote), paid=Money(1))
    await setup.payments.claim(refused)
    assert await status() == (refused.payment_id, True)
    accepted = claim_of(quote)
    await setup.payments.claim(accepted)
    assert await status() == (accepted.payment_id, True)


async def test_of_two_fetches_of_a_request_the_paid_one_counts(setup: PaymentsSetup) -> None:
    quotes: list[Quote] = []
    for _ in range(2):
        quote = await save_quote(setup)
        quotes.append(quote)
    same = replace(quotes[1], quote_id=f"Q{uuid7().hex}", request_reference=quotes[0].request_reference)
    order = claim_of(quotes[0])
    await setup.payments.claim(order)
    await setup.pass_by(1)
    await setup.payments.save_quote(replace(same, biller_id=OTHER_BILLER))
    found = await setup.enquiries.status_of_request(PARTNER, quotes[0].request_reference)
    assert found is not None
    assert found.biller_id == BILLER
    assert found.standing is not None
    assert found.standing.payment_id == order.payment_id
