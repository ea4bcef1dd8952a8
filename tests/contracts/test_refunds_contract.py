"""What every implementation of the port `Refunds` promises: the running total, leases and sends."""

from dataclasses import replace

import pytest
import pytest_asyncio

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.burden import UNNAMED
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.ports.collections import RefundOpened
from ekpay_switch.security.identifiers import uuid7
from tests.contracts.collection_steps import (
    collect,
    deliver,
    fund,
    open_another_page,
    open_page,
    view,
)
from tests.contracts.payment_steps import PARTNER, accept_payment
from tests.contracts.payment_steps import record as record_payment
from tests.contracts.refund_steps import (
    ASK_SECONDS,
    BILLED,
    LEASE_SECONDS,
    SEND_SECONDS,
    SILENT,
    TOTAL,
    ask,
    balances_with,
    complete,
    lease,
    lease_only,
    new_refund,
    record,
    refund_confirmation,
    send,
    take_on,
    view_of,
)
from tests.contracts.setups import RefundsSetup
from tests.persistence.books import APPROVED

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def setup(refunds_setup: RefundsSetup) -> RefundsSetup:
    """A partner, bank1, that collects."""
    await refunds_setup.add_partner(PARTNER)
    return refunds_setup


# ---- taking on


async def test_a_payment_that_its_biller_keeps_is_refunded_where_somebody_bears_it(
    setup: RefundsSetup,
) -> None:
    paid = await complete(setup)
    before = await setup.balances()
    assert await ask(setup, new_refund(paid.payment_id, burden=UNNAMED)) is RefundRefusal.FINAL
    assert await setup.refunds.of_payment(PARTNER, paid.payment_id) == []
    assert await setup.balances() == before


async def test_a_refund_is_owed_from_the_moment_it_is_taken_on(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    new = new_refund(paid.payment_id, 40_000)

    answer = await ask(setup, new)

    assert isinstance(answer, RefundOpened)
    refund = answer.view
    assert not answer.is_repeat
    assert (refund.refund_id, refund.payment_id) == (new.refund_id, paid.payment_id)
    assert (refund.kind, refund.state, refund.amount) == (
        RefundKind.REFUND,
        RefundState.APPROVED,
        Money(40_000),
    )
    assert refund.reason == "paid for the wrong meter"
    assert await setup.balances() == balances_with(BILLED - 40_000, refund_due_of_bkash=-40_000)
    assert await setup.refunds.of_payment(PARTNER, paid.payment_id) == [refund]
    assert await setup.refunds.of_payment("bank2", paid.payment_id) == []
    shown = await view(setup, paid)
    assert (shown.state, shown.refunds) == (State.COMPLETED, (refund,))


async def test_the_same_reference_is_the_same_refund_and_other_content_is_none(setup: RefundsSetup) -> None:
    paid, other = await complete(setup), await complete(setup)
    new = new_refund(paid.payment_id, 40_000)
    first = await ask(setup, new)
    assert isinstance(first, RefundOpened)

    again = await ask(setup, replace(new_refund(paid.payment_id, 40_000), reference=new.reference))

    assert again == RefundOpened(first.view, is_repeat=True)
    for content in (replace(new, fingerprint=b"other bytes"), replace(new, payment_id=other.payment_id)):
        assert await ask(setup, content) is RefundRefusal.OTHER_CONTENT
    assert len(await setup.refunds.of_payment(PARTNER, paid.payment_id)) == 1


async def test_all_refunds_together_are_at_most_what_the_payee_was_credited(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    first = await take_on(setup, paid, 60_000)
    assert await ask(setup, new_refund(paid.payment_id, 45_001)) is RefundRefusal.EXCEEDS_REMAINING
    second = await take_on(setup, paid, 45_000)
    assert await ask(setup, new_refund(paid.payment_id, 1)) is RefundRefusal.EXCEEDS_REMAINING
    assert await setup.refunds.of_payment(PARTNER, paid.payment_id) == [first, second]


async def test_a_connector_gives_back_in_so_many_parts_and_days(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    await take_on(setup, paid, 1_000)
    assert await ask(setup, new_refund(paid.payment_id, 1_000), 1) is RefundRefusal.TOO_MANY_PARTS
    await setup.pass_by(3 * 86_400 - 600)
    assert isinstance(await ask(setup, new_refund(paid.payment_id, 1_000), days_max=3), RefundOpened)
    await setup.pass_by(601)
    assert await ask(setup, new_refund(paid.payment_id, 1_000), days_max=3) is RefundRefusal.TOO_LATE


async def test_money_that_goes_back_by_itself_is_no_part_of_the_others(setup: RefundsSetup) -> None:
    late = await open_page(setup)
    paid = await open_another_page(setup, late)
    await collect(setup, paid)
    await collect(setup, late)
    await deliver(setup, paid)
    assert isinstance(await ask(setup, new_refund(paid.payment_id), 1), RefundOpened)


async def test_what_is_not_completed_or_not_collected_is_not_refunded(setup: RefundsSetup) -> None:
    funded = await fund(setup)
    await setup.top_up(PARTNER, 6_000)
    from_prefund = await accept_payment(setup)
    await record_payment(setup, from_prefund, APPROVED)
    for payment_id in (funded.payment_id, from_prefund.claim.payment_id):
        assert await ask(setup, new_refund(payment_id, 1)) is RefundRefusal.NOT_REFUNDABLE


async def test_a_payment_of_another_partner_is_unknown(setup: RefundsSetup) -> None:
    await setup.add_partner("bank2")
    paid = await complete(setup)
    for new in (new_refund(uuid7(), 1), new_refund(paid.payment_id, 1, partner_id="bank2")):
        assert await ask(setup, new) is RefundRefusal.UNKNOWN_PAYMENT


async def test_a_refund_in_another_currency_is_refused(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    new = new_refund(paid.payment_id, amount := 1_000)
    assert await ask(setup, replace(new, amount=Money(amount, "USD"))) is RefundRefusal.OTHER_CURRENCY


async def test_what_needs_a_second_person_holds_the_total_and_owes_nothing_yet(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    asked = await take_on(setup, paid, needs_approval=True)
    assert asked.state is RefundState.REQUESTED
    assert await ask(setup, new_refund(paid.payment_id, 1)) is RefundRefusal.EXCEEDS_REMAINING
    assert await lease(setup) == []
    assert await setup.balances() == balances_with(BILLED)

    await setup.approve_refund(asked.refund_id)

    assert (await view_of(setup, asked)).state is RefundState.APPROVED
    assert await setup.balances() == balances_with(0, refund_due_of_bkash=-BILLED)
    assert (await lease_only(setup)).refund_id == asked.refund_id


async def test_what_a_second_person_rejects_frees_the_total(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    asked = await take_on(setup, paid, needs_approval=True)
    await setup.reject_refund(asked.refund_id)
    assert (await view_of(setup, asked)).state is RefundState.REJECTED
    assert await lease(setup) == []
    await take_on(setup, paid)


# ---- leases


async def test_a_due_refund_is_held_with_all_that_its_connector_must_be_told(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    refund = await take_on(setup, paid, 40_000)

    held = await lease_only(setup)

    assert (held.refund_id, held.payment_id, held.partner_id) == (
        refund.refund_id,
        paid.payment_id,
        PARTNER,
    )
    assert (held.kind, held.state, held.payee) == (
        RefundKind.REFUND,
        RefundState.APPROVED,
        "desco_postpaid",
    )
    assert (held.sends, held.questions, held.lane) == (0, 0, 0)
    order = held.order
    assert (order.connector_id, order.amount, order.collected) == ("bkash", Money(40_000), Money(TOTAL))
    assert order.provider_reference == f"P-{paid.attempt_id.hex}"
    assert order.provider_transaction == f"TRX-{paid.attempt_id.hex}"
    assert (order.collected_reference, order.reason) == (paid.order.reference, "paid for the wrong meter")
    assert (order.known_refunds, order.provider_refund) == (frozenset(), "")
    assert not order.may_have_been_heard
    assert order.collected_at == held.collected_at <= held.now


async def test_a_refund_is_held_once_and_again_under_a_new_epoch(setup: RefundsSetup) -> None:
    await take_on(setup, await complete(setup))
    first = await lease_only(setup)
    assert await lease(setup) == []
    await setup.pass_by(LEASE_SECONDS + 1)
    second = await lease_only(setup)
    assert (second.refund_id, second.epoch) == (first.refund_id, first.epoch + 1)
    assert second.order.reference == first.order.reference


async def test_one_refund_of_a_payment_is_held_at_a_time_the_oldest_first(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    first = await take_on(setup, paid, 1_000)
    second = await take_on(setup, paid, 2_000)
    held = await send(setup)
    assert held.refund_id == first.refund_id
    await record(setup, held, SILENT)
    assert await lease(setup) == []
    await setup.pass_by(ASK_SECONDS + 1)
    held = await lease_only(setup)
    assert held.refund_id == first.refund_id
    assert await setup.refunds.begin_send(held, SEND_SECONDS)
    await record(setup, held, refund_confirmation("R-1", 1_000))
    held = await lease_only(setup)
    assert (held.refund_id, held.order.known_refunds) == (second.refund_id, frozenset({"R-1"}))


async def test_the_longest_due_refund_is_held_first(setup: RefundsSetup) -> None:
    refunds = [await take_on(setup, await complete(setup)) for _ in range(2)]
    for held in await lease(setup):
        is_first = held.refund_id == refunds[0].refund_id
        await setup.refunds.postpone(held, 20.0 if is_first else 10.0)
    await setup.pass_by(30)
    held_ids = [(await lease(setup, 1))[0].refund_id for _ in range(2)]
    assert held_ids == [refunds[1].refund_id, refunds[0].refund_id]
    assert await lease(setup, 1) == []


async def test_refunds_of_a_connector_that_is_busy_are_passed_over(setup: RefundsSetup) -> None:
    for connector_id in ("bkash", "nagad"):
        await take_on(setup, await complete(setup, connector_id))
    held = await setup.refunds.lease_due(10, LEASE_SECONDS, passing_over=["bkash"])
    assert [each.order.connector_id for each in held] == ["nagad"]
    assert [each.order.connector_id for each in await lease(setup)] == ["bkash"]


async def test_postponing_gives_the_refund_back_until_then(setup: RefundsSetup) -> None:
    await take_on(setup, await complete(setup))
    stale = await lease_only(setup)
    await setup.refunds.postpone(stale, 60.0)
    await setup.pass_by(59)
    assert await lease(setup) == []
    await setup.pass_by(2)
    current = await lease_only(setup)
    assert (current.state, current.sends) == (RefundState.APPROVED, 0)
    await setup.refunds.postpone(stale, 0.0)
    assert await lease(setup) == []


# ---- sending


async def test_a_send_is_durable_before_it_happens(setup: RefundsSetup) -> None:
    refund = await take_on(setup, await complete(setup))
    await send(setup)
    assert (await view_of(setup, refund)).state is RefundState.SENT
    await setup.pass_by(SEND_SECONDS - 5)
    assert await lease(setup) == []
    await setup.pass_by(6)
    again = await lease_only(setup)
    assert (again.state, again.sends, again.order.may_have_been_heard) == (RefundState.SENT, 1, True)


async def test_nothing_is_sent_under_an_old_epoch(setup: RefundsSetup) -> None:
    refund = await take_on(setup, await complete(setup))
    stale = await lease_only(setup)
    await setup.pass_by(LEASE_SECONDS + 1)
    current = await lease_only(setup)
    assert not await setup.refunds.begin_send(stale, SEND_SECONDS)
    assert (await view_of(setup, refund)).state is RefundState.APPROVED
    assert await setup.refunds.begin_send(current, SEND_SECONDS)
