"""A citizen saves what names a paid bill, finds it first, and lets go of it (T45, ADR 0125)."""

from uuid import UUID

import pytest

from ekpay_switch.domain.bill import BillFound
from ekpay_switch.domain.citizens.saved_bills import NICKNAME_MAX, SavedBill
from ekpay_switch.security.identifiers import uuid7
from tests.factories import a_bill
from tests.fakes.citizens import FakeSavedBills
from tests.web.checkout.checkout_setup import Seen
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import PortalStand
from tests.web.portal.test_account_pages import accounts_of, entered, stand_of

ACCOUNT = "87654321"


def saved_of(stand: PortalStand) -> FakeSavedBills:
    citizens = stand.counter.portal.citizens
    assert citizens is not None
    assert isinstance(citizens.saved_bills, FakeSavedBills)
    return citizens.saved_bills


def citizen_of(stand: PortalStand) -> UUID:
    (citizen_id,) = accounts_of(stand).citizens.values()
    return citizen_id


async def paid_by_account(stand: PortalStand) -> str:
    """Pay a bill that is named by its account; the page on which it can be saved."""
    stand.desco.replies.append(BillFound(a_bill()))
    sent = await stand.send({"group": "B", "B-account_no": ACCOUNT}, "/bills/desco_postpaid")
    assert sent.status == 303, sent.text
    cart = await stand.pay()
    return f"/account/save/{cart.reference}/{cart.bills[0].seq}"


async def saved(stand: PortalStand, path: str, nickname: str = "Home") -> Seen:
    return await stand.press(await stand.browser.get(path), path, nickname=nickname)


def leads_to(page: Seen, path: str) -> bool:
    return any(link.partition("?")[0] == path for link in page.html.links())


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_paid_bill_is_saved_under_a_name_and_stands_first(language: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    path = await paid_by_account(stand)
    assert leads_to(await stand.browser.get("/account"), path)
    answer = await saved(stand, path)
    assert (answer.status, answer.place.partition("?")[0]) == (303, "/account")
    (kept,) = saved_of(stand).kept[citizen_of(stand)]
    assert (kept.biller_id, kept.fields, kept.nickname) == ("desco_postpaid", {"account_no": ACCOUNT}, "Home")
    for page in ("/", "/account"):
        seen = await stand.browser.get(page)
        assert "Home" in seen.text
        assert any(f"saved={kept.saved_id.hex}" in link for link in seen.html.links())
    assert not leads_to(await stand.browser.get("/account"), path), "it is saved already"


async def test_its_form_is_filled_in_and_what_is_of_one_bill_is_empty() -> None:
    stand = stand_of()
    await entered(stand)
    kept = SavedBill(uuid7(), "nesco_prepaid", {"customer_no": "14012345"}, "Shop")
    await saved_of(stand).save(citizen_of(stand), kept)
    form = (await stand.browser.get(f"/bills/nesco_prepaid?saved={kept.saved_id.hex}")).html
    assert [one["value"] for one in form.all("input", name="A-customer_no")] == ["14012345"]
    assert [one["value"] for one in form.all("input", name="A-amount")] == [""]


async def test_a_saved_way_to_name_a_bill_is_chosen_in_the_form() -> None:
    stand = stand_of()
    await entered(stand)
    kept = SavedBill(uuid7(), "desco_postpaid", {"account_no": ACCOUNT}, "")
    await saved_of(stand).save(citizen_of(stand), kept)
    form = (await stand.browser.get(f"/bills/desco_postpaid?saved={kept.saved_id.hex}")).html
    assert [one["value"] for one in form.all("input", name="group") if "checked" in one] == ["B"]
    assert [one["value"] for one in form.all("input", name="B-account_no")] == [ACCOUNT]


async def test_nobody_sees_what_another_citizen_has_saved() -> None:
    stand = stand_of()
    await entered(stand)
    kept = SavedBill(uuid7(), "desco_postpaid", {"account_no": ACCOUNT}, "Home")
    await saved_of(stand).save(uuid7(), kept)
    for page in ("/", "/account", f"/bills/desco_postpaid?saved={kept.saved_id.hex}"):
        assert ACCOUNT not in (await stand.browser.get(page)).text
    form = (await stand.browser.get(f"/bills/desco_postpaid?saved={kept.saved_id.hex}")).html
    assert [one["value"] for one in form.all("input", name="B-account_no")] == [""]


async def test_nobody_saves_the_bill_of_a_cart_that_is_not_theirs() -> None:
    stand = stand_of()
    path = await paid_by_account(stand)
    await entered(stand)
    assert (await stand.browser.get(path)).place.partition("?")[0] == "/account"
    page = await stand.browser.get("/account")
    answer = await stand.press(page, path, nickname="Home")
    assert (answer.status, answer.place.partition("?")[0]) == (303, "/account")
    assert saved_of(stand).kept == {}


async def test_a_bill_that_is_named_by_its_own_number_is_not_offered_to_be_saved() -> None:
    stand = stand_of()
    await entered(stand)
    await stand.fill()
    cart = await stand.pay()
    path = f"/account/save/{cart.reference}/{cart.bills[0].seq}"
    assert not leads_to(await stand.browser.get("/account"), path)
    assert (await stand.browser.get(path)).place.partition("?")[0] == "/account"


@pytest.mark.parametrize("seq", ["0", "2", "-1", "x", "1" * 30, "\u09e7"])
async def test_a_bill_that_is_not_in_the_cart_is_not_saved(seq: str) -> None:
    stand = stand_of()
    await entered(stand)
    path = await paid_by_account(stand)
    wrong = f"{path.rpartition('/')[0]}/{seq}"
    assert (await stand.browser.get(wrong)).place.partition("?")[0] == "/account"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_name_that_is_too_long_comes_back_with_the_fault(language: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    path = await paid_by_account(stand)
    seen = await saved(stand, path, "x" * (NICKNAME_MAX + 1))
    assert seen.status == 422
    assert stand.says(seen, "save_bill.fault.too_long", most=stand.t.number(NICKNAME_MAX))
    assert [one["value"] for one in seen.html.all("input", name="nickname")] == ["x" * (NICKNAME_MAX + 1)]
    assert saved_of(stand).kept == {}


async def test_the_page_is_shown_in_the_other_language_with_what_was_typed() -> None:
    stand = stand_of()
    await entered(stand)
    path = await paid_by_account(stand)
    page = await stand.browser.get(path)
    seen = await stand.press(page, path, nickname="Home", language="")
    assert [one["value"] for one in seen.html.all("input", name="nickname")] == ["Home"]
    assert saved_of(stand).kept == {}


async def test_an_account_that_is_full_says_so() -> None:
    stand = stand_of()
    await entered(stand)
    path = await paid_by_account(stand)
    saved_of(stand).is_full = True
    seen = await saved(stand, path)
    assert seen.status == 422
    assert stand.says(seen, "save_bill.fault.too_many")


async def test_a_saved_bill_is_removed() -> None:
    stand = stand_of()
    await entered(stand)
    kept = SavedBill(uuid7(), "desco_postpaid", {"account_no": ACCOUNT}, "Home")
    await saved_of(stand).save(citizen_of(stand), kept)
    page = await stand.browser.get("/account")
    for rubbish in ("", "x", uuid7().hex):
        await stand.press(page, "/account/saved", saved=rubbish)
    assert saved_of(stand).kept[citizen_of(stand)] == [kept]
    await stand.press(page, "/account/saved", saved=kept.saved_id.hex)
    assert saved_of(stand).kept[citizen_of(stand)] == []


async def test_a_biller_that_is_not_offered_any_more_is_not_shown() -> None:
    stand = stand_of()
    await entered(stand)
    await saved_of(stand).save(citizen_of(stand), SavedBill(uuid7(), "gone", {"account_no": ACCOUNT}, "Home"))
    for page in ("/", "/account"):
        assert "Home" not in (await stand.browser.get(page)).text


async def test_a_name_is_a_text_and_no_markup() -> None:
    stand = stand_of()
    await entered(stand)
    await saved(stand, await paid_by_account(stand), "<b>x</b>")
    for page in ("/", "/account"):
        seen = await stand.browser.get(page)
        assert "<b>x</b>" in seen.text
        assert seen.html.all("b") == []
