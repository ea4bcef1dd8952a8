"""`/privacy` and `/accessibility`: they tell the times that are kept to, in both languages."""

import pytest

from ekpay_switch.domain.citizens.accounts import IDLE_LIFE
from ekpay_switch.domain.citizens.text_messages import RECORD_LIFE
from tests.fakes.citizens import CONTACT_DAYS
from tests.web.portal.portal_setup import PortalStand

LINKS = ("/privacy", "/accessibility")


@pytest.mark.parametrize("language", ["bn", "en"])
async def test_the_times_are_those_that_are_kept_to(language: str) -> None:
    stand = PortalStand(language, has_gateway=True)
    shown = await stand.browser.get("/privacy")
    hours = round(stand.scene.office.terms.keep_hours)
    assert stand.says(shown, "privacy.cookies", hours=stand.t.number(hours))
    assert stand.says(shown, "privacy.number", days=stand.t.number(CONTACT_DAYS))
    assert stand.says(shown, "privacy.messages", days=stand.t.number(RECORD_LIFE.days))
    assert stand.says(shown, "privacy.account", days=stand.t.number(IDLE_LIFE.days))


async def test_without_text_messages_no_number_is_spoken_of() -> None:
    stand = PortalStand("en")
    shown = await stand.browser.get("/privacy")
    assert shown.status == 200
    assert not stand.says(shown, "privacy.number_title")
    assert not stand.says(shown, "privacy.account_title")


@pytest.mark.parametrize("path", ["/", "/cart", "/costs", "/account", "/privacy", "/accessibility"])
@pytest.mark.parametrize("language", ["bn", "en"])
async def test_every_page_leads_to_both(path: str, language: str) -> None:
    shown = await PortalStand(language, has_gateway=True).browser.get(path)
    assert {f"{link}?lang={language}" for link in LINKS} <= set(shown.html.links())
