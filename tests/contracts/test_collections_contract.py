"""What every implementation of the port `Collections` promises about opening, tries and ends."""

from dataclasses import replace

import pytest
import pytest_asyncio

from ekpay_switch.domain.collections.funding import LockedTry, TryEnd, TryState
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.collections import (
    AlreadyOpened,
    BillTaken,
    CollectionOpened,
    NoNewTry,
    OtherContent,
)
from ekpay_switch.security.identifiers import uuid7
from tests.contracts.collection_steps import (
    HOLD_SECONDS,
    NEVER_PAID,
    PAGE_ASK_SECONDS,
    PAY_SECONDS,
    collect,
    deliver,
    fund,
    lease,
    lease_awake,
    new_collection,
    new_try,
    open_another_page,
    open_page,
    open_payment,
    record,
    view,
)
from tests.contracts.payment_steps import BILLER, OTHER_BILLER, PARTNER, REFUSED
from tests.contracts.setups import CollectionsSetup
from tests.persistence.collections.collection_setup import SUMS, agreed, page

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def setup(collections_setup: CollectionsSetup) -> CollectionsSetup:
    """A partner, bank1, that collects."""
    await collections_setup.add_partner(PARTNER)
    return collections_setup


# ---- opening


async def test_a_payment_is_opened_with_its_first_try(setup: CollectionsSetup) -> None:
    new = new_collection(setup)

    answer = await setup.collections.open(new)

    assert isinstance(answer, CollectionOpened)
    held = answer.locked_try
    assert (held.payment_id, held.attempt_id, held.epoch) == (new.payment_id, new.first.attempt_id, 1)
    assert (held.partner_id, held.lane, held.biller_id) == (PARTNER, 0, BILLER)
    assert (held.state, held.payment_state, held.sums) == (TryState.OPEN, State.COLLECTING, SUMS)
    assert (held.order.reference, held.order.amount) == (new.first.reference, SUMS.total)
    assert (held.executes_begun, held.questions, held.is_agreed, held.page_until) == (0, 0, False, None)
    assert 9 <= (held.send_until - held.opened_at).total_seconds() <= 10
    shown = await view(setup, held)
    assert shown == await setup.collections.by_reference(PARTNER, new.reference)
    assert (shown.state, shown.refusal, shown.sums, shown.bill) == (State.COLLECTING, None, SUMS, new.bill)
    assert (shown.connector_id, shown.page_url, shown.facts, shown.refunds) == ("bkash", "", {}, ())
    assert (shown.return_url, shown.fingerprint) == (new.return_url, new.fingerprint)
    assert await setup.balances() == {}


async def test_a_payment_is_shown_to_its_own_partner(setup: CollectionsSetup) -> None:
    held = await open_payment(setup, new := new_collection(setup))
    assert await setup.collections.view("bank2", held.payment_id) is None
    assert await setup.collections.by_reference("bank2", new.reference) is None
    assert await setup.collections.view(PARTNER, uuid7()) is None


async def test_the_same_reference_is_the_same_payment_and_other_content_is_none(
    setup: CollectionsSetup,
) -> None:
    held = await open_payment(setup, new_collection(setup, "order-7"))
    same, other = new_collection(setup, "order-7"), new_collection(setup, "order-7", fingerprint=b"other")
    assert await setup.collections.open(same) == AlreadyOpened(await view(setup, held))
    assert await setup.collections.open(other) == OtherContent()
    assert await setup.collections.view(PARTNER, other.payment_id) is None


async def test_a_bill_is_held_by_one_payment(setup: CollectionsSetup) -> None:
    await setup.add_partner("bank2")
    held = await open_payment(setup, new_collection(setup, bill_key="0925"))
    own = await setup.collections.open(new_collection(setup, bill_key="0925"))
    others = await setup.collections.open(new_collection(setup, bill_key="0925", partner_id="bank2"))
    assert (own, others) == (BillTaken(held.payment_id), BillTaken(None))
    other_biller = new_collection(setup, bill_key="0925", biller_id=OTHER_BILLER)
    assert isinstance(await setup.collections.open(other_biller), CollectionOpened)


async def test_a_bill_is_free_again_once_its_payment_came_to_nothing(setup: CollectionsSetup) -> None:
    cancelled = await open_page(setup, new_collection(setup, bill_key="0925"))
    await setup.collections.cancel(PARTNER, cancelled.payment_id)
    refused = await fund(setup, new_collection(setup, bill_key="0925"))
    assert await deliver(setup, refused, REFUSED) is State.REFUNDING
    assert isinstance(await setup.collections.open(new_collection(setup, bill_key="0925")), CollectionOpened)


async def test_a_page_is_shown_while_it_can_be_paid(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    shown = await view(setup, held)
    assert shown.page_url == f"https://page.example/P-{held.attempt_id.hex}"
    assert shown.next_look_at is not None
    assert PAGE_ASK_SECONDS - 60 < (shown.next_look_at - setup.now()).total_seconds() <= PAGE_ASK_SECONDS
    back = await setup.collections.return_page(held.order.reference)
    assert back is not None
    assert (back.payment_id, back.connector_id, back.client_name) == (held.payment_id, "bkash", PARTNER)
    assert (back.state, back.try_state, back.total) == (State.COLLECTING, TryState.OPEN, SUMS.total)
    assert (back.return_url, back.checkout_reference) == (shown.return_url, "")
    assert await setup.collections.return_page("nothing of ours") is None
    name = f"P-{held.attempt_id.hex}"
    assert await setup.collections.reference_of("bkash", name) == held.order.reference
    assert await setup.collections.reference_of("nagad", name) is None
    await setup.pass_by(PAY_SECONDS + 1)
    assert (await view(setup, held)).page_url == ""


# ---- further tries


async def test_a_second_try_abandons_the_open_one(setup: CollectionsSetup) -> None:
    first = await open_page(setup)
    second = await open_another_page(setup, first, "nagad")
    assert (second.epoch, second.state, second.connector_id) == (1, TryState.OPEN, "nagad")
    assert (await lease_awake(setup, first)).state is TryState.ABANDONED
    shown = await view(setup, first)
    assert (shown.state, shown.connector_id) == (State.COLLECTING, "nagad")
    assert shown.page_url.endswith(second.attempt_id.hex)


async def test_no_second_try_while_the_page_of_the_first_may_be_paid_without_our_word(
    setup: CollectionsSetup,
) -> None:
    held = await open_page(setup)
    answer = await setup.collections.open_try(PARTNER, held.payment_id, new_try(), 600.0)
    assert answer == NoNewTry(State.COLLECTING)
    await setup.pass_by(601)
    answer = await setup.collections.open_try(PARTNER, held.payment_id, new_try(), 600.0)
    assert isinstance(answer, LockedTry)


async def test_no_second_try_once_money_was_asked_for(setup: CollectionsSetup) -> None:
    held = await lease_awake(setup, await open_page(setup))
    assert await setup.collections.begin_execute(held, 10.0, 60.0)
    answer = await setup.collections.open_try(PARTNER, held.payment_id, new_try(), 0.0)
    assert answer == NoNewTry(State.COLLECTING)


async def test_no_second_try_of_a_payment_that_waits_for_no_money(setup: CollectionsSetup) -> None:
    funded, over = await fund(setup), await open_page(setup)
    answer = await setup.collections.open_try(PARTNER, funded.payment_id, new_try(), 0.0)
    assert answer == NoNewTry(State.FUNDED)
    await setup.pass_by(PAY_SECONDS + 1)
    answer = await setup.collections.open_try(PARTNER, over.payment_id, new_try(), 0.0)
    assert answer == NoNewTry(State.COLLECTING)
    for partner_id, payment_id in ((PARTNER, uuid7()), ("bank2", over.payment_id)):
        assert await setup.collections.open_try(partner_id, payment_id, new_try(), 0.0) == NoNewTry(None)


async def test_an_order_for_the_nth_try_begins_one(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    answers = [
        await setup.collections.open_try(PARTNER, held.payment_id, new_try(nth=2), 0.0) for _ in range(2)
    ]
    assert isinstance(answers[0], LockedTry)
    assert answers[1] == NoNewTry(State.COLLECTING)


async def test_a_bill_has_one_price_whatever_pays_it(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    charges = Charges(Money(2_100), Money(500), Money(75))
    priced = new_try(charges=charges)
    assert await setup.collections.open_try(PARTNER, held.payment_id, priced, 0.0) == NoNewTry(
        State.COLLECTING
    )


# ---- leases


async def test_a_try_is_held_once_and_again_under_a_new_epoch(setup: CollectionsSetup) -> None:
    held = await open_payment(setup)
    assert await setup.collections.lease_try(held.order.reference, HOLD_SECONDS) is None
    await setup.pass_by(HOLD_SECONDS + 1)
    again = await lease(setup, held)
    assert (again.attempt_id, again.epoch) == (held.attempt_id, held.epoch + 1)
    assert await setup.collections.lease_try(held.order.reference, HOLD_SECONDS) is None
    assert await setup.collections.lease_try("nothing of ours", HOLD_SECONDS) is None
    assert await setup.collections.lease_due_tries(10, HOLD_SECONDS, per_far_side=10) == []


async def test_the_longest_due_try_is_leased_first(setup: CollectionsSetup) -> None:
    first, second = await open_payment(setup), await open_payment(setup)
    await record(setup, second, page("second"))
    await setup.pass_by(10)
    await record(setup, first, page("first"))
    await setup.pass_by(PAGE_ASK_SECONDS + 1)
    leased = [
        (await setup.collections.lease_due_tries(1, HOLD_SECONDS, per_far_side=10))[0] for _ in range(2)
    ]
    assert [each.attempt_id for each in leased] == [second.attempt_id, first.attempt_id]
    assert await setup.collections.lease_due_tries(1, HOLD_SECONDS, per_far_side=10) == []


async def test_no_connector_takes_more_than_its_share_of_a_round(setup: CollectionsSetup) -> None:
    for connector_id in ("bkash", "bkash", "bkash", "nagad"):
        await open_page(setup, new_collection(setup, first=new_try(connector_id)))
    await setup.pass_by(PAGE_ASK_SECONDS + 1)
    first = await setup.collections.lease_due_tries(10, HOLD_SECONDS, per_far_side=2)
    second = await setup.collections.lease_due_tries(10, HOLD_SECONDS, per_far_side=9, passing_over=["bkash"])
    third = await setup.collections.lease_due_tries(10, HOLD_SECONDS, per_far_side=9)
    assert sorted(each.connector_id for each in first) == ["bkash", "bkash", "nagad"]
    assert (second, [each.connector_id for each in third]) == ([], ["bkash"])


async def test_an_opened_payment_that_nobody_recorded_is_asked_about_again(setup: CollectionsSetup) -> None:
    held = await open_payment(setup)
    await setup.pass_by(HOLD_SECONDS + 1)
    (again,) = await setup.collections.lease_due_tries(10, HOLD_SECONDS, per_far_side=10)
    assert again.epoch == held.epoch + 1
    assert await setup.collections.record(held, agreed(held)) is None


# ---- asking for the money


async def test_asking_for_the_money_is_durable_and_holds_the_try(setup: CollectionsSetup) -> None:
    held = await lease_awake(setup, await open_page(setup))
    assert await setup.collections.begin_execute(held, 10.0, 60.0)
    assert await setup.collections.lease_try(held.order.reference, HOLD_SECONDS) is None
    assert (await view(setup, held)).page_url == ""
    await setup.pass_by(61)
    again = await lease(setup, held)
    assert (again.executes_begun, again.order.executes_begun) == (1, 1)
    assert 51 <= (again.now - again.send_until).total_seconds() < 75


async def test_nothing_is_asked_for_under_an_old_epoch(setup: CollectionsSetup) -> None:
    stale = await lease_awake(setup, await open_page(setup))
    await setup.pass_by(HOLD_SECONDS + 1)
    current = await lease(setup, stale)
    assert not await setup.collections.begin_execute(stale, 10.0, 60.0)
    assert await setup.collections.begin_execute(current, 10.0, 60.0)


async def test_nothing_is_asked_for_under_an_abandoned_try_or_a_dead_quote(setup: CollectionsSetup) -> None:
    first = await open_page(setup)
    second = await open_another_page(setup, first)
    assert not await setup.collections.begin_execute(await lease_awake(setup, first), 10.0, 60.0)
    await setup.pass_by(PAY_SECONDS + 1)
    assert not await setup.collections.begin_execute(await lease(setup, second), 10.0, 60.0)


# ---- ends without money


async def test_a_payment_between_tries_expires_with_its_quote(setup: CollectionsSetup) -> None:
    held, waiting = await open_payment(setup), await open_page(setup)
    await record(setup, held, replace(NEVER_PAID, end=TryEnd.UNREACHED))
    assert await setup.collections.expire_due(10) == 0
    await setup.pass_by(PAY_SECONDS + 1)

    assert await setup.collections.expire_due(10) == 1
    assert await setup.collections.expire_due(10) == 0

    shown = await view(setup, held)
    assert (shown.state, shown.refusal) == (State.EXPIRED, Refusal.QUOTE_EXPIRED)
    assert shown.next_look_at is None
    assert await setup.notices(held.payment_id) == ["expired"]
    assert (await view(setup, waiting)).state is State.COLLECTING


async def test_no_more_payments_expire_at_once_than_asked_for(setup: CollectionsSetup) -> None:
    for _ in range(3):
        await record(setup, await open_payment(setup), NEVER_PAID)
    await setup.pass_by(PAY_SECONDS + 1)
    assert [await setup.collections.expire_due(2) for _ in range(3)] == [2, 1, 0]


async def test_a_payment_is_cancelled_before_its_money_was_asked_for(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    for _ in range(2):
        assert await setup.collections.cancel(PARTNER, held.payment_id) is None
    shown = await view(setup, held)
    assert (shown.state, shown.refusal, shown.page_url) == (State.DECLINED, Refusal.CANCELLED, "")
    assert shown.facts == {"refusal": "cancelled"}
    assert await setup.notices(held.payment_id) == ["cancelled"]


async def test_a_payment_between_tries_is_cancelled(setup: CollectionsSetup) -> None:
    held = await open_payment(setup)
    await record(setup, held, NEVER_PAID)
    assert await setup.collections.cancel(PARTNER, held.payment_id) is None
    assert (await view(setup, held)).state is State.DECLINED


async def test_cancelling_takes_the_try_from_its_holder(setup: CollectionsSetup) -> None:
    held = await lease_awake(setup, await open_page(setup))
    assert await setup.collections.cancel(PARTNER, held.payment_id) is None
    assert not await setup.collections.begin_execute(held, 10.0, 60.0)
    assert await setup.collections.record(held, NEVER_PAID) is None


async def test_a_payment_whose_page_or_money_is_being_asked_for_is_not_cancelled(
    setup: CollectionsSetup,
) -> None:
    opening, executing, funded = await open_payment(setup), await open_page(setup), await fund(setup)
    assert await setup.collections.begin_execute(await lease_awake(setup, executing), 10.0, 60.0)
    answers = [
        await setup.collections.cancel(PARTNER, each.payment_id) for each in (opening, executing, funded)
    ]
    assert answers == [NoNewTry(State.COLLECTING), NoNewTry(State.COLLECTING), NoNewTry(State.FUNDED)]
    for partner_id, payment_id in ((PARTNER, uuid7()), ("bank2", opening.payment_id)):
        assert await setup.collections.cancel(partner_id, payment_id) == NoNewTry(None)


async def test_a_cancelled_payment_in_review_is_not_cancelled_again(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await setup.collections.cancel(PARTNER, held.payment_id)
    await collect(setup, held, amount=Money(100))
    assert await setup.collections.cancel(PARTNER, held.payment_id) == NoNewTry(State.IN_REVIEW)
