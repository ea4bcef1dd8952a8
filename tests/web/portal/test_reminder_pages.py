"""A citizen switches reminders on and off, reads how they stand, and takes their dates into a calendar."""

from datetime import date
from uuid import UUID

import pytest
from icalendar import Calendar

from ekpay_switch.domain.citizens.reminders import Reminder
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.money import Money
from ekpay_switch.security.identifiers import uuid7
from tests.fakes.citizens import FakeReminders
from tests.web.checkout.checkout_setup import Seen
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import PortalStand
from tests.web.portal.test_account_pages import entered, stand_of
from tests.web.portal.test_saved_bills import citizen_of, saved_of

DUE_ON = date(2026, 12, 14)
SWITCH, CALENDAR = "/account/reminders", "/account/reminders.ics"


def reminders_of(stand: PortalStand) -> FakeReminders:
    citizens = stand.counter.portal.citizens
    assert citizens is not None
    assert isinstance(citizens.reminders, FakeReminders)
    return citizens.reminders


async def kept(
    stand: PortalStand,
    biller_id: str = "desco_postpaid",
    field: str = "account_no",
    nickname: str = "Home",
    citizen_id: UUID | None = None,
) -> SavedBill:
    bill = SavedBill(uuid7(), biller_id, {field: "12345678"}, nickname)
    await saved_of(stand).save(citizen_id or citizen_of(stand), bill)
    return bill


async def pressed(stand: PortalStand, **sent: str) -> Seen:
    return await stand.press(await stand.browser.get("/account/close"), SWITCH, **sent)


def offers(page: Seen, name: str, bill: SavedBill) -> bool:
    return any(one["value"] == bill.saved_id.hex for one in page.html.all("input", name=name))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_reminder_is_switched_on_and_off_and_pressed_twice_it_stays(language: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    bill = await kept(stand)
    assert offers(await stand.browser.get("/account"), "on", bill)
    for _ in range(2):
        answer = await pressed(stand, on=bill.saved_id.hex)
        assert (answer.status, answer.place.partition("?")[0]) == (303, "/account")
    page = await stand.browser.get("/account")
    assert stand.says(page, "remind.is_on", days=stand.t.number(3))
    assert stand.says(page, "remind.not_checked")
    assert (offers(page, "on", bill), offers(page, "off", bill)) == (False, True)
    for _ in range(2):
        await pressed(stand, off=bill.saved_id.hex)
    assert reminders_of(stand).on == {}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_account_says_what_the_biller_said_last(language: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    bill = await kept(stand)
    await pressed(stand, on=bill.saved_id.hex)
    now = stand.scene.small.clock.now()
    reminders_of(stand).on[bill.saved_id] = Reminder(DUE_ON, Money(1), now)
    page = await stand.browser.get("/account")
    assert stand.says(page, "remind.due", day=stand.t.day(DUE_ON))
    assert any(link.partition("?")[0] == CALENDAR for link in page.html.links())
    reminders_of(stand).on[bill.saved_id] = Reminder(checked_at=now)
    page = await stand.browser.get("/account")
    assert stand.says(page, "remind.nothing_due", when=stand.t.moment(now, now))
    assert not any(link.partition("?")[0] == CALENDAR for link in page.html.links())


async def test_a_prepaid_meter_has_nothing_to_be_reminded_of() -> None:
    stand = stand_of()
    await entered(stand)
    bill = await kept(stand, "nesco_prepaid", "customer_no")
    assert not offers(await stand.browser.get("/account"), "on", bill)
    await pressed(stand, on=bill.saved_id.hex)
    assert reminders_of(stand).on == {}


@pytest.mark.parametrize("sent", [{}, {"on": "x"}, {"on": "0" * 32}, {"off": "x"}, {"off": "0" * 32}])
async def test_rubbish_switches_nothing(sent: dict[str, str]) -> None:
    stand = stand_of()
    await entered(stand)
    bill = await kept(stand)
    await pressed(stand, on=bill.saved_id.hex)
    answer = await pressed(stand, **sent)
    assert (answer.status, list(reminders_of(stand).on)) == (303, [bill.saved_id])


async def test_nobody_switches_or_reads_the_reminder_of_another() -> None:
    stand = stand_of()
    await entered(stand)
    other = uuid7()
    bill = await kept(stand, citizen_id=other)
    await pressed(stand, on=bill.saved_id.hex)
    assert reminders_of(stand).on == {}
    await reminders_of(stand).switch_on(other, bill.saved_id)
    reminders_of(stand).on[bill.saved_id] = Reminder(DUE_ON, Money(1), stand.scene.small.clock.now())
    await pressed(stand, off=bill.saved_id.hex)
    assert list(reminders_of(stand).on) == [bill.saved_id]
    assert Calendar.from_ical((await stand.browser.get(CALENDAR)).body).walk("VEVENT") == []


async def test_whoever_is_not_signed_in_is_led_to_the_form_that_signs_in() -> None:
    stand = stand_of()
    answer = await stand.browser.get(CALENDAR)
    assert (answer.status, answer.place.partition("?")[0]) == (303, "/account")


@pytest.mark.parametrize(
    ("language", "title"),
    [("en", "DESCO (postpaid) bill: Mother & <b>son</b>, 2nd; floor"), ("bn", None)],
)
async def test_the_due_dates_are_a_calendar_file_that_can_be_loaded_again(
    language: str, title: str | None
) -> None:
    stand = stand_of(language)
    await entered(stand)
    bill = await kept(stand, nickname="Mother & <b>son</b>, 2nd; floor")
    silent = await kept(stand, field="bill_no")
    for one in (bill, silent):
        await reminders_of(stand).switch_on(citizen_of(stand), one.saved_id)
    reminders_of(stand).on[bill.saved_id] = Reminder(DUE_ON, Money(1), stand.scene.small.clock.now())
    first, second = await stand.browser.get(CALENDAR), await stand.browser.get(CALENDAR)
    assert (first.status, first.body) == (200, second.body)
    assert first.headers["content-type"] == "text/calendar; charset=utf-8"
    assert "attachment" in first.headers["content-disposition"]
    assert max(map(len, first.body.split(b"\r\n"))) <= 75
    (event,) = Calendar.from_ical(first.body).walk("VEVENT")
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (DUE_ON, date(2026, 12, 15))
    assert title in {None, str(event["summary"])}
    assert "Mother & <b>son</b>, 2nd; floor" in str(event["summary"])
    assert str(event["url"]).endswith(f"/bills/desco_postpaid?saved={bill.saved_id.hex}")
    (alarm,) = event.walk("VALARM")
    assert alarm.decoded("trigger").days == -3
