"""`/account`: who gets in, what a citizen sees, and what ends a session (T35 to T38, T42, T44, T45, T97)."""

from datetime import timedelta

import pytest

from ekpay_switch.domain.citizens.accounts import FRESH_FOR
from ekpay_switch.domain.citizens.one_time_codes import TRIES_MAX
from ekpay_switch.web.portal import session_cookie
from tests.fakes.citizens import FakeAccounts
from tests.web.checkout.checkout_setup import Seen
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import INBOX, PortalStand

NUMBER, OTHER = "01712345678", "01812345678"
COOKIE = f"__Host-{session_cookie.COOKIE}"


def stand_of(language: str = "en", *, is_rehearsal: bool = False) -> PortalStand:
    return PortalStand(language, has_gateway=True, is_rehearsal=is_rehearsal)


def accounts_of(stand: PortalStand) -> FakeAccounts:
    citizens = stand.counter.portal.citizens
    assert citizens is not None
    assert isinstance(citizens.accounts, FakeAccounts)
    return citizens.accounts


async def requested(stand: PortalStand, mobile: str = NUMBER) -> Seen:
    return await stand.press(await stand.browser.get("/account"), "/account", mobile=mobile)


async def typed(stand: PortalStand, code: str) -> Seen:
    return await stand.press(await stand.browser.get("/account/code"), "/account/code", code=code)


def sent_code(stand: PortalStand) -> str:
    return next(word.strip(".।") for word in stand.codes.messages[-1].text.split() if word[:6].isdigit())


async def entered(stand: PortalStand, mobile: str = NUMBER) -> Seen:
    await requested(stand, mobile)
    answer = await typed(stand, sent_code(stand))
    assert (answer.status, answer.place.partition("?")[0]) == (303, "/account")
    return await stand.browser.follow(answer)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_citizen_signs_in_by_a_code(language: str) -> None:
    stand = stand_of(language)
    page = await stand.browser.get("/account")
    assert stand.says(page, "sign_in.what")
    answer = await requested(stand)
    assert (answer.status, answer.place.partition("?")[0]) == (303, "/account/code")
    asked = await stand.browser.follow(answer)
    assert stand.says(asked, "sign_in_code.what")
    assert not stand.says(asked, "site.safety"), "here we do ask for a code"
    seen = await entered(stand)
    assert stand.says(seen, "account.no_payments")
    assert NUMBER not in seen.text
    assert list(accounts_of(stand).citizens) == [NUMBER]


async def test_numbers_with_and_without_an_account_look_the_same() -> None:
    stand = stand_of()
    await entered(stand)
    stand.browser.cookies.clear()
    known = await stand.browser.follow(await requested(stand, NUMBER))
    stand.browser.cookies.clear()
    unknown = await stand.browser.follow(await requested(stand, OTHER))
    without_token = [seen.body.replace(seen.html.fields()["csrf"].encode(), b"") for seen in (known, unknown)]
    assert without_token[0] == without_token[1]


@pytest.mark.parametrize("mobile", ["০১৭১২৩৪৫৬৭৮", "01712-345 678", "+8801712345678", "008801712345678"])
async def test_every_spelling_of_a_number_is_one_account(mobile: str) -> None:
    stand = stand_of()
    await entered(stand, mobile)
    assert list(accounts_of(stand).citizens) == [NUMBER]


@pytest.mark.parametrize(("mobile", "fault"), [("", "missing"), ("12345", "wrong"), ("<b>", "wrong")])
async def test_what_is_no_number_comes_back_with_the_fault_and_sends_nothing(mobile: str, fault: str) -> None:
    stand = stand_of()
    seen = await requested(stand, mobile)
    assert seen.status == 422
    assert stand.says(seen, f"track.fault.mobile_{fault}")
    assert stand.codes.messages == []


async def test_a_wrong_code_may_be_corrected_four_times() -> None:
    stand = stand_of()
    await requested(stand)
    right = sent_code(stand)
    wrong = "0" * 6 if right != "0" * 6 else "1" * 6
    for _ in range(TRIES_MAX - 1):
        assert (await typed(stand, wrong)).status == 422
    assert stand.says(await typed(stand, wrong), "portal_notice.code_dead.title")
    assert stand.says(await typed(stand, right), "portal_notice.code_dead.title")
    assert accounts_of(stand).live == {}


async def test_whoever_has_requested_no_code_begins_at_the_beginning() -> None:
    stand = stand_of()
    assert (await stand.browser.get("/account/code")).place.partition("?")[0] == "/account"


async def test_a_session_that_was_set_by_a_stranger_is_not_the_citizens() -> None:
    stand = stand_of()
    planted = "A" * 26
    stand.browser.cookies[COOKIE] = planted
    await entered(stand)
    assert stand.browser.cookies[COOKIE] != planted
    assert planted not in accounts_of(stand).live


async def test_after_signing_out_the_old_cookie_is_dead() -> None:
    stand = stand_of()
    page = await entered(stand)
    secret = stand.browser.cookies[COOKIE]
    answer = await stand.press(page, "/account/out")
    assert answer.place.partition("?")[0] == "/"
    assert accounts_of(stand).live == {}
    stand.browser.cookies[COOKIE] = secret
    assert stand.says(await stand.browser.get("/account"), "sign_in.what")


async def test_a_citizen_ends_the_session_of_another_phone() -> None:
    stand = stand_of()
    await entered(stand)
    first = stand.browser.cookies.pop(COOKIE)
    page = await entered(stand)
    assert len(accounts_of(stand).live) == 2
    other = accounts_of(stand).live[first][0].session_id
    answer = await stand.press(page, "/account/sessions", session=other.hex)
    assert answer.status == 303
    assert first not in accounts_of(stand).live
    assert len(accounts_of(stand).live) == 1


@pytest.mark.parametrize("session", ["", "x", "0" * 32, "others"])
async def test_rubbish_ends_no_session_and_the_own_one_stays(session: str) -> None:
    stand = stand_of()
    page = await entered(stand)
    answer = await stand.press(page, "/account/sessions", session=session)
    assert answer.status == 303
    assert len(accounts_of(stand).live) == 1


async def test_closing_asks_for_a_code_of_the_last_ten_minutes() -> None:
    stand = stand_of()
    await entered(stand)
    stand.scene.small.clock.pass_by((FRESH_FOR + timedelta(seconds=1)).total_seconds())
    page = await stand.browser.get("/account/close")
    assert stand.says(page, "account_close.button_code")
    answer = await stand.press(page, "/account/close")
    assert answer.place.partition("?")[0] == "/account/code"
    assert list(accounts_of(stand).citizens) == [NUMBER]
    await typed(stand, sent_code(stand))
    page = await stand.browser.get("/account/close")
    answer = await stand.press(page, "/account/close")
    assert answer.place.partition("?")[0] == "/"
    assert (accounts_of(stand).citizens, accounts_of(stand).live) == ({}, {})


@pytest.mark.parametrize("path", ["/account/out", "/account/sessions", "/account/close"])
async def test_a_form_of_the_account_does_nothing_for_whoever_is_not_signed_in(path: str) -> None:
    stand = stand_of()
    page = await entered(stand)
    del stand.browser.cookies[COOKIE]
    answer = await stand.press(page, path, session="others")
    assert answer.place.partition("?")[0] == "/account"
    assert len(accounts_of(stand).live) == 1


@pytest.mark.parametrize(
    "path", ["/account", "/account/code", "/account/out", "/account/sessions", "/account/close"]
)
async def test_a_form_of_a_foreign_page_changes_nothing(path: str) -> None:
    stand = stand_of()
    await entered(stand)
    before = dict(accounts_of(stand).live)
    seen = await stand.browser.post(path, {"csrf": "x", "mobile": OTHER, "session": "others"})
    assert seen.status == 403
    assert accounts_of(stand).live == before


async def test_what_is_paid_while_signed_in_is_in_the_account_and_goes_to_its_number() -> None:
    stand = stand_of()
    await entered(stand)
    await stand.fill()
    page = await stand.browser.get("/cart")
    assert "the result goes to your number 017*****678" in page.text
    assert (await stand.press(page, "/cart/pay")).place.startswith("/pay/checkout/")
    seen = await stand.browser.get("/account")
    assert not stand.says(seen, "account.no_payments")
    assert stand.says(seen, "result.cart.not_paid_yet.title")
    (contact,) = stand.contacts.kept.values()
    assert contact.number == NUMBER


async def test_a_cart_that_was_claimed_and_never_ordered_is_no_payment() -> None:
    stand = stand_of()
    await entered(stand)
    await stand.fill()
    (citizen,) = accounts_of(stand).citizens.values()
    (cart_id,) = stand.scene.carts.carts
    await accounts_of(stand).claim_cart(citizen, cart_id)
    assert stand.says(await stand.browser.get("/account"), "account.no_payments")


async def test_nobody_sees_the_payments_of_another_citizen() -> None:
    stand = stand_of()
    await entered(stand)
    await stand.fill()
    await stand.press(await stand.browser.get("/cart"), "/cart/pay")
    stand.browser.cookies.clear()
    assert stand.says(await entered(stand, OTHER), "account.no_payments")


async def test_a_rehearsal_says_where_the_message_is() -> None:
    stand = stand_of(is_rehearsal=True)
    page = await stand.browser.follow(await requested(stand))
    assert INBOX in page.body.decode()


async def test_without_a_gateway_there_are_no_accounts() -> None:
    stand = PortalStand("en", has_gateway=False)
    assert (await stand.browser.get("/account")).status == 404
    assert "/account" not in (await stand.browser.get("/")).text
