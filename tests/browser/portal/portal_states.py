"""The pages of the portal in every state, each over a small world of its own."""

from dataclasses import replace
from datetime import timedelta

from ekpay_switch.domain.bill import BillFound
from ekpay_switch.domain.citizens.one_time_codes import TRIES_MAX
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined, Unreached
from ekpay_switch.domain.payment import State as PaymentState
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.domain.scrolls.bill_notices import BillOfNotice, notice_code
from ekpay_switch.domain.vending import TokenKind, TokenLine
from tests.browser.portal.account_states import ACCOUNT
from tests.browser.portal.complaint_states import COMPLAINTS
from tests.browser.portal.counter_states import COUNTER
from tests.browser.portal.shown_portal import PortalStates
from tests.factories import a_bill
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.web.checkout.checkout_setup import Seen
from tests.web.portal.portal_setup import BILL_NO, DESCO, PortalStand

PAGES = PortalStates()
NOTICE_CODE = notice_code(41_936_369_711_328)


@PAGES.add
async def portal_home(_: PortalStand) -> str:
    return "/"


@PAGES.add
async def portal_home_of_a_rehearsal(_: PortalStand) -> str:
    return "/"


@PAGES.add
async def portal_found(_: PortalStand) -> str:
    return "/?q=current+bill"


@PAGES.add
async def portal_found_nothing(_: PortalStand) -> str:
    return "/?q=%E0%A6%9F%E0%A7%8D%E0%A6%B0%E0%A7%87%E0%A6%A8+ticket"


@PAGES.add
async def portal_notice(_: PortalStand) -> str:
    return "/notice"


@PAGES.add
async def portal_notice_that_is_no_code(_: PortalStand) -> str:
    return "/notice?code=4193+6369"


@PAGES.add
async def portal_notice_unknown(_: PortalStand) -> str:
    return f"/notice?code={NOTICE_CODE}"


@PAGES.add
async def portal_bill_of_a_notice(stand: PortalStand) -> str:
    fields = {"union_id": "26140011", "holding_no": "HT-00017", "year": "2026"}
    stand.counter.notices.put(BillOfNotice(NOTICE_CODE, "up_holding_tax", "HT-17", fields))
    return f"/bills/up_holding_tax?notice={NOTICE_CODE}"


@PAGES.add
async def portal_bill(_: PortalStand) -> str:
    return DESCO


@PAGES.add
async def portal_bill_planned_stop_comes(_: PortalStand) -> str:
    return DESCO


@PAGES.add
async def portal_bill_planned_stop_is_on(_: PortalStand) -> str:
    return DESCO


@PAGES.add
async def portal_cart_planned_stop_comes(stand: PortalStand) -> str:
    await stand.fill()
    return "/cart"


@PAGES.add
async def portal_recharge(_: PortalStand) -> str:
    return "/bills/desco_prepaid"


@PAGES.add
async def portal_bill_with_lists(_: PortalStand) -> str:
    return "/bills/xi_admission"


@PAGES.add
async def portal_bill_in_three_ways(_: PortalStand) -> str:
    return "/bills/achallan_generic"


@PAGES.add
async def portal_bill_of_titas(_: PortalStand) -> str:
    return "/bills/titas_nonmetered"


@PAGES.add
async def portal_bill_nothing_typed(stand: PortalStand) -> Seen:
    return await stand.send({})


@PAGES.add
async def portal_bill_wrong(stand: PortalStand) -> Seen:
    return await stand.send({"group": "A", "A-bill_no": "0925 1234"})


@PAGES.add
async def portal_bill_not_found(stand: PortalStand) -> Seen:
    return await stand.send({"group": "A", "A-bill_no": "012512345678"})


@PAGES.add
async def portal_costs(_: PortalStand) -> str:
    return "/costs?biller=dhaka_wasa&amount=850"


@PAGES.add
async def portal_costs_wrong(_: PortalStand) -> str:
    return "/costs?biller=dhaka_wasa&amount=many"


@PAGES.add
async def portal_costs_too_much(_: PortalStand) -> str:
    return "/costs?biller=desco_postpaid&amount=9999999"


@PAGES.add
async def portal_privacy_of_an_account(_: PortalStand) -> str:
    return "/privacy"


@PAGES.add
async def portal_accessibility(_: PortalStand) -> str:
    return "/accessibility"


@PAGES.add
async def portal_no_biller(_: PortalStand) -> str:
    return "/bills/no_such_biller"


@PAGES.add
async def portal_foreign_form(stand: PortalStand) -> Seen:
    return await stand.browser.post(f"{DESCO}?lang={stand.t.language}", {"A-bill_no": BILL_NO})


# ---- carts


@PAGES.add
async def portal_cart_without_bills(_: PortalStand) -> str:
    return "/cart"


@PAGES.add
async def portal_cart(stand: PortalStand) -> str:
    today = stand.scene.small.clock.now().date()
    overdue = replace(a_bill(), late_fee=Money(5_250), total=Money(110_250), due_on=today - timedelta(days=3))
    await stand.fill(overdue)
    await stand.fill(replace(a_bill("250934567890", 87_350), due_on=today), biller_id="nesco_postpaid")
    return "/cart"


@PAGES.add
async def portal_cart_changed(stand: PortalStand) -> Seen:
    await stand.fill()
    page = await stand.browser.get("/cart")
    await stand.fill(a_bill("102512345678"))
    return await stand.press(page, "/cart/pay")


@PAGES.add
async def portal_cart_with_mobile(stand: PortalStand) -> str:
    await stand.fill()
    return "/cart"


@PAGES.add
async def portal_cart_mobile_wrong(stand: PortalStand) -> Seen:
    await stand.fill()
    return await stand.press(await stand.browser.get("/cart"), "/cart/pay", mobile="12345")


# ---- following a payment


@PAGES.add
async def portal_home_with_tracking(_: PortalStand) -> str:
    return "/"


@PAGES.add
async def portal_track(_: PortalStand) -> str:
    return "/track"


@PAGES.add
async def portal_track_wrong(stand: PortalStand) -> Seen:
    page = await stand.browser.get("/track")
    return await stand.press(page, "/track", payment="1234", mobile="12345")


@PAGES.add
async def portal_track_busy(stand: PortalStand) -> Seen:
    stand.limits.is_open = False
    return await _tracked(stand)


@PAGES.add
async def portal_track_code(stand: PortalStand) -> str:
    await _tracked(stand)
    return "/track/code"


@PAGES.add
async def portal_track_code_of_a_rehearsal(stand: PortalStand) -> str:
    await _tracked(stand)
    return "/track/code"


@PAGES.add
async def portal_track_code_wrong(stand: PortalStand) -> Seen:
    await _tracked(stand)
    return await _typed(stand)


@PAGES.add
async def portal_track_code_dead(stand: PortalStand) -> Seen:
    await _tracked(stand)
    for _ in range(TRIES_MAX - 1):
        await _typed(stand)
    return await _typed(stand)


async def _tracked(stand: PortalStand) -> Seen:
    page = await stand.browser.get("/track")
    return await stand.press(page, "/track", payment="261202104512abcde", mobile="01712345678")


async def _typed(stand: PortalStand) -> Seen:
    return await stand.press(await stand.browser.get("/track/code"), "/track/code", code="000000")


def _result(stand: PortalStand) -> str:
    return f"/cart/{stand.counter.carts[-1].reference}"


@PAGES.add
async def portal_result_accepted(stand: PortalStand) -> str:
    stand.desco.profile = replace(stand.desco.profile, stand_in_seconds=86_400.0)
    await stand.fill_with_two()
    stand.desco.deeds.append(Deed(Unreached("connection refused")))
    cart = await stand.scene.worked(await stand.pay())
    return f"/cart/{cart.reference}"


@PAGES.add
async def portal_result_not_paid_yet(stand: PortalStand) -> str:
    await stand.fill_with_two()
    await stand.order()
    return _result(stand)


@PAGES.add
async def portal_result_received(stand: PortalStand) -> str:
    await stand.fill_with_two()
    await stand.pay()
    return _result(stand)


@PAGES.add
async def portal_result_under_way(stand: PortalStand) -> str:
    await stand.fill_with_two()
    stand.desco.deeds.append(LOSES_ANSWER)
    await stand.scene.worked(await stand.pay())
    return _result(stand)


@PAGES.add
async def portal_result_all_paid(stand: PortalStand) -> str:
    await stand.fill_with_two()
    recharge = stand.counter.billers["desco_prepaid"]
    # The carts in memory have one prefund.
    recharge.profile = replace(recharge.profile, bucket="postpaid")
    recharge.replies.append(BillFound(replace(a_bill("41234567", 50_000), bill_key="")))
    fields = {"A-account_no": "41234567", "A-mobile": "01712345678", "A-amount": "500"}
    await stand.send(fields, "/bills/desco_prepaid")
    lines = (TokenLine(1, TokenKind.CREDIT, "12345678901234567890"),)
    recharge.deeds.append(Deed(Approved({"receipt": "D-17"}, lines), posts=True))
    await stand.scene.worked(await stand.pay())
    return _result(stand)


@PAGES.add
async def portal_result_some_paid(stand: PortalStand) -> str:
    await stand.fill_with_two()
    stand.desco.deeds.append(Deed(Declined("already_paid")))
    await stand.scene.worked(await stand.pay())
    return _result(stand)


async def _refunded(stand: PortalStand, state: RefundState, *events: RefundEvent) -> str:
    """A cart of two bills, one of which goes back by a refund to which this has happened, a day each."""
    await stand.fill_with_two()
    stand.desco.deeds.append(Deed(Declined("refused")))
    (refund,) = (await stand.scene.worked(await stand.pay())).refunds
    begun = stand.scene.small.clock.now()
    days = [begun + timedelta(days=nth) for nth in range(len(events))]
    stand.scene.carts.refunds[refund.reference] = state
    stand.scene.carts.refund_events[refund.reference] = list(zip(events, days, strict=True))
    return _result(stand)


@PAGES.add
async def portal_refund_in_doubt(stand: PortalStand) -> str:
    return await _refunded(stand, RefundState.IN_DOUBT, RefundEvent.SENDING, RefundEvent.DOUBTED)


@PAGES.add
async def portal_refund_done(stand: PortalStand) -> str:
    return await _refunded(stand, RefundState.DONE, RefundEvent.SENDING, RefundEvent.PAID_BACK)


@PAGES.add
async def portal_refund_by_hand(stand: PortalStand) -> str:
    return await _refunded(stand, RefundState.BY_HAND, RefundEvent.SENDING, RefundEvent.LEFT_TO_FINANCE)


@PAGES.add
async def portal_result_never_paid(stand: PortalStand) -> str:
    await stand.fill_with_two()
    stand.scene.checkout_says(await stand.order(), PaymentState.EXPIRED)
    return _result(stand)


@PAGES.add
async def portal_result_in_review(stand: PortalStand) -> str:
    await stand.fill_with_two()
    stand.scene.checkout_says(await stand.order(), PaymentState.IN_REVIEW)
    return _result(stand)


@PAGES.add
async def portal_no_cart(_: PortalStand) -> str:
    return f"/cart/{'Z' * 26}"


PORTAL = {**PAGES, **ACCOUNT, **COMPLAINTS, **COUNTER}
"""Every page of the portal in every state, by the name of what is played."""
