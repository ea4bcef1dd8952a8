"""A second payment of a page goes back once: by the desk for its break, or by the switch; books are real."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.ports.collections import TryRecorded
from reconciliation.resolutions.decision_records import Resolution
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.stale_breaks import StaleBreakError
from tests.persistence.books import REFUSED
from tests.persistence.collections.collection_setup import KEPT, TAKEN, agreed, open_till
from tests.persistence.conftest import open_books
from tests.persistence.refunds.refund_setup import Office, open_office
from tests.reconciliation.resolutions.scene import OTHER, Scene

MONEY = (
    ResolutionAction.TO_SUSPENSE,
    ResolutionAction.FROM_SUSPENSE_TO_REFUND,
    ResolutionAction.PAY_BACK_BY_HAND,
)
# Their rows are both of one night, or the second comes in a later file, when ours is matched already.
CODES = ("AMBIGUOUS", "FILE_ONLY")
BOOKED_EARLIER = "UPDATE tries SET collected_at = collected_at - interval '1 hour' WHERE attempt_id = $1"
UNBOOKED = "SELECT provider_transaction FROM unbooked_movements WHERE attempt_id = $1"
A_MOVEMENT = """
INSERT INTO further_movements (id, attempt_id, connector_id, provider_transaction, amount, entry_id)
SELECT gen_random_uuid(), attempt_id, connector_id, 'SECOND', collected, gen_random_uuid() FROM tries
WHERE attempt_id = $1
"""


@pytest.fixture
async def office(place: Endpoint) -> AsyncIterator[Office]:
    """The switch's own refunds, in the database of the desk."""
    async with open_books(place) as books:
        await books.partner()
        async with open_till(books) as till, open_office(till) as office:
            yield office


async def funded(office: Office) -> LockedTry:
    held = await office.till.funded()
    await office.books.tell(BOOKED_EARLIER, held.attempt_id)
    return held


async def surplus_break(scene: Scene, held: LockedTry, code: str = "AMBIGUOUS") -> UUID:
    """A break about a second payment under this try, which our books lack."""
    night = business_date(datetime.now(UTC))
    await scene.finance.windows.close(night)
    await scene.next_run(night, scene.run.number + 1)
    movements = [str(held.attempt_id)] if code == "AMBIGUOUS" else []
    return await scene.found(
        code,
        reference=held.order.reference,
        amount=TAKEN,
        difference=TAKEN,
        details={"movements": movements, "net": TAKEN - KEPT},
    )


async def tells_second(office: Office, held: LockedTry, name: str = "SECOND") -> TryRecorded:
    """The connector says that it has collected twice."""
    again = await office.till.leased(held)
    first = (await office.till.row(held))["provider_transaction"]
    second = agreed(again, name).judged.collected
    return await office.till.record(again, agreed(again, first, further=(second,)))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("standing", [2, 3])
async def test_the_switch_books_and_owes_nothing_that_the_desk_owes_or_has_paid(
    scene: Scene, office: Office, code: str, standing: int
) -> None:
    held = await funded(office)
    break_id = await surplus_break(scene, held, code)
    for action in MONEY[:standing]:
        await scene.decided(break_id, action)
    before = await scene.balances()

    recorded = await tells_second(office, held)

    assert recorded == TryRecorded(State.FUNDED, None, Alarm.PAID_TWICE)
    assert await scene.balances() == before
    assert await office.refunds.of_payment("bank1", held.payment_id) == []
    assert [row[0] for row in await office.books.rows(UNBOOKED, held.attempt_id)] == ["SECOND"]
    with pytest.raises(asyncpg.CheckViolationError, match="owes money beside"):
        await office.books.tell(A_MOVEMENT, held.attempt_id)
    assert await scene.is_sound()
    # The desk goes on to record its transfer.
    for action in MONEY[standing:]:
        await scene.decided(break_id, action)
    assert (await scene.balances())["settlement_bank"] == -TAKEN
    assert await scene.is_sound()


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("standing", [0, 1])
async def test_the_desk_owes_nothing_that_the_switch_owes_already(
    scene: Scene, office: Office, code: str, standing: int
) -> None:
    held = await funded(office)
    break_id = await surplus_break(scene, held, code)
    for action in MONEY[:standing]:
        await scene.decided(break_id, action)
    proposal = await scene.propose(break_id, MONEY[standing])
    assert (await tells_second(office, held)).further_alarm is Alarm.PAID_TWICE
    (refund,) = await office.refunds.of_payment("bank1", held.payment_id)

    with pytest.raises(StaleBreakError, match=str(refund.refund_id)):
        await scene.check(proposal)

    assert await scene.is_sound()


@pytest.mark.parametrize("code", CODES)
async def test_decision_and_booking_at_once_owe_it_once(scene: Scene, office: Office, code: str) -> None:
    for number in range(4):
        held = await funded(office)
        break_id = await surplus_break(scene, held, code)
        await scene.decided(break_id, ResolutionAction.TO_SUSPENSE)
        proposal = await scene.propose(break_id, ResolutionAction.FROM_SUSPENSE_TO_REFUND)
        checked, recorded = await asyncio.gather(
            scene.check(proposal), tells_second(office, held, f"SECOND{number}"), return_exceptions=True
        )
        assert isinstance(recorded, TryRecorded), recorded
        is_desk = isinstance(checked, Resolution)
        assert is_desk or isinstance(checked, StaleBreakError), checked
        refunds = await office.refunds.of_payment("bank1", held.payment_id)
        assert (len(refunds) == 0) is is_desk
    assert await scene.is_sound()


async def test_what_the_desk_owes_no_more_is_booked_when_it_is_told_again(
    scene: Scene, office: Office
) -> None:
    held = await funded(office)
    break_id = await surplus_break(scene, held)
    await scene.decided(break_id, ResolutionAction.TO_SUSPENSE)
    owed = await scene.decided(break_id, ResolutionAction.FROM_SUSPENSE_TO_REFUND)
    await tells_second(office, held)
    await scene.check(await scene.propose(break_id, by=OTHER, reverses=owed.id))

    assert (await tells_second(office, held)).further_alarm is Alarm.PAID_TWICE

    (refund,) = await office.refunds.of_payment("bank1", held.payment_id)
    assert refund.amount.minor == TAKEN
    assert await scene.is_sound()


async def test_the_money_that_a_try_has_collected_goes_back_beside_what_the_desk_has_paid(
    scene: Scene, office: Office
) -> None:
    held = await funded(office)
    break_id = await surplus_break(scene, held)
    for action in MONEY:
        await scene.decided(break_id, action)
    await office.till.delivered(await office.till.delivering(held), REFUSED)
    await office.done(await office.given_back(held))
    assert await scene.is_sound()
    query = "SELECT is_beside FROM break_refunds WHERE attempt_id = $1"
    assert [row["is_beside"] for row in await office.books.rows(query, held.attempt_id)] == [True]


async def test_a_break_of_the_further_movement_alone_is_about_its_try(scene: Scene, office: Office) -> None:
    """Its frozen line has an id of its own."""
    held = await funded(office)
    await tells_second(office, held)
    movement = await office.books.value("SELECT id FROM further_movements")
    async with scene.connection.transaction():
        (live,) = await scene.finance.movements.lock(scene.connection, [movement])
    assert (live.movement, live.payment_id, live.collected) == (movement, held.payment_id, TAKEN)
    assert [refund.amount for refund in live.refunds] == [TAKEN]
