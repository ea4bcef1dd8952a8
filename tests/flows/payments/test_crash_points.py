"""The process dies at each reach for the outside; the resolver runs; nothing is lost and nothing doubled."""

import contextlib

import pytest

from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.outcome import Declined, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.payments.pay_bill import PaymentAnswer, pay_bill
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.ports.world import LeasedPayment
from tests.factories import PREFUND, TAKEN, TOTAL, a_world, an_order
from tests.fakes.billers import APPROVES, LOSES_ANSWER, LOSES_ORDER, Deed
from tests.fakes.crash_points import CrashError
from tests.fakes.payments import books_balance
from tests.fakes.world import SmallWorld

START = 1_000_000
PAYING = [f"{side} {step}" for step in ("claim", "pay", "record") for side in ("before", "after")]
STEPS_OF_RESOLVING = {
    "loses the answer": ("lease_due", "budget", "inquire", "record"),
    "loses the order": ("lease_due", "budget", "inquire", "postpone", "begin_send", "pay", "record"),
}
RESOLVING = [
    (deed, f"{side} {step}")
    for deed, steps in STEPS_OF_RESOLVING.items()
    for step in steps
    for side in ("before", "after")
]
DEEDS = {
    "approves": APPROVES,
    "declines": Deed(Declined("blocked")),
    "is not reached": Deed(Unreached("refused")),
    "loses the answer": LOSES_ANSWER,
    "loses the order": LOSES_ORDER,
}


async def run_resolver(small: SmallWorld, rounds: int = 12) -> None:
    """A new process that looks every ten minutes; it may be killed as well, and comes back."""
    for _ in range(rounds):
        small.clock.pass_by(600)
        try:
            for leased in await small.books.lease_due(16, 60.0):
                await resolve_in_doubt(leased, small.world)
        except CrashError:
            continue


def assert_nothing_is_lost_or_doubled(small: SmallWorld) -> None:
    """Each payment ended, and the biller holds exactly those that we call completed."""
    payments = list(small.books.payments.values())
    assert {payment.state for payment in payments} <= {State.COMPLETED, State.REFUNDED}
    completed = [p for p in payments if p.state is State.COMPLETED]
    assert sorted(small.biller.book) == sorted(p.claim.attempt_reference for p in completed)
    assert small.books.balance(PREFUND) == START - TAKEN * len(completed)
    assert small.books.balance("payable:desco_postpaid") == TOTAL * len(completed)
    assert small.books.balance(IN_FLIGHT) == 0
    assert books_balance(small.books)
    assert small.alarms.raised == []


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("point", PAYING)
async def test_a_crash_while_paying_ends_in_one_payment_or_none(point: str, deed: str) -> None:
    small = a_world()
    small.biller.deeds.append(DEEDS[deed])
    small.steps.crash_at = point
    with pytest.raises(CrashError):
        await pay_bill(an_order(), small.world)
    await run_resolver(small)
    assert_nothing_is_lost_or_doubled(small)
    assert len(small.books.payments) == (0 if point == "before claim" else 1)


@pytest.mark.parametrize(("deed", "point"), RESOLVING)
async def test_a_crash_while_resolving_ends_in_one_payment_or_none(deed: str, point: str) -> None:
    small = a_world()
    small.biller.deeds.append(DEEDS[deed])
    await pay_bill(an_order(), small.world)
    small.steps.crash_at = point
    small.clock.pass_by(90)
    with contextlib.suppress(CrashError):
        await resolve_all(small)
    await run_resolver(small)
    assert small.steps.crash_at == "", "the point was never reached"
    assert_nothing_is_lost_or_doubled(small)


@pytest.mark.parametrize("point", ["after begin_send", "before pay", "after pay", "before record"])
async def test_a_crash_around_the_second_send_doubles_nothing(point: str) -> None:
    small = a_world()
    small.biller.deeds.append(LOSES_ORDER)
    await pay_bill(an_order(), small.world)
    small.clock.pass_by(200)
    small.steps.crash_at = point
    with pytest.raises(CrashError):
        await resolve_all(small)
    assert small.steps.crash_at == ""
    await run_resolver(small)
    assert_nothing_is_lost_or_doubled(small)
    assert len(small.biller.book) <= 1


async def resolve_all(small: SmallWorld) -> list[LeasedPayment]:
    due = list(await small.books.lease_due(16, 60.0))
    for leased in due:
        await resolve_in_doubt(leased, small.world)
    return due


@pytest.mark.parametrize("point", PAYING)
async def test_the_partner_that_repeats_after_a_crash_gets_the_one_payment(point: str) -> None:
    small = a_world()
    small.steps.crash_at = point
    with pytest.raises(CrashError):
        await pay_bill(an_order(), small.world)
    await run_resolver(small)
    answer = await pay_bill(an_order(), small.world)
    assert isinstance(answer, PaymentAnswer)
    # Two hours on the quote is too old to be sent again, so a payment that never left was given back.
    expected = {State.COMPLETED, State.REFUNDED, State.DECLINED}
    assert answer.state in expected
    assert len(small.books.payments) == 1
    assert len(small.biller.book) == (1 if answer.state is State.COMPLETED else 0)
    assert books_balance(small.books)
