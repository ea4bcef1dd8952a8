"""Deposits, and receipts that come later."""

from dataclasses import replace
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.outcome import Approved, InDoubt, NoAnswer, NotFound, Posted
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.flows.payments.pay_bill import pay_bill
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from tests.factories import TAKEN, TOTAL, a_world, an_order
from tests.fakes.billers import PROFILE, Deed
from tests.fakes.world import SmallWorld

INTERIM, FINAL = {"receipt": "INT-1"}, {"receipt": "INT-1", "final_receipt": "DAK-9"}


async def paid(deed: Deed, **profile: object) -> SmallWorld:
    small = a_world()
    small.biller.profile = replace(PROFILE, **profile)  # type: ignore[arg-type]
    small.biller.deeds.append(deed)
    await pay_bill(an_order(), small.world)
    return small


async def ask(small: SmallWorld, answer: Posted | NotFound | NoAnswer, after_seconds: float = 400) -> None:
    small.clock.pass_by(after_seconds)
    (leased,) = await small.books.lease_due(16, 60.0)
    small.biller.inquiries.append(answer)
    await resolve_in_doubt(leased, small.world)


async def test_a_prefunded_utility_takes_the_bill_off_the_deposit() -> None:
    small = await paid(Deed(Approved(), posts=True), pays_from_deposit=True)
    assert small.books.balance("biller_deposit:desco_postpaid") == -TOTAL
    assert (small.books.balance("payable:desco_postpaid"), small.books.balance(IN_FLIGHT)) == (0, 0)


async def test_a_payment_found_later_is_taken_off_the_deposit_too() -> None:
    small = await paid(Deed(InDoubt("cut off"), posts=True), pays_from_deposit=True)
    await ask(small, Posted("A1", TOTAL), 100)
    assert small.books.balance("biller_deposit:desco_postpaid") == -TOTAL


async def test_a_final_receipt_is_asked_for_until_it_is_there() -> None:
    small = await paid(Deed(Approved(INTERIM), posts=True), receipt_comes_later=True)
    assert small.books.only().state is State.COMPLETED
    await ask(small, Posted("A1", TOTAL, INTERIM), 100)
    await ask(small, NotFound())
    await ask(small, NoAnswer("cut off"), 3700)
    assert small.books.only().standing.facts == INTERIM
    await ask(small, Posted("A1", TOTAL, FINAL), 3700)
    kept = small.books.only()
    assert (kept.state, kept.standing.facts) == (State.COMPLETED, FINAL)
    assert kept.history[-1] == (State.COMPLETED, Event.RECEIPT_ISSUED, State.COMPLETED)
    assert small.books.notices[-1][1] == "receipt_issued"
    small.clock.pass_by(10_000)
    assert await small.books.lease_due(16, 60.0) == []
    assert small.books.moments(kept.claim.payment_id) == ["accepted", "delivered"]


async def test_a_receipt_that_never_comes_ends_in_an_alarm() -> None:
    small = await paid(Deed(Approved(INTERIM), posts=True), receipt_comes_later=True)
    day = 86_400
    for _ in range(13):
        await ask(small, Posted("A1", TOTAL, INTERIM), day)
    assert small.alarms.raised == []
    await ask(small, NoAnswer("cut off"), day + 60)
    kept = small.books.only()
    assert small.alarms.raised == [(Alarm.RECEIPT_MISSING, kept.claim.payment_id)]
    assert (kept.state, kept.next_action_at) == (State.COMPLETED, None)


async def test_a_final_receipt_that_comes_at_once_is_not_asked_for() -> None:
    small = await paid(Deed(Approved(FINAL), posts=True), receipt_comes_later=True)
    small.clock.pass_by(10_000)
    assert await small.books.lease_due(16, 60.0) == []


async def test_a_receipt_that_bought_another_service_alarms_and_waits_for_two_persons() -> None:
    small = a_world()
    small.books.used_receipts["INT-1"] = UUID(int=9)
    small.biller.profile = replace(PROFILE, has_unique_receipt=True)
    small.biller.deeds.append(Deed(Approved(INTERIM), posts=True))
    await pay_bill(an_order(), small.world)
    assert small.books.only().state is State.IN_REVIEW
    assert small.books.balance(IN_FLIGHT) == TAKEN
    assert small.alarms.raised == [(Alarm.RECEIPT_USED_TWICE, small.books.only().claim.payment_id)]
