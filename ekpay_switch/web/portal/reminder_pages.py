"""`/account/reminders`: reminders of saved bills, and their due dates as a calendar file (ADR 0132)."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from icalendar import Alarm, Calendar, Event
from starlette.responses import Response

from ekpay_switch.domain.citizens.accounts import SignedIn
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.display_text import displayable_text
from ekpay_switch.web.portal.saved_bills import SAVED, is_offered_reminder, offered_saved_bills, read_id
from ekpay_switch.web.portal.session_cookie import signed_in
from ekpay_switch.web.portal.visits import PortalVisit

ON, OFF = "on", "off"
_ACCOUNT = "/account"


async def switch(
    visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, sent: Mapping[str, str]
) -> Response:
    """Switch the reminder of a saved bill on or off; pressed twice it stays as it is."""
    switched_on, switched_off = read_id(sent.get(ON, "")), read_id(sent.get(OFF, ""))
    offered = {bill.saved_id: bill for bill in await offered_saved_bills(visit, citizens, who)}
    if switched_off is not None:
        await citizens.reminders.switch_off(who.citizen_id, switched_off)
    elif switched_on in offered and is_offered_reminder(visit, offered[switched_on]):
        await citizens.reminders.switch_on(who.citizen_id, switched_on)
    return visit.redirect(_ACCOUNT)


async def send_calendar(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """The due dates of the unpaid bills that the citizen is reminded of, for a calendar (RFC 5545)."""
    who = await signed_in(visit, citizens)
    if who is None:
        return visit.redirect(_ACCOUNT)
    saved = await offered_saved_bills(visit, citizens, who)
    reminders = await citizens.reminders.of_citizen(who.citizen_id)
    calendar = Calendar()
    calendar.add("prodid", f"-//{urlsplit(visit.portal.office.world.public_url).hostname}//ekpay//")
    calendar.add("version", "2.0")
    for bill in saved:
        reminder = reminders.get(bill.saved_id)
        if reminder is not None and reminder.due_on is not None:
            days_before = citizens.remind_days_before
            calendar.add_component(_event(visit, bill, reminder.due_on, who.now, days_before))
    headers = {
        **visit.portal.pages.headers,
        "Content-Disposition": 'attachment; filename="ekpay-due-dates.ics"',
    }
    return Response(calendar.to_ical(), 200, headers, "text/calendar; charset=utf-8")


def _event(
    visit: PortalVisit, bill: SavedBill, due_on: date, now: datetime, remind_days_before: int
) -> Event:
    """A due date as a whole day, with an alarm; loaded again it is the same event."""
    words, tile = visit.words, visit.portal.catalogue.by_id(bill.biller_id)
    biller = "" if tile is None else words.bare_name(tile.profile.name_bn, tile.profile.name_en)
    name = displayable_text(bill.nickname or next(iter(bill.fields.values()), ""))
    title = words("remind.event", biller=biller, name=name).unescape()
    address = visit.portal.office.world.public_url
    event = Event()
    event.add("uid", f"{bill.saved_id.hex}-{due_on:%Y%m%d}@{urlsplit(address).hostname}")
    event.add("dtstamp", now)
    event.add("dtstart", due_on)
    event.add("dtend", due_on + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    event.add("summary", title)
    event.add("description", words("remind.event_what").unescape())
    event.add("url", f"{address}/bills/{bill.biller_id}?{SAVED}={bill.saved_id.hex}")
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", title)
    alarm.add("trigger", timedelta(days=-remind_days_before))
    event.add_component(alarm)
    return event
