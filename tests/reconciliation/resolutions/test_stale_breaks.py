"""A break whose movement the switch has booked since the night froze it; books and refunds are real."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.disputes.dispute import DisputeEvent
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.refunds.decisions import PaidAtDeskError
from ekpay_switch.ports.collections import TryRecorded
from reconciliation.resolutions.decision_records import ProposalOutcome, Resolution
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.staff_requests import break_history
from reconciliation.resolutions.stale_breaks import StaleBreakError
from reconciliation.resolutions.withdrawn_decisions import ChangedBreak, react_to_run
from reconciliation.results.event_chain import CHAIN_LOCK
from reconciliation.results.records import BreakEventKind, BreakState
from tests.persistence.collections.collection_setup import KEPT, LAPSED, TAKEN, agreed, open_till
from tests.persistence.conftest import open_books
from tests.persistence.disputes.dispute_setup import COLLECTED, open_room
from tests.persistence.refunds.refund_setup import Office, open_office
from tests.persistence.staff_rows import persons
from tests.reconciliation.resolutions.scene import CHECKER, MAKER, OTHER, Scene

MONEY = (
    ResolutionAction.TO_SUSPENSE,
    ResolutionAction.FROM_SUSPENSE_TO_REFUND,
    ResolutionAction.PAY_BACK_BY_HAND,
)
# The connector keeps its fee of the refund as well, or not: what is told is what both sides hold after it.
LATE_AND_BACK = {"receivable:bkash": -KEPT, "connector_fee:bkash": KEPT}


@pytest.fixture
async def office(place: Endpoint) -> AsyncIterator[Office]:
    """The switch's own refunds, in the database of the desk."""
    async with open_books(place) as books:
        await books.partner()
        async with open_till(books) as till, open_office(till) as office:
            yield office


async def swept_alarms(office: Office) -> list[Alarm]:
    """The open alarms about money of the switch, once the sweep has seen what waits."""
    engine = office.books.database.engine()
    try:
        await AlarmUpkeep(engine).sweep()
    finally:
        await engine.dispose()
    query = "SELECT kind FROM alarms WHERE ended_at IS NULL AND payment_id IS NOT NULL ORDER BY kind"
    return [Alarm(row["kind"]) for row in await office.books.rows(query)]


async def failed(office: Office) -> LockedTry:
    """A cancelled payment whose try ended without money, as far as we know."""
    till = office.till
    held = await till.on_page()
    await till.collections.cancel("bank1", held.payment_id)
    held = await till.leased(held)
    assert await till.record(held, LAPSED) == TryRecorded(State.DECLINED)
    return held


async def money_comes(office: Office, held: LockedTry, name: str = "TRX1") -> TryRecorded:
    """The provider says after all that it collected."""
    again = await office.till.leased(held)
    recorded = await office.till.collections.record(again, agreed(again, name))
    assert recorded is not None
    return recorded


async def switch_pays_back(office: Office, held: LockedTry) -> UUID:
    """Late money, and the switch's own refund of it, which is done; the refund's id."""
    assert (await money_comes(office, held)).alarm is Alarm.UNEXPECTED_MONEY
    (view,) = await office.refunds.of_payment("bank1", held.payment_id)
    await office.done(view.refund_id)
    return view.refund_id


async def frozen_break(
    scene: Scene, held: LockedTry, code: str = "THEY_SUCCESS_WE_FAILED", status: str = "failed"
) -> UUID:
    """A break about this try, which an early run has frozen so; what comes is in the next window."""
    night = business_date(datetime.now(UTC))
    await scene.finance.windows.close(night)
    frozen = "SELECT status FROM ledger_lines WHERE movement = $1"
    assert await scene.root.fetchval(frozen, held.attempt_id) == status
    await scene.next_run(night, scene.run.number + 1)
    told = {"movements": [str(held.attempt_id)], "net": TAKEN - KEPT}
    return await scene.found(code, reference=held.order.reference, amount=TAKEN, details=told)


async def decided(scene: Scene, break_id: UUID, actions: Sequence[ResolutionAction]) -> None:
    for action in actions:
        await scene.decided(break_id, action)


async def run_closes(scene: Scene, break_id: UUID) -> None:
    """The next night finds that both sides agree, and takes back what was decided."""
    run = await scene.next_run(business_date(datetime.now(UTC)), scene.run.number + 1)
    await scene.happens(break_id, BreakEventKind.CLOSED, BreakState.CLOSED)
    async with scene.connection.transaction():
        await scene.connection.execute(CHAIN_LOCK)
        await react_to_run(scene.connection, scene.finance, run, [ChangedBreak(break_id, BreakState.CLOSED)])


async def test_what_was_collected_just_before_the_closing_is_decided_at_once(
    scene: Scene, office: Office
) -> None:
    """Its window is the night's, so no minute has to pass; what comes after is in the next window."""
    held = await office.completed()
    break_id = await frozen_break(scene, held, "FEE_VARIANCE", "success")
    assert (await break_history(scene.finance, str(break_id))).changes == []

    after = await office.completed()
    later_id = await scene.found(
        "FEE_VARIANCE",
        reference=after.order.reference,
        amount=TAKEN,
        details={"movements": [str(after.attempt_id)]},
    )
    (change,) = (await break_history(scene.finance, str(later_id))).changes
    assert change.startswith(f"payment {after.payment_id} is completed")


async def test_break_desk_never_pays_what_the_switch_paid(scene: Scene, office: Office) -> None:
    held = await failed(office)
    break_id = await frozen_break(scene, held)
    refund_id = await switch_pays_back(office, held)

    with pytest.raises(StaleBreakError) as refused:
        await decided(scene, break_id, MONEY)

    words = str(refused.value)
    assert f"payment {held.payment_id} is declined" in words
    assert "1071.50 BDT were collected" in words
    assert f"refund {refund_id} of 1071.50 BDT is done" in words
    assert await scene.balances() == LATE_AND_BACK
    assert await scene.kinds(break_id) == ["found"]
    assert await scene.is_sound()


async def test_break_desk_moves_no_money_of_a_dispute_that_was_won_since(
    scene: Scene, office: Office
) -> None:
    async with open_room(office.till) as room:
        dispute = await room.opened(await room.completed(), COLLECTED)
        held = await room.held(dispute)
        night = business_date(datetime.now(UTC))
        await scene.finance.windows.close(night)
        await scene.next_run(night, scene.run.number + 1)
        told = {"movements": [str(held["id"])], "net": -COLLECTED}
        break_id = await scene.found("REVERSAL_PENDING", reference="CB-1", amount=COLLECTED, details=told)
        await room.decided(dispute, DisputeEvent.WON)

    with pytest.raises(StaleBreakError, match=f"refund {held['id']} of .* is returned"):
        await scene.decided(break_id, ResolutionAction.TO_SUSPENSE)
    assert await scene.is_sound()


@pytest.mark.parametrize("action", [ResolutionAction.NO_ACTION, ResolutionAction.REPOST])
async def test_what_moves_no_money_fits_a_stale_break(
    scene: Scene, office: Office, action: ResolutionAction
) -> None:
    held = await failed(office)
    break_id = await frozen_break(scene, held)
    await switch_pays_back(office, held)
    assert (await scene.decided(break_id, action)).outcome is ProposalOutcome.APPROVED


async def test_a_stale_break_says_so_where_it_is_shown(scene: Scene, office: Office) -> None:
    held = await failed(office)
    break_id = await frozen_break(scene, held)
    story = await break_history(scene.finance, str(break_id))
    assert story.changes == []
    assert ResolutionAction.TO_SUSPENSE in story.fitting
    await money_comes(office, held)
    story = await break_history(scene.finance, str(break_id))
    assert [words.split(" ", 1)[0] for words in story.changes] == ["payment", "refund"]
    assert set(story.fitting) == {ResolutionAction.NO_ACTION, ResolutionAction.REPOST}


@pytest.mark.parametrize("standing", [0, 1, 2])
async def test_a_refund_between_the_two_acts_stops_the_second(
    scene: Scene, office: Office, standing: int
) -> None:
    """The switch's refund commits after the proposal; whatever stands below it can still be taken back."""
    held = await failed(office)
    break_id = await frozen_break(scene, held)
    await decided(scene, break_id, MONEY[:standing])
    proposal = await scene.propose(break_id, MONEY[standing])
    if standing < 2:
        await switch_pays_back(office, held)
    else:
        assert (await money_comes(office, held)).alarm is Alarm.PAID_BACK_AT_DESK
        await office.books.tell(_A_REFUND, held.attempt_id, held.payment_id)
    before = await scene.balances()

    with pytest.raises(StaleBreakError, match="refund"):
        await scene.check(proposal)

    assert await scene.balances() == before
    assert (await scene.kinds(break_id))[-1] == "refused"
    assert await scene.state(break_id) is BreakState.PROPOSED


_A_REFUND = """
INSERT INTO refunds (id, payment_id, attempt_id, partner_id, connector_id, kind, reference, fingerprint,
  amount, reason, state, asked_by, our_reference)
VALUES ('01930000-0000-7000-8000-000000000001', $2, $1, 'bank1', 'bkash', 'unexpected', 'u:1', '', 107150,
  'by a door that does not ask', 'asked', 'somebody', 'r1')
"""


async def test_what_stands_on_a_stale_break_can_be_reversed(scene: Scene, office: Office) -> None:
    held = await failed(office)
    break_id = await frozen_break(scene, held)
    one = await scene.decided(break_id, ResolutionAction.TO_SUSPENSE)
    await switch_pays_back(office, held)
    with pytest.raises(StaleBreakError):
        await scene.propose(break_id, ResolutionAction.FROM_SUSPENSE_TO_REFUND)
    reversal = await scene.propose(break_id, by=OTHER, reverses=one.id)
    assert (await scene.check(reversal)).outcome is ProposalOutcome.APPROVED
    assert await scene.balances() == LATE_AND_BACK
    assert await scene.is_sound()


async def test_check_and_late_money_at_once_pay_once(scene: Scene, office: Office) -> None:
    """Whichever comes first under the payment's lock, the other one sees it."""
    for number in range(4):
        held = await failed(office)
        break_id = await frozen_break(scene, held)
        await scene.decided(break_id, ResolutionAction.TO_SUSPENSE)
        proposal = await scene.propose(break_id, ResolutionAction.FROM_SUSPENSE_TO_REFUND)
        checked, recorded = await asyncio.gather(
            scene.check(proposal), money_comes(office, held, f"TRX{number}"), return_exceptions=True
        )
        refunds = await office.refunds.of_payment("bank1", held.payment_id)
        assert isinstance(recorded, TryRecorded), recorded
        is_desk = isinstance(checked, Resolution)
        assert is_desk or isinstance(checked, StaleBreakError), checked
        assert (len(refunds) == 0) is is_desk
        assert recorded.alarm is (Alarm.PAID_BACK_AT_DESK if is_desk else Alarm.UNEXPECTED_MONEY)
    assert await scene.is_sound()


# ---- the other direction: the desk came first


async def test_switch_gives_nothing_back_that_the_desk_has_paid(scene: Scene, office: Office) -> None:
    held = await failed(office)
    break_id = await frozen_break(scene, held)
    await decided(scene, break_id, MONEY)

    assert (await money_comes(office, held)).alarm is Alarm.PAID_BACK_AT_DESK

    assert await office.refunds.of_payment("bank1", held.payment_id) == []
    assert (await office.till.row(held))["outcome"] == "second_success"
    with pytest.raises(PaidAtDeskError):
        await office.desk.request_review_give_back(held.payment_id, "the payer asks", MAKER)
    assert await scene.is_sound()
    # The night takes the desk's entries back, but not what the bank has paid: suspense is even.
    await run_closes(scene, break_id)
    assert await scene.balances() == {
        "connector_fee:bkash": KEPT,
        "receivable:bkash": TAKEN - KEPT,
        "settlement_bank": -TAKEN,
    }
    with pytest.raises(PaidAtDeskError):
        await office.desk.request_review_give_back(held.payment_id, "the payer asks", MAKER)
    assert await scene.is_sound()


async def test_desk_records_its_transfer_though_the_money_came_meanwhile(
    scene: Scene, office: Office
) -> None:
    """Our bank may have paid before anybody writes it down; the switch holds its own refund meanwhile."""
    held = await failed(office)
    break_id = await frozen_break(scene, held)
    await decided(scene, break_id, MONEY[:2])
    assert (await money_comes(office, held)).alarm is Alarm.PAID_BACK_AT_DESK
    await scene.decided(break_id, ResolutionAction.PAY_BACK_BY_HAND)
    assert await scene.state(break_id) is BreakState.RESOLVED
    assert await scene.is_sound()


@pytest.mark.parametrize("by_night", [True, False])
async def test_money_that_the_desk_does_not_owe_any_more_goes_back_by_two_persons(
    scene: Scene, office: Office, *, by_night: bool
) -> None:
    held = await failed(office)
    break_id = await frozen_break(scene, held)
    await scene.decided(break_id, ResolutionAction.TO_SUSPENSE)
    owed = await scene.decided(break_id, ResolutionAction.FROM_SUSPENSE_TO_REFUND)
    await money_comes(office, held)
    if by_night:
        await run_closes(scene, break_id)
    else:
        await scene.check(await scene.propose(break_id, by=OTHER, reverses=owed.id))
    assert await scene.is_sound()
    assert await swept_alarms(office) == [Alarm.MONEY_IN_SUSPENSE]

    view = await office.desk.request_review_give_back(held.payment_id, "the desk did not pay", MAKER)
    assert (await office.desk.approve(view.refund_id, CHECKER)).kind is RefundKind.UNEXPECTED
    await office.done(view.refund_id)

    assert (await office.desk.details(view.refund_id))[0]["state"] == RefundState.DONE
    assert await scene.is_sound()
    assert await swept_alarms(office) == []


async def test_money_that_the_desk_owes_does_not_fund_its_payment(scene: Scene, office: Office) -> None:
    """The payment is still waiting for another try; the biller is not paid with what goes back."""
    till = office.till
    held = await till.leased(await till.on_page())
    assert await till.record(held, LAPSED) == TryRecorded(State.CREATED)
    break_id = await frozen_break(scene, held)
    await decided(scene, break_id, MONEY[:2])
    assert await money_comes(office, held) == TryRecorded(State.CREATED, Alarm.PAID_BACK_AT_DESK)
    assert await scene.is_sound()


async def test_a_request_made_before_is_not_approved_once_the_desk_owes(office: Office) -> None:
    await office.books.tell(persons(MAKER, CHECKER))
    held = await office.disagreed()
    view = await office.desk.request_review_give_back(held.payment_id, "too little came", MAKER)
    await office.books.tell(
        "INSERT INTO break_refunds (attempt_id, entry_id, amount) VALUES ($1, $2, 500)",
        held.attempt_id,
        view.refund_id,
    )
    with pytest.raises(PaidAtDeskError):
        await office.desk.approve(view.refund_id, CHECKER)
    finding = await office.books.audit()
    assert finding is not None
    assert "finance has paid it back for a break" in finding.why
