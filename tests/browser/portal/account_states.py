"""The account of a citizen in every state of its pages."""

import re
from datetime import timedelta

from ekpay_switch.domain.bill import BillFound
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.citizens.reminders import Reminder, StandingOrder
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from tests.browser.portal.shown_portal import PortalStates
from tests.factories import a_bill
from tests.fakes.billers import Deed
from tests.web.checkout.checkout_setup import Seen
from tests.web.portal.portal_setup import PortalStand
from tests.web.portal.test_reminder_pages import reminders_of

ACCOUNT = PortalStates()


@ACCOUNT.add
async def portal_account_sign_in(_: PortalStand) -> str:
    return "/account"


@ACCOUNT.add
async def portal_account_sign_in_wrong(stand: PortalStand) -> Seen:
    return await stand.press(await stand.browser.get("/account"), "/account", mobile="12345")


@ACCOUNT.add
async def portal_account_code(stand: PortalStand) -> str:
    await _asked_for_code(stand)
    return "/account/code"


@ACCOUNT.add
async def portal_account_empty(stand: PortalStand) -> str:
    await _signed_in(stand)
    return "/account"


@ACCOUNT.add
async def portal_account(stand: PortalStand) -> str:
    await _signed_in(stand)
    await stand.fill_with_two()
    await stand.pay()
    del stand.browser.cookies["__Host-ekpay-session"]
    await _signed_in(stand)
    return "/account"


@ACCOUNT.add
async def portal_account_cart(stand: PortalStand) -> str:
    await _signed_in(stand)
    await stand.fill_with_two()
    return "/cart"


@ACCOUNT.add
async def portal_account_saved(stand: PortalStand) -> str:
    await _saved(stand)
    return "/account"


@ACCOUNT.add
async def portal_account_reminder(stand: PortalStand) -> str:
    await _saved(stand)
    page = await stand.browser.get("/account")
    (bill,) = page.html.all("input", name="on")
    await stand.press(page, "/account/reminders", on=bill["value"])
    reminders = reminders_of(stand)
    (saved_id,) = reminders.on
    now = stand.scene.small.clock.now()
    reminders.on[saved_id] = Reminder(business_date(now) + timedelta(days=9), Money(121_000), now)
    return "/account"


@ACCOUNT.add
async def portal_account_standing(stand: PortalStand) -> str:
    await _ordered(stand)
    return "/account"


@ACCOUNT.add
async def portal_account_standing_paused(stand: PortalStand) -> str:
    await _ordered(stand, is_paused=True)
    return "/account"


@ACCOUNT.add
async def portal_account_standing_form(stand: PortalStand) -> str:
    return await _standing_form(stand)


@ACCOUNT.add
async def portal_account_standing_form_wrong(stand: PortalStand) -> Seen:
    path = await _standing_form(stand)
    return await stand.press(await stand.browser.get(path), path, cap="0")


@ACCOUNT.add
async def portal_account_prepared_above_cap(stand: PortalStand) -> Seen:
    await _ordered(stand)
    stand.desco.replies.append(BillFound(a_bill(total=900_000)))
    return await _pressed_pay(stand)


@ACCOUNT.add
async def portal_account_prepared_gone(stand: PortalStand) -> Seen:
    await _ordered(stand)
    stand.desco.replies.append(BillFound(a_bill(is_paid=True)))
    return await _pressed_pay(stand)


@ACCOUNT.add
async def portal_account_saved_home(stand: PortalStand) -> str:
    await _saved(stand)
    return "/"


@ACCOUNT.add
async def portal_account_not_saved_yet(stand: PortalStand) -> str:
    await _savable(stand)
    return "/account"


@ACCOUNT.add
async def portal_account_save_bill(stand: PortalStand) -> str:
    return await _savable(stand)


@ACCOUNT.add
async def portal_account_save_bill_too_long(stand: PortalStand) -> Seen:
    path = await _savable(stand)
    return await stand.press(await stand.browser.get(path), path, nickname="আমার মায়ের " * 5)


@ACCOUNT.add
async def portal_account_history(stand: PortalStand) -> str:
    await _signed_in(stand)
    for days, number, paisa in (
        (70, "092512345671", 105_000),
        (32, "092512345672", 73_050),
        (0, "092512345673", 121_000),
    ):
        await stand.fill(a_bill(number, paisa))
        if not days:
            await stand.fill(a_bill("250934567890", 87_350), biller_id="nesco_postpaid")
            stand.counter.billers["nesco_postpaid"].deeds.append(Deed(Declined("already_paid")))
        await stand.scene.worked(await stand.pay())
        stand.scene.small.clock.pass_by(days * 86_400.0)
    return "/account/history"


@ACCOUNT.add
async def portal_account_history_empty(stand: PortalStand) -> str:
    await _signed_in(stand)
    return "/account/history"


@ACCOUNT.add
async def portal_account_close(stand: PortalStand) -> str:
    await _signed_in(stand)
    return "/account/close"


@ACCOUNT.add
async def portal_account_close_after_a_while(stand: PortalStand) -> str:
    await _signed_in(stand)
    stand.scene.small.clock.pass_by(3_600)
    return "/account/close"


async def _asked_for_code(stand: PortalStand) -> None:
    await stand.press(await stand.browser.get("/account"), "/account", mobile="01712345678")


async def _savable(stand: PortalStand) -> str:
    """The page on which the bill of an account that was paid can be saved."""
    await _signed_in(stand)
    stand.desco.replies.append(BillFound(a_bill()))
    await stand.send({"group": "B", "B-account_no": "12345678"})
    cart = await stand.pay()
    return f"/account/save/{cart.reference}/{cart.bills[0].seq}"


async def _saved(stand: PortalStand) -> None:
    path = await _savable(stand)
    await stand.press(await stand.browser.get(path), path, nickname="মায়ের ফ্ল্যাট")


async def _signed_in(stand: PortalStand) -> None:
    await _asked_for_code(stand)
    (code,) = re.findall("[0-9]{6}", stand.codes.messages[-1].text)
    await stand.press(await stand.browser.get("/account/code"), "/account/code", code=code)


async def _standing_form(stand: PortalStand) -> str:
    await _saved(stand)
    (bill,) = (await stand.browser.get("/account")).html.all("input", name="on")
    return f"/account/standing/{bill['value']}"


async def _ordered(stand: PortalStand, *, is_paused: bool = False) -> None:
    """A standing order, and a bill that it prepared unless it is paused."""
    path = await _standing_form(stand)
    await stand.press(await stand.browser.get(path), path, cap="3000")
    reminders = reminders_of(stand)
    (saved_id,) = reminders.on
    now = stand.scene.small.clock.now()
    order = StandingOrder(Money(300_000), is_paused=is_paused)
    due_on = business_date(now) + timedelta(days=2)
    reminders.on[saved_id] = Reminder(due_on, Money(121_000), now, order)


async def _pressed_pay(stand: PortalStand) -> Seen:
    (saved_id,) = reminders_of(stand).on
    return await stand.press(await stand.browser.get("/account"), "/account/pay", saved=saved_id.hex)
