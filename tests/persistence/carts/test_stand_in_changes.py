"""Stand-in is turned off and on for a biller by two persons, once, and whoever would begin it reads so."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.carts.stand_in_changes import (
    StandInChanges,
    StandInNotWaitingError,
    StandInStandsError,
    StandInWaitsError,
)
from ekpay_switch.persistence.parties.staff import LeftStaffError, NotAllowedError
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from tests.persistence.carts.cart_setup import Portal
from tests.persistence.staff_rows import persons

CHANGE = "UPDATE stand_in_changes SET {}"
LEFT = "UPDATE staff SET disabled_at = now(), disabled_by = 'Selim' WHERE name = $1"


@pytest.fixture
async def changes(portal: Portal) -> StandInChanges:
    await portal.books.tell(persons("Rahima", "Karim", "Selim"))
    return StandInChanges(portal.engine)


async def test_it_is_off_once_two_persons_say_so_and_on_again_by_two(
    portal: Portal, changes: StandInChanges
) -> None:
    stops = portal.stand_in_stops
    change_id = await changes.ask("titas", "a strike", "Rahima", is_stopped=True)
    assert not await stops.is_stopped("titas")
    change = await changes.approve(change_id, "Karim")
    assert (change.is_stopped, change.approved_by, change.waits) == (True, "Karim", False)
    assert [await stops.is_stopped(biller) for biller in ("titas", "wasa")] == [True, False]
    again = await changes.ask("titas", "it is over", "Karim", is_stopped=False)
    assert await stops.is_stopped("titas")
    await changes.approve(again, "Selim")
    assert not await stops.is_stopped("titas")
    assert [one.is_stopped for one in await changes.list()] == [True, False]


async def test_nobody_decides_alone_and_nobody_who_left(portal: Portal, changes: StandInChanges) -> None:
    change_id = await changes.ask("titas", "a strike", "Rahima", is_stopped=True)
    with pytest.raises(OnePersonError, match="approved_by"):
        await changes.approve(change_id, "Rahima")
    await portal.books.tell(LEFT, "Karim")
    with pytest.raises(NotAllowedError):
        await changes.approve(change_id, "Karim")
    await portal.books.tell(LEFT, "Rahima")
    with pytest.raises(LeftStaffError):
        await changes.approve(change_id, "Selim")
    assert not await portal.stand_in_stops.is_stopped("titas")


async def test_a_repeat_is_answered_as_before_and_another_wish_is_refused(changes: StandInChanges) -> None:
    with pytest.raises(StandInStandsError):
        await changes.ask("titas", "it is on", "Rahima", is_stopped=False)
    change_id = await changes.ask("titas", "a strike", "Rahima", is_stopped=True)
    assert await changes.ask("titas", "a strike", "Rahima", is_stopped=True) == change_id
    with pytest.raises(StandInWaitsError, match="Rahima has asked for another change"):
        await changes.ask("titas", "a flood", "Karim", is_stopped=True)
    assert await changes.approve(change_id, "Karim") == await changes.approve(change_id, "Karim")
    with pytest.raises(StandInNotWaitingError):
        await changes.approve(change_id, "Selim")
    with pytest.raises(StandInNotWaitingError):
        await changes.reject(change_id, "Selim")


async def test_what_was_rejected_changes_nothing(portal: Portal, changes: StandInChanges) -> None:
    change_id = await changes.ask("titas", "a strike", "Rahima", is_stopped=True)
    assert (await changes.reject(change_id, "Rahima")).rejected_by == "Rahima"
    assert await changes.reject(change_id, "Rahima") == (await changes.list())[0]
    with pytest.raises(StandInNotWaitingError):
        await changes.approve(change_id, "Karim")
    with pytest.raises(StandInNotWaitingError):
        await changes.approve(uuid4(), "Karim")
    assert not await portal.stand_in_stops.is_stopped("titas")


async def test_of_two_requests_at_once_one_waits(changes: StandInChanges) -> None:
    wishes = [changes.ask("titas", "a strike", name, is_stopped=True) for name in ("Rahima", "Karim")]
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    assert sum(isinstance(answer, SwitchError) for answer in answers) == 1
    assert len(await changes.list()) == 1


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("approved_by = asked_by, approved_at = now()", "two_persons"),
        ("approved_by = 'Karim'", "approval"),
        ("rejected_by = 'Karim'", "rejection"),
        (
            "approved_by = 'Karim', approved_at = now(), rejected_by = 'Selim', rejected_at = now()",
            "one_decision",
        ),
        ("reason = ''", "reason"),
    ],
)
async def test_the_database_refuses_it_as_well(
    portal: Portal, changes: StandInChanges, change: str, rule: str
) -> None:
    await changes.ask("titas", "a strike", "Rahima", is_stopped=True)
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await portal.books.tell(CHANGE.format(change))
    assert refusal.value.constraint_name == f"ck_stand_in_changes_{rule}"
