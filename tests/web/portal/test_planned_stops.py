"""A payer reads of a planned stop of a biller at its form and in the cart, before and while it is on."""

from datetime import timedelta

import pytest

from ekpay_switch.domain.planned_stops import PlannedStop
from tests.fakes.world import NOON
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import DESCO, PortalStand

COMES = PlannedStop(NOON + timedelta(hours=30), NOON + timedelta(hours=34))
ON = PlannedStop(NOON - timedelta(hours=1), NOON + timedelta(hours=3))
FAR = PlannedStop(NOON + timedelta(hours=73), NOON + timedelta(hours=74))


def stand_with(stop: PlannedStop, language: str = "en") -> PortalStand:
    return PortalStand(language, stops={"desco_postpaid": stop})


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_stop_that_comes_is_told_with_its_times(language: str) -> None:
    stand = stand_with(COMES, language)
    t, profile = stand.t, stand.desco.profile
    words = t(
        "stop.comes",
        biller=t.bare_name(profile.name_bn, profile.name_en),
        begins=t.full_moment(COMES.begins_at),
        ends=t.full_moment(COMES.ends_at),
    )
    assert str(words) in (await stand.browser.get(DESCO)).text
    await stand.fill()
    assert str(words) in (await stand.browser.get("/cart")).text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_stop_that_is_on_is_told_with_its_end(language: str) -> None:
    stand = stand_with(ON, language)
    t, profile = stand.t, stand.desco.profile
    name = t.bare_name(profile.name_bn, profile.name_en)
    words = str(t("stop.on", biller=name, ends=t.full_moment(ON.ends_at)))
    assert words in (await stand.browser.get(DESCO)).text
    await stand.fill()
    assert words in (await stand.browser.get("/cart")).text


async def test_other_billers_and_far_stops_are_not_mentioned() -> None:
    stand = stand_with(ON)
    assert "Planned stop" not in (await stand.browser.get("/bills/nesco_postpaid")).text
    assert "Planned stop" not in (await stand_with(FAR).browser.get(DESCO)).text


async def test_once_it_has_ended_nothing_is_said() -> None:
    stand = stand_with(ON)
    stand.scene.small.clock.pass_by(3 * 3_600.0)
    assert "Planned stop" not in (await stand.browser.get(DESCO)).text
