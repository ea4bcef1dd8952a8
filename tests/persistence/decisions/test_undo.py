"""What a biller is called to undo: reversed once it has, reviewed again if it does not, never done twice."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.after_give_back import plan_not_undone, plan_undone
from ekpay_switch.domain.payments.delivery import DeliveryPlan, Recorded, Recording
from ekpay_switch.persistence.decisions.desk import NoCaseError
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.ports.decisions import ProposalView
from ekpay_switch.ports.world import LeasedPayment
from tests.persistence.books import SEALER
from tests.persistence.collections.collection_setup import Till
from tests.persistence.decisions.decision_setup import LONG_AGO, Desk, open_desk
from tests.persistence.refunds.refund_setup import open_office

SUSPENSE = "suspense:desco_postpaid"


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    """A desk whose books are proven once the test is through."""
    async with open_office(till) as office, open_desk(office) as desk:
        yield desk
        assert await till.books.audit() is None


@pytest.fixture
async def store(desk: Desk) -> AsyncIterator[PostgresPayments]:
    engine = desk.books.database.engine()
    yield PostgresPayments(engine, desk.books.group_commit, 16, SEALER)
    await engine.dispose()


async def _wanted(desk: Desk, store: PostgresPayments) -> tuple[ProposalView, LeasedPayment]:
    """A late success of which two persons have decided that its biller is called, leased for that."""
    decided = await desk.decide(await desk.late_success(), DecisionAction.UNDO)
    assert await desk.books.audit() is None
    (leased,) = await store.lease_due(10, 30)
    assert leased.undo_wanted == str(decided.id)
    return decided, leased


def _undone(leased: LeasedPayment) -> DeliveryPlan:
    return plan_undone(leased.delivery, leased.undo_wanted, {})


async def test_it_is_reversed_once_however_often_it_is_recorded(desk: Desk, store: PostgresPayments) -> None:
    decided, leased = await _wanted(desk, store)
    with pytest.raises(NoCaseError):
        await desk.desk.show(leased.delivery.payment_id)

    answers = [await store.record(Recording(leased.delivery, _undone(leased))) for _ in range(2)]

    assert [answer.state for answer in answers] == [State.REFUNDED, State.REFUNDED]
    assert isinstance(answers[0], Recorded)
    assert answers[0].facts == {"undone_by_decision": str(decided.id)}
    entries = await desk.office.entries(leased.delivery.payment_id)
    assert entries.count("posted_after_give_back_reversed") == 1
    assert (await desk.balances()).get(SUSPENSE, 0) == 0
    assert await store.lease_due(10, 30) == []


async def test_after_a_crash_the_next_holder_calls_again_and_the_first_answer_is_evidence(
    desk: Desk, store: PostgresPayments
) -> None:
    _, first = await _wanted(desk, store)
    await desk.books.tell("UPDATE payments SET lease_until = now() - interval '1 second'")
    (second,) = await store.lease_due(10, 30)
    assert second.undo_wanted == first.undo_wanted

    await store.record(Recording(second.delivery, _undone(second)))
    await store.record(Recording(first.delivery, _undone(first)))

    entries = await desk.office.entries(first.delivery.payment_id)
    assert entries.count("posted_after_give_back_reversed") == 1


async def test_what_is_not_undone_waits_for_two_persons_again(desk: Desk, store: PostgresPayments) -> None:
    _, leased = await _wanted(desk, store)
    payment_id = leased.delivery.payment_id

    await store.record(Recording(leased.delivery, plan_not_undone("not_open")))

    assert await desk.books.state_of(payment_id) == State.IN_REVIEW
    assert "late_success" in await desk.open_alarms()
    view = await desk.desk.show(payment_id)
    actions = [option.action for option in view.options]
    assert {DecisionAction.UNDO, DecisionAction.WRITE_OFF} <= set(actions)
    assert await _facts(desk, payment_id) == '{"not_undone": "not_open"}'
    await desk.decide(payment_id, DecisionAction.WRITE_OFF)


async def test_another_decision_ends_what_was_wanted(desk: Desk, store: PostgresPayments) -> None:
    """Contrary evidence overtakes the call: what two persons decide then is not undone behind their backs."""
    _, leased = await _wanted(desk, store)
    payment_id = leased.delivery.payment_id
    await desk.books.tell(
        "UPDATE payments SET state = 'in_review', steps = steps + 1, lease_until = NULL WHERE id = $1",
        payment_id,
    )
    await desk.books.tell(
        "INSERT INTO history (payment_id, seq, from_state, event, to_state, actor, facts) "
        "SELECT id, steps, 'refunded', 'contrary_evidence', 'in_review', 'test', '{}' FROM payments "
        "WHERE id = $1",
        payment_id,
    )
    await desk.decide(payment_id, DecisionAction.WRITE_OFF)
    assert "undo_wanted" not in await _facts(desk, payment_id)


async def test_what_two_persons_decide_meanwhile_is_not_undone_as_well(
    desk: Desk, store: PostgresPayments
) -> None:
    """The biller answers the call after all, and its booking is reversed once."""
    _, leased = await _wanted(desk, store)
    payment_id = leased.delivery.payment_id
    await desk.books.tell(LONG_AGO["payments"], payment_id)
    await desk.upkeep.sweep()
    assert await desk.open_alarms() == ["delivery_stuck"]
    await desk.decide(payment_id, DecisionAction.BILLER_RETURNED)
    assert await desk.open_alarms() == []

    await store.record(Recording(leased.delivery, _undone(leased)))

    assert "undo_wanted" not in await _facts(desk, payment_id)
    assert (await desk.balances()).get(SUSPENSE, 0) == 0
    assert await desk.books.state_of(payment_id) == State.REFUNDED


async def _facts(desk: Desk, payment_id: UUID) -> str:
    return str(await desk.books.value("SELECT facts::text FROM payments WHERE id = $1", payment_id))
