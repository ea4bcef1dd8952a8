"""The alarms of complaints: the sweep escalates what is late, and each complaint that waits has one."""

import pytest
from sqlalchemy import text

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.persistence.alarms.rows import TODAY
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.alarms.watches import WATCHES
from ekpay_switch.persistence.citizens.complaints import PostgresComplaints
from tests.persistence.carts.cart_setup import Portal
from tests.persistence.citizens.complaint_setup import (
    ANSWER,
    ESCALATED,
    RAHIMA,
    WAITS,
    alarms,
    filed,
    is_same,
    next_message,
    open_alarms,
    ordered,
    seen,
)

ANSWERED = "UPDATE complaints SET state = 'answered', answered_at = now() WHERE number = $1"
DUE = "UPDATE complaints SET due_on = {today} - {days}"


async def test_the_sweep_escalates_what_is_late_and_keeps_the_promised_date(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    complaint, upkeep = await filed(complaints, await ordered(portal)), AlarmUpkeep(portal.engine)
    await upkeep.sweep()
    assert await open_alarms(portal.books) == [WAITS]
    await portal.books.tell(DUE.format(today=TODAY, days=1))
    late = await seen(complaints, complaint)
    assert late.is_escalated
    await upkeep.sweep()
    await upkeep.sweep()
    assert await open_alarms(portal.books) == [WAITS, ESCALATED]
    waits, escalated = await alarms(portal.books)
    assert (escalated["owner"], escalated["days"]) == ("finance", 1)
    assert (escalated["subject"], escalated["payment_id"]) == (waits["subject"], waits["payment_id"])
    assert is_same(await seen(complaints, complaint), late)
    await portal.books.tell(ANSWERED, complaint.number)
    await upkeep.sweep()
    assert {alarm["ended_by"] for alarm in await alarms(portal.books)} == {"evidence"}


@pytest.mark.parametrize(("days_ago", "is_late"), [(0, False), (1, True)])
async def test_a_complaint_is_late_the_day_after_its_date(
    *, days_ago: int, is_late: bool, portal: Portal, complaints: PostgresComplaints
) -> None:
    await filed(complaints, await ordered(portal))
    # Within a transaction it is one instant, so no midnight comes between.
    async with portal.engine.begin() as connection:
        await connection.execute(text(DUE.format(today=TODAY, days=days_ago)))
        late = (await connection.execute(text(WATCHES[Alarm.COMPLAINT_ESCALATED].waiting))).all()
    assert len(late) == is_late


@pytest.mark.parametrize("kind", [WAITS, ESCALATED])
async def test_the_sweep_raises_the_alarm_that_is_missing(
    kind: str, portal: Portal, complaints: PostgresComplaints
) -> None:
    complaint = await filed(complaints, await ordered(portal))
    if kind == ESCALATED:
        await complaints.answer(complaint.number, ANSWER, RAHIMA)
        await complaints.add(next_message(complaint, 3))
    await portal.books.tell("DELETE FROM alarms")
    await AlarmUpkeep(portal.engine).sweep()
    (alarm,) = await alarms(portal.books)
    assert (alarm["kind"], alarm["subject"]) == (kind, f"complaint {complaint.number}")
    assert alarm["payment_id"] == await portal.books.value("SELECT payment_id FROM merchant_orders")
