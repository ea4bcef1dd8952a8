"""What every implementation of the port `Payments` promises about claims and records."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import (
    Claim,
    ConflictingClaim,
    RefusedClaim,
    RepeatedClaim,
    StartedClaim,
)
from ekpay_switch.domain.payments.delivery import (
    BillerTerms,
    Delivery,
    Recorded,
    Recording,
    Stale,
    plan_not_posted,
    plan_outcome,
    plan_receipt,
)
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.security.identifiers import uuid7
from tests.contracts.payment_steps import (
    APPROVED,
    BILLED,
    BILLER,
    FEE,
    PARTNER,
    PREFUND,
    QUOTE_SECONDS,
    REFUSED,
    SILENT,
    TOTAL,
    accept_payment,
    claim,
    claim_of,
    late_success,
    lease,
    lease_doubtful,
    lease_only,
    lease_twice,
    prefund,
    record,
    record_under,
    recording,
    save_quote,
)
from tests.contracts.setups import PaymentsSetup
from tests.persistence.books import delivery_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

DELIVERED = {"payable:desco_postpaid": -BILLED, "fee_income": -500, "vat_payable": -75}


@pytest_asyncio.fixture(loop_scope="module")
async def setup(payments_setup: PaymentsSetup) -> PaymentsSetup:
    """A partner, bank1, with 100,000 paisa."""
    await payments_setup.add_partner(PARTNER)
    await payments_setup.top_up(PARTNER, 100_000)
    return payments_setup


def balances_with(prefunded: int, **others: int) -> dict[str, int]:
    """The accounts with this prefund; the rest of the 100,000 has gone elsewhere."""
    return {"settlement_bank": 100_000, PREFUND: -prefunded, **others}


# ---- claims


async def test_a_claim_takes_the_prefund_and_opens_the_attempt(setup: PaymentsSetup) -> None:
    quote = await save_quote(setup)
    order = claim_of(quote)
    answer = await setup.payments.claim(order)
    assert isinstance(answer, StartedClaim)
    assert (answer.claim, answer.quote.sums, answer.scroll_no) == (order, quote.sums, 1)
    assert answer.quote.biller_quote == quote.bill.biller_quote
    assert await setup.balances() == balances_with(100_000 - TOTAL, in_flight=-TOTAL)
    standing = await setup.payments.by_id(order.payment_id)
    assert standing is not None
    assert (standing.state, standing.epoch, standing.refusal) == (State.DELIVERING, 1, None)
    assert (standing.partner_id, standing.reference) == (PARTNER, order.reference)
    assert (standing.quote_id, standing.biller_id) == (quote.quote_id, BILLER)
    assert standing.paid_at is not None
    assert standing.facts == {}
    assert (await accept_payment(setup)).scroll_no == 2


async def test_nothing_is_known_of_a_payment_that_was_never_claimed(setup: PaymentsSetup) -> None:
    assert await setup.payments.by_id(uuid7()) is None
    assert await setup.payments.tokens(uuid7()) == []


async def test_a_prefund_never_falls_below_zero(setup: PaymentsSetup) -> None:
    answers = [await claim(setup, total) for total in (60_000, 60_000, 30_000, 10_000, FEE + 1)]
    kinds = [type(answer) for answer in answers]
    assert kinds == [StartedClaim, RefusedClaim, StartedClaim, StartedClaim, RefusedClaim]
    refusals = {answer.refusal for answer in answers if isinstance(answer, RefusedClaim)}
    assert refusals == {Refusal.PREFUND_TOO_LOW}
    assert await setup.balances() == {"settlement_bank": 100_000, "in_flight": -100_000}


async def test_of_two_claims_at_once_the_prefund_pays_one(setup: PaymentsSetup) -> None:
    quotes = [await save_quote(setup, 60_000) for _ in range(2)]
    answers = await asyncio.gather(*(setup.payments.claim(claim_of(quote)) for quote in quotes))
    assert {type(answer) for answer in answers} == {StartedClaim, RefusedClaim}
    assert await prefund(setup) == 40_000


async def test_a_refused_reference_stays_refused(setup: PaymentsSetup) -> None:
    quote = await save_quote(setup, 120_000)
    order = claim_of(quote)
    assert isinstance(await setup.payments.claim(order), RefusedClaim)
    await setup.top_up(PARTNER, 100_000)

    answer = await setup.payments.claim(claim_of(quote, order.reference))

    assert isinstance(answer, RepeatedClaim)
    assert (answer.payment.payment_id, answer.payment.state) == (order.payment_id, State.DECLINED)
    assert answer.payment.refusal is Refusal.PREFUND_TOO_LOW
    assert await prefund(setup) == 200_000
    assert isinstance(await setup.payments.claim(claim_of(quote)), StartedClaim)


async def test_the_same_reference_with_the_same_content_is_the_same_payment(setup: PaymentsSetup) -> None:
    started = await accept_payment(setup)
    again = replace(started.claim, payment_id=uuid7(), attempt_id=uuid7(), attempt_reference="another")

    answer = await setup.payments.claim(again)

    assert isinstance(answer, RepeatedClaim)
    assert answer.payment == await setup.payments.by_id(started.claim.payment_id)
    await record(setup, started, APPROVED)
    answer = await setup.payments.claim(again)
    assert isinstance(answer, RepeatedClaim)
    assert (answer.payment.state, answer.payment.facts) == (State.COMPLETED, {"receipt": "R-1"})
    assert await prefund(setup) == 100_000 - TOTAL


async def test_the_same_reference_with_other_content_conflicts_and_stores_nothing(
    setup: PaymentsSetup,
) -> None:
    started = await accept_payment(setup)
    other = claim_of(await save_quote(setup), started.claim.reference)

    answer = await setup.payments.claim(other)

    assert isinstance(answer, ConflictingClaim)
    assert answer.payment.payment_id == started.claim.payment_id
    assert await setup.payments.by_id(other.payment_id) is None
    assert await prefund(setup) == 100_000 - TOTAL


async def test_a_claim_that_is_written_twice_is_itself(setup: PaymentsSetup) -> None:
    started = await accept_payment(setup)

    assert await setup.payments.claim(started.claim) == started

    assert await setup.balances() == balances_with(100_000 - TOTAL, in_flight=-TOTAL)
    assert (await accept_payment(setup)).scroll_no == 2


async def test_a_reference_belongs_to_its_partner(setup: PaymentsSetup) -> None:
    await setup.add_partner("bank2")
    await setup.top_up("bank2", TOTAL)
    started = await accept_payment(setup)
    quote = await save_quote(setup, partner_id="bank2")
    assert isinstance(await setup.payments.claim(claim_of(quote, started.claim.reference)), StartedClaim)
    assert await prefund(setup, "bank2") == 0


async def test_a_bill_that_another_payment_holds_is_taken_until_it_is_given_back(
    setup: PaymentsSetup,
) -> None:
    first = await accept_payment(setup, bill="092512345678")
    second = await claim(setup, bill="092512345678")
    await record(setup, first, REFUSED)
    third = await accept_payment(setup, bill="092512345678")
    await record(setup, third, APPROVED)
    fourth = await claim(setup, bill="092512345678")

    for answer in (second, fourth):
        assert isinstance(answer, RefusedClaim)
        assert answer.refusal is Refusal.BILL_TAKEN
    assert await prefund(setup) == 100_000 - TOTAL


async def test_a_quote_is_paid_while_it_lives(setup: PaymentsSetup) -> None:
    quote, other = await save_quote(setup), await save_quote(setup)
    await setup.pass_by(QUOTE_SECONDS - 10)
    assert isinstance(await setup.payments.claim(claim_of(quote)), StartedClaim)
    await setup.pass_by(11)
    answer = await setup.payments.claim(claim_of(other))
    assert isinstance(answer, RefusedClaim)
    assert answer.refusal is Refusal.QUOTE_EXPIRED


@pytest.mark.parametrize(
    ("change", "is_paid", "refusal"),
    [
        (lambda order: replace(order, quote_id="never quoted"), False, Refusal.QUOTE_EXPIRED),
        (lambda order: order, True, Refusal.ALREADY_PAID),
        (lambda order: replace(order, paid=Money(BILLED + 1)), False, Refusal.AMOUNT_DIFFERS),
        (lambda order: replace(order, stated_fee=Money(1)), False, Refusal.AMOUNT_DIFFERS),
    ],
)
async def test_what_does_not_match_a_payable_quote_is_refused(
    setup: PaymentsSetup, *, change: Callable[[Claim], Claim], is_paid: bool, refusal: Refusal
) -> None:
    order = change(claim_of(await save_quote(setup, is_paid=is_paid)))

    answer = await setup.payments.claim(order)

    assert isinstance(answer, RefusedClaim)
    assert answer.refusal is refusal
    standing = await setup.payments.by_id(order.payment_id)
    assert standing is not None
    assert (standing.state, standing.refusal) == (State.DECLINED, refusal)
    assert await prefund(setup) == 100_000


# ---- records


async def test_an_approval_completes_the_payment_and_credits_the_biller(setup: PaymentsSetup) -> None:
    started = await accept_payment(setup)

    recorded = await record(setup, started, APPROVED)

    assert (recorded.state, recorded.refusal, recorded.facts) == (State.COMPLETED, None, {"receipt": "R-1"})
    assert await setup.balances() == balances_with(100_000 - TOTAL, **DELIVERED)
    assert await setup.notices(started.claim.payment_id) == ["completed"]
    standing = await setup.payments.by_id(started.claim.payment_id)
    assert standing is not None
    assert (standing.state, standing.facts) == (State.COMPLETED, {"receipt": "R-1"})
    assert standing.paid_at == recorded.recorded_at


@pytest.mark.parametrize(
    ("outcome", "refusal"),
    [(REFUSED, Refusal.BILLER_REFUSED), (Unreached("connection refused"), Refusal.BILLER_UNAVAILABLE)],
)
async def test_what_the_biller_does_not_take_goes_back_to_the_prefund(
    setup: PaymentsSetup, outcome: object, refusal: Refusal
) -> None:
    started = await accept_payment(setup)
    assert isinstance(outcome, type(REFUSED) | Unreached)
    recorded = await record(setup, started, outcome)
    assert (recorded.state, recorded.refusal) == (State.REFUNDED, refusal)
    assert await setup.balances() == balances_with(100_000)
    assert await setup.notices(started.claim.payment_id) == ["refunded"]


async def test_a_doubt_leaves_the_payment_as_it_is(setup: PaymentsSetup) -> None:
    started = await accept_payment(setup)
    recorded = await record(setup, started, SILENT)
    assert (recorded.state, recorded.facts) == (State.DELIVERING, {})
    standing = await setup.payments.by_id(started.claim.payment_id)
    assert standing is not None
    assert standing.facts == {}
    assert await setup.notices(started.claim.payment_id) == []
    assert await setup.balances() == balances_with(100_000 - TOTAL, in_flight=-TOTAL)


async def test_the_facts_of_a_payment_are_those_of_its_last_answer(setup: PaymentsSetup) -> None:
    leased = await lease_doubtful(setup)
    recorded = await record_under(setup, leased, APPROVED)
    assert recorded.facts == {"receipt": "R-1"}


async def test_a_record_that_is_written_twice_stands_once(setup: PaymentsSetup) -> None:
    started = await accept_payment(setup)
    first = await record(setup, started, APPROVED)
    second = await record(setup, started, APPROVED)
    assert (second.state, second.facts) == (first.state, first.facts)
    assert await setup.balances() == balances_with(100_000 - TOTAL, **DELIVERED)
    assert await setup.notices(started.claim.payment_id) == ["completed"]


async def test_an_answer_under_an_old_epoch_sets_nothing(setup: PaymentsSetup) -> None:
    stale, current = await lease_twice(setup)

    answer = await setup.payments.record(recording(stale.delivery, APPROVED))

    assert isinstance(answer, Stale)
    assert (answer.state, answer.refusal) == (State.DELIVERING, None)
    assert await setup.balances() == balances_with(100_000 - TOTAL, in_flight=-TOTAL)
    await record_under(setup, current, REFUSED)
    answer = await setup.payments.record(recording(stale.delivery, REFUSED))
    assert isinstance(answer, Stale)
    assert (answer.state, answer.refusal) == (State.REFUNDED, Refusal.BILLER_REFUSED)
    assert answer.recorded_at is not None
    assert await setup.balances() == balances_with(100_000)


async def test_a_late_approval_wakes_the_resolver_after_the_money_went_back(setup: PaymentsSetup) -> None:
    stale, current = await lease_twice(setup)
    await record_under(setup, current, REFUSED)
    assert await lease(setup) == []

    assert isinstance(await setup.payments.record(recording(stale.delivery, APPROVED)), Stale)

    leased = await lease_only(setup)
    assert (leased.state, leased.delivery.payment_id) == (State.REFUNDED, stale.delivery.payment_id)


async def test_a_late_approval_before_the_money_goes_back_has_it_asked_about_at_once(
    setup: PaymentsSetup,
) -> None:
    stale, current = await lease_twice(setup)
    assert isinstance(await setup.payments.record(recording(stale.delivery, APPROVED)), Stale)
    assert isinstance(await setup.payments.record(not_posted(current.delivery)), Recorded)
    assert (await lease_only(setup)).state is State.REFUNDED


async def test_postponing_does_not_overrule_a_late_approval(setup: PaymentsSetup) -> None:
    stale, current = await lease_twice(setup)
    await setup.payments.record(replace(not_posted(current.delivery), ask_again_seconds=0.0))
    leased = await lease_only(setup)
    await setup.payments.record(recording(stale.delivery, APPROVED))

    await setup.payments.postpone(leased, None, "the biller knows nothing of it", was_asked=True)

    assert (await lease_only(setup)).state is State.REFUNDED


def not_posted(delivery: Delivery) -> Recording:
    return Recording(delivery, plan_not_posted(delivery))


async def test_a_success_after_the_give_back_goes_to_review_out_of_suspense(setup: PaymentsSetup) -> None:
    leased = await lease_doubtful(setup)
    await setup.payments.record(replace(not_posted(leased.delivery), ask_again_seconds=600.0))
    await setup.pass_by(601)
    watched = await lease_only(setup)

    answer = await setup.payments.record(late_success(watched.delivery))

    assert isinstance(answer, Recorded)
    assert answer.state is State.IN_REVIEW
    payment_id = watched.delivery.payment_id
    assert await setup.notices(payment_id) == ["refunded", "late_success"]
    suspended = {"suspense:desco_postpaid": BILLED, "payable:desco_postpaid": -BILLED}
    assert await setup.balances() == balances_with(100_000, **suspended)


async def test_a_receipt_buys_one_service_only(setup: PaymentsSetup) -> None:
    terms = BillerTerms(has_unique_receipt=True)
    first, second = await accept_payment(setup), await accept_payment(setup)
    answers = [
        await setup.payments.record(Recording(delivery, plan_outcome(delivery, APPROVED), None))
        for delivery in (replace(delivery_of(each), terms=terms) for each in (first, second))
    ]

    assert all(isinstance(answer, Recorded) for answer in answers)
    taken = [(answer.state, answer.receipt_was_taken) for answer in answers if isinstance(answer, Recorded)]
    assert taken == [(State.COMPLETED, False), (State.IN_REVIEW, True)]
    assert await setup.notices(second.claim.payment_id) == ["receipt_used_twice"]
    await setup.pass_by(90_000)
    assert await lease(setup) == []


async def test_a_final_receipt_is_added_to_a_completed_payment(setup: PaymentsSetup) -> None:
    started = await accept_payment(setup)
    delivery = delivery_of(started)
    await setup.payments.record(replace(recording(delivery, APPROVED), ask_again_seconds=60.0))
    await setup.pass_by(61)
    leased = await lease_only(setup)

    answers = [await setup.payments.record(Recording(leased.delivery, plan_receipt("F-9"))) for _ in range(2)]

    facts = {"receipt": "R-1", "final_receipt": "F-9"}
    for answer in answers:
        assert isinstance(answer, Recorded)
        assert (answer.state, answer.facts) == (State.COMPLETED, facts)
    assert await setup.notices(started.claim.payment_id) == ["completed", "receipt_issued"]


async def test_tokens_are_returned_in_order_as_they_came(setup: PaymentsSetup) -> None:
    lines = (
        TokenLine(1, TokenKind.KEY_CHANGE, "1" * 20),
        TokenLine(2, TokenKind.CREDIT, "01234567890123456789"),
    )
    prepaid, postpaid = await accept_payment(setup), await accept_payment(setup)
    for _ in range(2):
        await record(setup, prepaid, Approved({"receipt": "R-1"}, lines))
    await record(setup, postpaid, APPROVED)
    assert tuple(await setup.payments.tokens(prepaid.claim.payment_id)) == lines
    assert await setup.payments.tokens(postpaid.claim.payment_id) == []
