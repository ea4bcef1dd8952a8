"""What a decision leaves behind: alarms of other cases, what a biller is asked next, and used receipts."""

from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import pytest

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import BillerTraits
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.after_give_back import KnownHolding
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.collections.file_evidence import FileEvidenceStore
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.persistence.refunds.staff_actions import ReferenceTakenError
from ekpay_switch.ports.decisions import ProposalState
from ekpay_switch.ports.finance import FileAnswer, FileSays, LineEvent, LineRole
from tests.persistence.books import SEALER
from tests.persistence.collections.collection_setup import Till
from tests.persistence.decisions.decision_setup import APPROVES, UNDOING, Desk, Scene, open_desk
from tests.persistence.refunds.refund_setup import open_office

# What waits, the decision that ends it as refunded, and what its biller is known to hold then.
HOLDINGS: tuple[tuple[Scene, DecisionAction, str], ...] = (
    (Desk.late_success, DecisionAction.BILLER_RETURNED, KnownHolding.WHOLE),
    (Desk.late_success, DecisionAction.WRITE_OFF, KnownHolding.WHOLE),
    (Desk.late_echo, DecisionAction.BILLER_RETURNED, KnownHolding.WHOLE),
    (Desk.late_echo, DecisionAction.WRITE_OFF, KnownHolding.WHOLE),
    (Desk.half_done, DecisionAction.CLOSE, KnownHolding.HALF),
    # It is called first, and what it says is news; so it is where two persons say that it holds nothing.
    (Desk.late_success, DecisionAction.UNDO, ""),
    (Desk.other_amount, DecisionAction.GIVE_BACK, ""),
    (Desk.stuck_delivery, DecisionAction.GIVE_BACK, ""),
)


@pytest.fixture
def traits() -> BillerTraits:
    return UNDOING


@pytest.fixture
async def desk(till: Till, traits: BillerTraits) -> AsyncIterator[Desk]:
    """A desk whose books are proven once the test is through."""
    async with open_office(till) as office, open_desk(office, traits) as desk:
        yield desk
        assert await till.books.audit() is None


@pytest.fixture
async def store(desk: Desk) -> AsyncIterator[PostgresPayments]:
    engine = desk.books.database.engine()
    yield PostgresPayments(engine, desk.books.group_commit, 16, SEALER)
    await engine.dispose()


@pytest.mark.parametrize(
    ("scene", "action", "known"),
    HOLDINGS,
    ids=[f"{scene.__name__}-{action}" for scene, action, _ in HOLDINGS],
)
async def test_whoever_asks_next_knows_what_was_decided(
    desk: Desk, store: PostgresPayments, scene: Scene, action: DecisionAction, known: str
) -> None:
    payment_id = await scene(desk)

    await desk.decide(payment_id, action)

    assert await desk.books.state_of(payment_id) == State.REFUNDED
    (leased,) = await store.lease_due(10, 30)
    assert (leased.delivery.payment_id, leased.known_to_hold) == (payment_id, known)


# ---- alarms


@pytest.mark.parametrize("alarm", [Alarm.LATE_APPROVAL, Alarm.FILE_NEEDS_A_PERSON])
async def test_a_decision_ends_the_alarms_of_its_case_and_no_other(desk: Desk, alarm: Alarm) -> None:
    payment_id = await desk.stuck_delivery()
    connection = await desk.books.database.connect()
    try:
        await raise_alarms(connection, [RaisedAlarm.of_payment(alarm, payment_id)])
    finally:
        await connection.close()

    await desk.decide(payment_id, DecisionAction.GIVE_BACK)

    assert await desk.open_alarms() == ([alarm] if alarm is Alarm.LATE_APPROVAL else [])


# ---- news


async def test_what_a_file_says_since_is_news_to_a_decision(desk: Desk) -> None:
    payment_id = await desk.stuck_delivery()
    proposed = await desk.propose(payment_id, DecisionAction.GIVE_BACK)
    await _named_by_file(desk, payment_id)

    view = await desk.desk.approve(proposed.id, proposed.code, APPROVES)

    assert view.state is ProposalState.LAPSED
    assert view.end_reason == "the case has changed since it was proposed"
    assert await desk.books.state_of(payment_id) == State.DELIVERING


async def _named_by_file(desk: Desk, payment_id: UUID) -> None:
    attempt_id = await desk.books.value(
        "SELECT id FROM attempts WHERE payment_id = $1 AND leg = 'delivery'", payment_id
    )
    answer = FileAnswer(
        payment_id=payment_id,
        movement=attempt_id,
        role=LineRole.BILLER,
        event=LineEvent.PAYMENT,
        says=FileSays.SUCCESS,
        night=date(2026, 3, 2),
        file="desco.csv",
        ordinal=1,
        their_reference="D-1",
        amount=5_000,
    )
    connection = await desk.books.database.connect()
    try:
        async with connection.transaction():
            await FileEvidenceStore().tell(connection, [answer])
    finally:
        await connection.close()


# ---- receipts


@pytest.mark.parametrize("traits", [BillerTraits(receipt_comes_later=True)])
async def test_an_accepted_payment_is_asked_for_its_final_receipt_at_once(
    desk: Desk, store: PostgresPayments
) -> None:
    payment_id = await desk.stuck_delivery()
    await desk.decide(payment_id, DecisionAction.ACCEPT)
    (leased,) = await store.lease_due(10, 30)
    assert (leased.delivery.payment_id, leased.state) == (payment_id, State.COMPLETED)


async def test_an_accepted_payment_without_a_later_receipt_is_asked_nothing(
    desk: Desk, store: PostgresPayments
) -> None:
    await desk.decide(await desk.stuck_delivery(), DecisionAction.ACCEPT)
    assert await store.lease_due(10, 30) == []


@pytest.mark.parametrize("traits", [BillerTraits(has_unique_receipt=True)])
async def test_an_accepted_receipt_buys_one_service(desk: Desk) -> None:
    """Both decisions name the receipt DOC-1."""
    await desk.decide(await desk.stuck_delivery(), DecisionAction.ACCEPT)
    other = await desk.other_amount()
    proposed = await desk.propose(other, DecisionAction.ACCEPT)
    before = await desk.balances(), await desk.office.entries(other), await desk.open_alarms()

    with pytest.raises(ReferenceTakenError, match="reference: another payment has this receipt"):
        await desk.desk.approve(proposed.id, proposed.code, APPROVES)

    assert (await desk.balances(), await desk.office.entries(other), await desk.open_alarms()) == before
    assert await desk.books.state_of(other) == State.IN_REVIEW
    view = await desk.desk.find(proposed.id)
    assert view is not None
    assert view.state is ProposalState.WAITING
