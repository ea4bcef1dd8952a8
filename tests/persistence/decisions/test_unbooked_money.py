"""Money that a connector tells and no account has stays alarmed until it is booked, or two persons decide."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.domain.collections.funding import LockedTry, MoneyCollected
from ekpay_switch.domain.collections.further_movements import HELD_OR_UNCONFIRMED, UnbookedMovement
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import CaseKind, PaymentCase
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.decisions.desk import NoCaseError
from ekpay_switch.ports.collections import TryRecorded
from ekpay_switch.ports.decisions import ProposalState
from tests.persistence.collections.collection_setup import KEPT_BASIS_POINTS, TAKEN, Till, agreed
from tests.persistence.decisions.decision_setup import APPROVES, Desk, open_desk
from tests.persistence.refunds.refund_setup import open_office

DOLLARS = Money(1_000, "USD")
WHOLE = Money(TAKEN)


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    """A desk whose books are proven once the test is through."""
    async with open_office(till) as office, open_desk(office) as desk:
        yield desk
        assert await till.books.audit() is None


def told(held: LockedTry, name: str = "TRX2", amount: Money = WHOLE) -> Collected:
    return Collected(held.order.reference, amount, name, {"risk_level": "1"})


def holds(held: LockedTry, name: str, unproven: tuple[Collected, ...] = ()) -> MoneyHeld:
    money = replace(told(held, name), unproven=unproven)
    return MoneyHeld(money, KEPT_BASIS_POINTS, 3_600.0, "held for its risk")


async def tells_again(
    desk: Desk,
    held: LockedTry,
    name: str = "TRX1",
    **changes: Any,  # noqa: ANN401 - fields of Collected
) -> TryRecorded:
    """The connector answers once more about a try that has collected."""
    again = await desk.office.till.leased(held)
    return await desk.office.till.record(again, agreed(again, name, **changes))


async def alarms_after_a_sweep(desk: Desk) -> list[str]:
    await desk.upkeep.sweep()
    return await desk.open_alarms()


async def funded(desk: Desk, *unproven: Collected) -> LockedTry:
    """A payment whose connector tells these beside the money that funded it."""
    held = await desk.office.till.leased(await desk.office.till.on_page())
    await desk.office.till.record(held, agreed(held, unproven=unproven))
    return held


async def test_money_that_is_held_beside_a_collection_is_alarmed_until_two_persons_decide(
    desk: Desk,
) -> None:
    payment_id = await desk.unbooked_money()
    for _ in range(2):
        assert await alarms_after_a_sweep(desk) == [Alarm.PAID_TWICE]

    case = (await desk.desk.show(payment_id)).case

    assert isinstance(case, PaymentCase)
    assert (case.kind, case.in_suspense) == (CaseKind.UNBOOKED_MONEY, 0)
    assert case.unbooked == (UnbookedMovement("TRX2", Money(TAKEN), HELD_OR_UNCONFIRMED),)
    await desk.decide(payment_id, DecisionAction.CLOSE)
    assert await alarms_after_a_sweep(desk) == []
    with pytest.raises(NoCaseError):
        await desk.desk.show(payment_id)


async def test_what_was_decided_stays_so_until_it_is_told_otherwise(desk: Desk) -> None:
    held = await funded(desk)
    unproven: dict[str, Any] = {"unproven": (told(held),)}
    assert await tells_again(desk, held, **unproven) == TryRecorded(State.FUNDED, None, Alarm.PAID_TWICE)
    await desk.decide(held.payment_id, DecisionAction.CLOSE)
    assert await tells_again(desk, held, **unproven) == TryRecorded(State.FUNDED)
    assert await alarms_after_a_sweep(desk) == []
    dearer: dict[str, Any] = {"unproven": (told(held, amount=Money(TAKEN + 1)),)}
    assert await tells_again(desk, held, **dearer) == TryRecorded(State.FUNDED, None, Alarm.PAID_TWICE)
    assert await alarms_after_a_sweep(desk) == [Alarm.PAID_TWICE]


async def test_money_that_is_released_after_all_is_booked_and_no_longer_decided(desk: Desk) -> None:
    held = await funded(desk)
    await tells_again(desk, held, unproven=(told(held),))
    proposed = await desk.propose(held.payment_id, DecisionAction.CLOSE)
    await tells_again(desk, held, further=(told(held),))
    decided = await desk.desk.approve(proposed.id, proposed.code, APPROVES)
    assert decided.state is ProposalState.LAPSED
    assert (await desk.balances())["refund_due:bkash"] == -TAKEN
    # Until finance has paid it.
    assert Alarm.PAID_TWICE in await alarms_after_a_sweep(desk)


async def test_money_that_is_held_after_the_collection_is_alarmed(desk: Desk) -> None:
    held = await funded(desk)
    again = await desk.office.till.leased(held)
    recorded = await desk.office.till.record(again, holds(again, "TRX2"))
    assert recorded == TryRecorded(State.FUNDED, None, Alarm.PAID_TWICE)
    assert (await desk.office.till.row(held))["held_at"] is None
    assert await alarms_after_a_sweep(desk) == [Alarm.PAID_TWICE]
    # The same movement as the collected one is no other.
    again = await desk.office.till.leased(held)
    assert await desk.office.till.record(again, holds(again, "TRX1")) == TryRecorded(State.FUNDED)


@pytest.mark.parametrize("action", [DecisionAction.TAKE_HELD, DecisionAction.REFUSE_HELD])
async def test_what_is_held_beside_held_money_outlives_its_decision(
    desk: Desk, action: DecisionAction
) -> None:
    held = await desk.office.till.leased(await desk.office.till.on_page())
    await desk.office.till.record(held, holds(held, "TRX1", (told(held),)))
    assert await alarms_after_a_sweep(desk) == [Alarm.HELD_FOR_RISK, Alarm.PAID_TWICE]
    await desk.decide(held.payment_id, action)
    assert await alarms_after_a_sweep(desk) == [Alarm.PAID_TWICE]
    await desk.decide(held.payment_id, DecisionAction.CLOSE)
    assert await alarms_after_a_sweep(desk) == []


async def test_a_movement_that_is_no_taka_stays_alarmed_beside_a_collection(desk: Desk) -> None:
    held = await funded(desk)
    other = TryRecorded(State.FUNDED, Alarm.COLLECTED_MISMATCH)
    assert await tells_again(desk, held, "TRX2", amount=DOLLARS) == other
    assert await alarms_after_a_sweep(desk) == [Alarm.COLLECTED_MISMATCH]
    await desk.decide(held.payment_id, DecisionAction.CLOSE)
    assert await alarms_after_a_sweep(desk) == []


async def test_foreign_money_of_another_try_of_a_funded_payment_stays_alarmed(desk: Desk) -> None:
    """No review looks at it, since the payment goes on with the money of its other try."""
    till = desk.office.till
    first = await till.on_page()
    second = await till.leased(await till.another(first))
    await till.record(second, agreed(second, "TRX2"))
    late = await till.leased(first)
    further = (told(late, "TRX3"),)
    finding = agreed(late, "TRX1", amount=DOLLARS, further=further)
    assert await till.record(late, finding) == TryRecorded(
        State.FUNDED, Alarm.COLLECTED_MISMATCH, Alarm.PAID_TWICE
    )
    assert await alarms_after_a_sweep(desk) == [Alarm.COLLECTED_MISMATCH, Alarm.PAID_TWICE]
    case = (await desk.desk.show(first.payment_id)).case
    assert isinstance(case, PaymentCase)
    assert [other.provider_transaction for other in case.unbooked] == ["TRX1", "TRX3"]
    assert (await till.row(first))["collected"] is None


async def test_what_a_late_answer_tells_is_alarmed_by_the_sweep(desk: Desk) -> None:
    till = desk.office.till
    held = await funded(desk)
    late = await till.leased(held)
    await till.leased(held)
    finding: MoneyCollected = agreed(late, unproven=(told(late),))
    assert await till.collections.record(late, finding) is None
    assert await desk.open_alarms() == []
    assert await alarms_after_a_sweep(desk) == [Alarm.PAID_TWICE]


async def test_the_audit_finds_money_that_one_person_took_off_the_list(desk: Desk) -> None:
    payment_id = await desk.unbooked_money()
    proposed = await desk.propose(payment_id, DecisionAction.CLOSE)
    await desk.books.tell("UPDATE unbooked_movements SET decision_id = $1", proposed.id)
    finding = await desk.books.audit()
    assert finding is not None
    assert "no approved decision" in finding.why
    await desk.books.tell("UPDATE unbooked_movements SET decision_id = NULL")
