"""The process dies at each reach for the outside while it collects; nothing is lost and nothing doubled."""

import pytest

from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.payment import FINAL, State
from ekpay_switch.flows.collections.collect import CollectionAnswer, collect
from tests.factories import TOTAL
from tests.fakes.billers import Deed
from tests.fakes.connectors import LOST, LOST_ORDER, Move
from tests.fakes.crash_points import CrashError
from tests.scenarios.collections import (
    COLLECTED,
    KEPT,
    RECEIVABLE,
    REFUND_DUE,
    Payer,
    a_collect_order,
    assert_accounted,
)
from tests.scenarios.job_rounds import collect_due, resolve_due

SIDES = ("before", "after")
OPENING = ("by_reference", "fetch", "open", "create", "record_try")
COLLECTING = ("keep_callback", "lease_try", "begin_execute", "execute", "record_try")
CHORES = ("expire_due", "open_give_backs", "lease_due_tries", "funded_due")
DELIVERING = ("start_delivery", "pay", "record")
GIVING_BACK = ("open_give_backs", "lease_due_refunds", "budget", "begin_refund", "refund", "record_refund")
MOVES = {"answers": None, "loses the answer": LOST, "loses the order": LOST_ORDER}


def points(steps: tuple[str, ...]) -> list[str]:
    return [f"{side} {step}" for step in steps for side in SIDES]


async def a_new_process(payer: Payer, *, rounds: int = 40) -> None:
    """The jobs look again and again; they may be killed as well, and come back."""
    for _ in range(rounds):
        payer.small.clock.pass_by(100)
        try:
            await collect_due(payer.small.world)
            await resolve_due(payer.small.world, 45.0)
        except CrashError:
            continue


async def crash_at(payer: Payer, point: str) -> None:
    """The payer agrees and comes back; its browser comes again if there was no answer."""
    payer.agree()
    payer.small.steps.crash_at = point
    for _ in range(2):
        try:
            await payer.come_back()
        except CrashError:
            continue


def assert_paid_once(payer: Payer) -> None:
    assert payer.state is State.COMPLETED
    assert_accounted(payer)
    assert list(payer.small.biller.book.values()) == [TOTAL]
    assert payer.small.connector.taken() == COLLECTED
    assert payer.balance(RECEIVABLE) == COLLECTED - KEPT
    assert payer.balance(IN_FLIGHT) == 0
    assert payer.alarms() == []


@pytest.mark.parametrize("point", points(OPENING))
async def test_a_crash_while_opening_leaves_a_payment_that_can_be_paid_or_none(point: str) -> None:
    payer = Payer()
    payer.small.steps.crash_at = point
    with pytest.raises(CrashError):
        await payer.order()
    payer.small.clock.pass_by(60)
    await collect_due(payer.small.world)
    repeated = await collect(a_collect_order(), payer.small.world)
    assert isinstance(repeated, CollectionAnswer)
    payer.payment_id = repeated.view.payment_id
    if not repeated.view.page_url:
        await payer.another_page()
    await payer.pay()
    assert_paid_once(payer)


@pytest.mark.parametrize("answer", MOVES)
@pytest.mark.parametrize("point", points((*COLLECTING, *CHORES, *DELIVERING)))
async def test_a_crash_while_collecting_ends_in_one_payment(point: str, answer: str) -> None:
    payer = Payer()
    await payer.order()
    move = MOVES[answer]
    if move is not None:
        payer.small.connector.executes.append(move)
    await crash_at(payer, point)
    await a_new_process(payer)
    assert_paid_once(payer)


@pytest.mark.parametrize("answer", [*MOVES, "refuses"])
@pytest.mark.parametrize("point", points(GIVING_BACK))
async def test_a_crash_while_giving_back_gives_everything_back_once(point: str, answer: str) -> None:
    payer = Payer()
    await payer.order()
    payer.small.biller.deeds.append(Deed(Declined("blocked")))
    move = Move(Declined("refused")) if answer == "refuses" else MOVES[answer]
    if move is not None:
        payer.small.connector.refunds.append(move)
    await payer.pay()
    payer.small.steps.crash_at = point
    await a_new_process(payer)
    assert_accounted(payer)
    assert payer.small.biller.book == {}
    has_refused = payer.small.connector.given_back() == 0
    assert payer.state in FINAL or has_refused
    assert payer.small.connector.given_back() in {0, COLLECTED}
    assert payer.balance(REFUND_DUE) == COLLECTED - payer.small.connector.given_back()
    # Whoever died before saying it has left the refund where finance looks for what is to be paid by hand.
    assert payer.alarms() in ([], ["refund_needs_a_person"] * has_refused)
