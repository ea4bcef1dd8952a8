"""`/track`: who gets to the page of a payment, and what everybody else can tell (T35 to T40, T97)."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from ekpay_switch.domain.bangla import in_bangla_digits
from ekpay_switch.domain.citizens.one_time_codes import TRIES_MAX
from tests.web.checkout.checkout_setup import Seen
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import INBOX, PortalStand

NUMBER, OTHER = "01712345678", "01812345678"
NOBODYS = "261202104512abcde"


async def paid(language: str = "en", *, is_rehearsal: bool = False) -> tuple[PortalStand, str]:
    """A payer who gave a number, and the number of the payment."""
    stand = PortalStand(language, has_gateway=True, is_rehearsal=is_rehearsal)
    await stand.fill()
    page = await stand.browser.get("/cart")
    assert (await stand.press(page, "/cart/pay", mobile=NUMBER)).place.startswith("/pay/checkout/")
    return stand, stand.scene.order_of(stand.counter.carts[-1]).ekpay_trnx_id


def elsewhere(stand: PortalStand) -> None:
    """The same person with another browser."""
    stand.browser.cookies.clear()


async def tracked(stand: PortalStand, payment: str, mobile: str = NUMBER) -> Seen:
    return await stand.press(await stand.browser.get("/track"), "/track", payment=payment, mobile=mobile)


async def typed(stand: PortalStand, code: str) -> Seen:
    return await stand.press(await stand.browser.get("/track/code"), "/track/code", code=code)


def sent_code(stand: PortalStand) -> str:
    return next(word.strip(".।") for word in stand.codes.messages[-1].text.split() if word[:6].isdigit())


def field_of(seen: Seen, name: str) -> dict[str, str]:
    (found,) = seen.html.all("input", id=name)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_payer_comes_back_to_the_payment_with_another_phone(language: str) -> None:
    stand, payment = await paid(language)
    elsewhere(stand)
    answer = await tracked(stand, payment)
    assert (answer.status, answer.place.partition("?")[0]) == (303, "/track/code")
    page = await stand.browser.follow(answer)
    assert stand.says(page, "track_code.what")
    assert stand.says(page, "track_code.safety")
    assert not stand.says(page, "site.safety"), "here we do ask for a code"
    answer = await typed(stand, sent_code(stand))
    assert (answer.status, answer.place.partition("?")[0]) == (
        303,
        f"/cart/{stand.counter.carts[-1].reference}",
    )
    assert (await stand.browser.follow(answer)).status == 200
    again = await stand.browser.get("/track/code")
    assert again.place.partition("?")[0] == "/track", "the browser has no code any more"


@pytest.mark.parametrize("mobile", ["০১৭১২৩৪৫৬৭৮", "+88 01712-345678", "0088 017 1234 5678", "8801712345678"])
async def test_a_number_is_the_same_however_it_is_written(mobile: str) -> None:
    stand, payment = await paid()
    await tracked(stand, payment, mobile)
    assert [message.number for message in stand.codes.messages] == [NUMBER]
    bangla = in_bangla_digits(payment.upper())
    await tracked(stand, f"{bangla[:6]} {bangla[6:]}", mobile)
    assert len(stand.codes.messages) == 2


@pytest.mark.parametrize("language", LANGUAGES)
async def test_nobody_can_tell_what_is_known_here(language: str) -> None:
    stand, payment = await paid(language)
    answers = {}
    for name, (number, mobile) in {
        "both": (payment, NUMBER),
        "another number": (payment, OTHER),
        "no payment": (NOBODYS, NUMBER),
    }.items():
        elsewhere(stand)
        redirect = await tracked(stand, number, mobile)
        form = await stand.browser.follow(redirect)
        wrong = await typed(stand, "000000")
        answers[name] = [shape(one) for one in (redirect, form, wrong)]
    assert answers["both"] == answers["another number"] == answers["no payment"]
    assert len(stand.codes.messages) == 1


def shape(seen: Seen) -> tuple[object, ...]:
    """An answer but for what is random in it."""
    names: Mapping[str, str] = {name: value for name, value in seen.headers.items() if name != "set-cookie"}
    return seen.status, names, seen.text, sorted(cookie.partition("=")[0] for cookie in seen.cookies)


async def test_five_wrong_codes_end_it_and_the_right_one_comes_too_late() -> None:
    stand, payment = await paid()
    await tracked(stand, payment)
    code = sent_code(stand)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for left in range(TRIES_MAX - 1, 0, -1):
        seen = await typed(stand, wrong)
        assert (seen.status, stand.says(seen, "track_code.fault.tries_left", count=stand.t.number(left))) == (
            422,
            True,
        )
    assert stand.says(await typed(stand, wrong), "portal_notice.code_dead.title")
    seen = await typed(stand, code)
    assert (seen.status, stand.says(seen, "portal_notice.code_dead.title")) == (422, True)


async def test_a_code_of_another_browser_or_an_old_one_opens_nothing() -> None:
    stand, payment = await paid()
    await tracked(stand, payment)
    code = sent_code(stand)
    elsewhere(stand)
    await tracked(stand, NOBODYS)
    assert (await typed(stand, code)).status == 422
    elsewhere(stand)
    assert (await stand.browser.get("/track/code")).place.partition("?")[0] == "/track"
    stand, payment = await paid()
    await tracked(stand, payment)
    stand.scene.small.clock.instant += timedelta(minutes=5)
    assert stand.says(await typed(stand, sent_code(stand)), "portal_notice.code_dead.title")


async def test_a_second_request_of_the_browser_ends_the_first_code() -> None:
    stand, payment = await paid()
    await tracked(stand, payment)
    first = sent_code(stand)
    await tracked(stand, payment)
    assert len([one for one in stand.codes.codes.values() if not one.is_over]) == 1
    if first != sent_code(stand):
        assert (await typed(stand, first)).status == 422


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(language: str) -> None:
    stand, _ = await paid(language)
    seen = await tracked(stand, "1234", "12345")
    assert seen.status == 422
    for field, key in (("payment", "payment_wrong"), ("mobile", "mobile_wrong")):
        assert stand.says(seen, f"track.fault.{key}")
        assert seen.html.all("a", href=f"#{field}")
    assert [field_of(seen, name)["value"] for name in ("payment", "mobile")] == ["1234", "12345"]
    seen = await tracked(stand, "", "")
    assert all(stand.says(seen, f"track.fault.{one}_missing") for one in ("payment", "mobile"))
    assert stand.codes.codes == {}


@pytest.mark.parametrize(("code", "fault"), [("", "missing"), ("12345", "wrong"), ("<b>123456", "wrong")])
async def test_what_can_be_no_code_costs_no_try(code: str, fault: str) -> None:
    stand, payment = await paid()
    await tracked(stand, payment)
    seen = await typed(stand, code)
    assert (seen.status, stand.says(seen, f"track_code.fault.{fault}")) == (422, True)
    assert [one.tries for one in stand.codes.codes.values()] == [0]
    assert b"<b>" not in seen.body


async def test_the_switch_of_the_language_keeps_what_was_typed_and_requests_nothing() -> None:
    stand, payment = await paid()
    page = await stand.browser.get("/track")
    seen = await stand.press(page, "/track", payment=payment, mobile=NUMBER, language="")
    assert (seen.status, field_of(seen, "mobile")["value"]) == (200, NUMBER)
    assert stand.codes.codes == {}


async def test_too_many_requests_are_told_to_wait() -> None:
    stand, payment = await paid()
    stand.limits.is_open = False
    seen = await tracked(stand, payment)
    assert (seen.status, stand.says(seen, "portal_notice.codes_busy.title")) == (429, True)
    assert seen.headers["retry-after"]
    assert stand.codes.codes == {}


async def test_neither_code_nor_number_stands_in_an_address_or_a_title() -> None:
    stand, payment = await paid()
    pages = [await tracked(stand, payment), await typed(stand, "000000")]
    pages.append(await typed(stand, sent_code(stand)))
    for seen in pages:
        for secret in (NUMBER, sent_code(stand), payment):
            assert secret not in seen.place
            assert all(secret not in cookie for cookie in seen.cookies)
            assert secret not in seen.body.decode().partition("</title>")[0]


async def test_a_form_of_another_page_requests_and_opens_nothing() -> None:
    stand, payment = await paid()
    fields = {"csrf": "0" * 64, "payment": payment, "mobile": NUMBER}
    assert (await stand.browser.post("/track", fields)).status == 403
    assert stand.codes.codes == {}
    await tracked(stand, payment)
    assert (await stand.browser.post("/track/code", {"csrf": "", "code": sent_code(stand)})).status == 403
    assert [one.tries for one in stand.codes.codes.values()] == [0]


@pytest.mark.parametrize("cookie", ["", "x", "0" * 31, "g" * 32, "0" * 4_000, "\u09e7" * 32])
async def test_a_cookie_may_hold_anything(cookie: str) -> None:
    stand = PortalStand(has_gateway=True)
    stand.browser.cookies["ekpay-code"] = cookie.encode().decode("latin-1")
    assert (await stand.browser.get("/track/code")).status == 303
    page = await stand.browser.get("/track")
    assert (await stand.press(page, "/track/code", code="123456")).status == 303


async def test_a_rehearsal_leads_to_its_inbox_and_nothing_else_does() -> None:
    stand, payment = await paid(is_rehearsal=True)
    page = await stand.browser.follow(await tracked(stand, payment))
    assert f"{INBOX}?lang=en" in page.html.links()
    stand, payment = await paid()
    page = await stand.browser.follow(await tracked(stand, payment))
    assert not [link for link in page.html.links() if "inbox" in link]


async def test_without_a_gateway_there_is_no_such_page_and_nobody_is_asked_for_a_number() -> None:
    stand = PortalStand()
    assert (await stand.browser.get("/track")).status == 404
    assert (await stand.browser.get("/track/code")).status == 404
    assert "/track" not in str((await stand.browser.get("/")).html.links())
    await stand.fill()
    assert not (await stand.browser.get("/cart")).html.all("input", id="mobile")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_number_that_is_none_is_told_before_anything_is_ordered(language: str) -> None:
    stand = PortalStand(language, has_gateway=True)
    await stand.fill()
    page = await stand.browser.get("/cart")
    seen = await stand.press(page, "/cart/pay", mobile="12345")
    assert (seen.status, stand.says(seen, "track.fault.mobile_wrong")) == (422, True)
    field = field_of(seen, "mobile")
    assert (field["value"], field["form"]) == ("12345", "pay")
    assert not stand.counter.carts[-1].is_ordered
    assert stand.contacts.kept == {}
    seen = await stand.press(page, "/cart/pay", mobile="12345", language="")
    assert (seen.status, field_of(seen, "mobile")["value"]) == (200, "12345")
    assert not stand.counter.carts[-1].is_ordered


async def test_a_number_is_kept_with_the_cart_and_nobody_has_to_give_one() -> None:
    stand, _ = await paid("bn")
    (contact,) = stand.contacts.kept.values()
    assert (contact.number, contact.language) == (NUMBER, "bn")
    stand = PortalStand(has_gateway=True)
    await stand.fill()
    await stand.order()
    assert stand.contacts.kept == {}
