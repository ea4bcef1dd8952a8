"""The counter of an agent in the states of its pages."""

from datetime import timedelta

from tests.browser.portal.shown_portal import PortalStates
from tests.fakes.billers import LOSES_ANSWER
from tests.web.agents.counter_pages_setup import (
    REFUSES,
    closed,
    confirmed,
    opened,
    operator_of,
    path_of,
    shown,
)
from tests.web.checkout.checkout_setup import Seen
from tests.web.portal.portal_setup import DESCO, PortalStand
from tests.web.portal.test_account_pages import entered

COUNTER = PortalStates()


@COUNTER.add
async def portal_counter_of_nobody(stand: PortalStand) -> str:
    await entered(stand)
    return "/agent"


@COUNTER.add
async def portal_counter_opening(stand: PortalStand) -> str:
    await operator_of(stand)
    return "/agent"


@COUNTER.add
async def portal_counter_opening_wrong(stand: PortalStand) -> Seen:
    await operator_of(stand)
    return await stand.press(await stand.browser.get("/agent"), "/agent/drawer", opening="many")


@COUNTER.add
async def portal_counter_desk(stand: PortalStand) -> str:
    await confirmed_at_open_drawer(stand)
    return "/agent"


@COUNTER.add
async def portal_counter_old_drawer(stand: PortalStand) -> str:
    await opened(stand)
    stand.scene.small.clock.pass_by(timedelta(days=1).total_seconds())
    return "/agent"


@COUNTER.add
async def portal_counter_no_bill(stand: PortalStand) -> Seen:
    await opened(stand)
    return await stand.send({"group": "A", "A-bill_no": "099999999999"}, f"/agent{DESCO}")


@COUNTER.add
async def portal_counter_bill(stand: PortalStand) -> str:
    await opened(stand)
    return path_of(await shown(stand))


@COUNTER.add
async def portal_counter_bill_is_old(stand: PortalStand) -> str:
    await opened(stand)
    path = path_of(await shown(stand))
    stand.scene.small.clock.pass_by(stand.desco.profile.timing.quote_life_seconds)
    return path


@COUNTER.add
async def portal_counter_paid(stand: PortalStand) -> str:
    return path_of(await confirmed_at_open_drawer(stand))


@COUNTER.add
async def portal_counter_under_way(stand: PortalStand) -> str:
    await opened(stand)
    stand.desco.deeds.append(LOSES_ANSWER)
    return path_of(await confirmed(stand))


@COUNTER.add
async def portal_counter_to_hand_back(stand: PortalStand) -> str:
    await opened(stand)
    stand.desco.deeds.append(REFUSES)
    return path_of(await confirmed(stand))


@COUNTER.add
async def portal_counter_handed_back(stand: PortalStand) -> str:
    path = await portal_counter_to_hand_back(stand)
    assert isinstance(path, str)
    await stand.press(await stand.browser.get(path), f"{path}/back")
    return path


@COUNTER.add
async def portal_counter_close(stand: PortalStand) -> str:
    await opened(stand)
    return "/agent/close"


@COUNTER.add
async def portal_counter_close_wrong(stand: PortalStand) -> Seen:
    await opened(stand)
    return await stand.press(await stand.browser.get("/agent/close"), "/agent/close", counted="")


@COUNTER.add
async def portal_counter_day(stand: PortalStand) -> str:
    await confirmed_at_open_drawer(stand)
    return path_of(await closed(stand, "1500"))


async def confirmed_at_open_drawer(stand: PortalStand) -> Seen:
    """A bill that was paid at an open drawer."""
    await opened(stand)
    return await confirmed(stand)
