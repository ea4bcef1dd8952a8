"""`/agent`: who is let in, and a payer's bill from the form to the slip."""

import asyncio
from uuid import UUID

import pytest

from tests.factories import a_bill
from tests.fakes.agents import AGENT
from tests.fakes.billers import LOSES_ANSWER
from tests.web.agents.counter_pages_setup import (
    BILL,
    REFUSES,
    TOTAL,
    closed,
    confirmed,
    counter_of,
    opened,
    operator_of,
    path_of,
    shown,
)
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import BILL_NO, DESCO, PortalStand
from tests.web.portal.test_account_pages import NUMBER, OTHER, accounts_of, entered, sent_code, stand_of

# ---- who is let in


async def test_whoever_is_not_signed_in_is_asked_for_a_number_and_comes_to_the_counter() -> None:
    stand = stand_of()
    await operator_of(stand)
    stand.browser.cookies.clear()
    page = await stand.browser.get("/agent")
    assert stand.says(page, "sign_in.title")
    await stand.press(page, "/agent", mobile=NUMBER)
    asked = await stand.browser.get("/agent/code")
    answer = await stand.press(asked, "/agent/code", code=sent_code(stand))
    assert answer.place.partition("?")[0] == "/agent"
    assert stand.says(await stand.browser.follow(answer), "agent.opening.title")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_citizen_is_nobodys_operator(language: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    for path in ("/agent", "/agent/close", f"/agent{DESCO}", f"/agent/orders/{UUID(int=1).hex}"):
        seen = await stand.browser.get(path)
        assert seen.status == 403
        assert stand.says(seen, "portal_notice.no_operator.title")


async def test_an_operator_who_was_let_go_is_out_with_the_next_request() -> None:
    stand = stand_of()
    page = await opened(stand)
    counter_of(stand).operators.clear()
    assert (await stand.press(page, "/agent/close", counted="0")).status == 403
    assert (await stand.browser.get("/agent")).status == 403


async def test_a_form_of_whoever_is_not_signed_in_changes_nothing() -> None:
    stand = stand_of()
    page = await opened(stand)
    await accounts_of(stand).end_other_sessions(accounts_of(stand).citizens[NUMBER], UUID(int=1))
    answer = await stand.press(page, "/agent/close", counted="0")
    assert (answer.status, answer.place.partition("?")[0]) == (303, "/agent")
    (drawer,) = counter_of(stand).drawers_by_id.values()
    assert drawer.closed_at is None


async def test_a_form_of_another_page_changes_nothing() -> None:
    stand = stand_of()
    await opened(stand)
    page = await shown(stand)
    for path in ("/agent/close", "/agent/drawer", path_of(page), f"{path_of(page)}/back"):
        assert (await stand.browser.post(path, {"csrf": "x" * 43, "counted": "0"})).status == 403
    assert stand.scene.small.books.payments == {}


async def test_without_text_messages_there_is_no_counter() -> None:
    assert (await PortalStand().browser.get("/agent")).status == 404


async def test_the_orders_and_days_of_another_agent_are_nowhere() -> None:
    stand = stand_of()
    await opened(stand)
    page = await confirmed(stand)
    day = await closed(stand, "500")
    counter_of(stand).operators.clear()
    stand.browser.cookies.clear()
    await operator_of(stand, OTHER, "udc2")
    for path in (path_of(page), path_of(day), "/agent/orders/rubbish", "/agent/days/rubbish"):
        seen = await stand.browser.get(path)
        assert seen.status == 404
        assert stand.says(seen, "portal_notice.no_order.title")
    form = await stand.browser.get("/agent")
    for path in (path_of(page), f"{path_of(page)}/back"):
        assert (await stand.press(form, path)).status == 404


# ---- a payer at the counter


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_payers_bill_is_shown_paid_and_printed(language: str) -> None:
    stand = stand_of(language)
    desk = await opened(stand)
    assert f"/agent{DESCO}" in {link.partition("?")[0] for link in desk.html.links()}
    page = await shown(stand)
    assert stand.says(page, "agent.take_cash", amount=stand.t.amount(TOTAL))
    assert stand.scene.small.books.payments == {}
    paid = await stand.browser.follow(await stand.press(page, path_of(page)))
    assert stand.says(paid, "agent.outcome.paid.title")
    assert "Rahim" in paid.text
    assert any(link.startswith("/receipt/") for link in paid.html.links())
    assert len(stand.desco.orders) == 1
    assert stand.says(await stand.browser.get("/agent"), "agent.outcome.paid.short")


async def test_a_search_at_the_counter_leads_to_forms_of_the_counter() -> None:
    stand = stand_of()
    await opened(stand)
    found = await stand.browser.get("/agent?q=desco")
    links = {link.partition("?")[0] for link in found.html.links()}
    assert f"/agent{DESCO}" in links
    assert not any(link.startswith("/bills/") for link in links)
    assert stand.says(await stand.browser.get("/agent?q=xyzzy"), "home.nothing", typed="xyzzy")


async def test_pressed_again_a_bill_is_paid_once() -> None:
    stand = stand_of()
    await opened(stand)
    page = await shown(stand)
    for _ in range(3):
        assert (await stand.press(page, path_of(page))).status == 303
    assert len(stand.desco.orders) == 1


async def test_a_refused_bill_is_handed_back_once() -> None:
    stand = stand_of()
    await opened(stand)
    stand.desco.deeds.append(REFUSES)
    page = await confirmed(stand)
    assert stand.says(page, "agent.outcome.to_hand_back.title")
    assert stand.says(page, "agent.why.other")
    for _ in range(2):
        done = await stand.browser.follow(await stand.press(page, f"{path_of(page)}/back"))
        assert stand.says(done, "agent.outcome.handed_back.title")
    assert stand.says(await closed(stand, "500"), "agent.day.right")


async def test_a_prefund_that_is_too_low_is_said_so() -> None:
    stand = stand_of()
    await opened(stand)
    stand.scene.small.books.top_up(AGENT, "postpaid", -999_999)
    page = await confirmed(stand)
    assert stand.says(page, "agent.why.prefund_too_low")


async def test_a_payment_in_doubt_says_to_keep_the_cash_and_updates_itself() -> None:
    stand = stand_of()
    await opened(stand)
    stand.desco.deeds.append(LOSES_ANSWER)
    page = await confirmed(stand)
    assert stand.says(page, "agent.outcome.under_way.title")
    assert page.headers["refresh"] == "10"
    assert page.html.all("form") == []


async def test_a_biller_that_answers_later_than_a_browser_waits_is_paid_once() -> None:
    stand = PortalStand("en", has_gateway=True, answer_seconds=0.05)
    await opened(stand)
    page = await shown(stand)
    stand.desco.gate = asyncio.Event()
    waits = await stand.browser.follow(await stand.press(page, path_of(page)))
    assert stand.says(waits, "agent.outcome.under_way.title")
    stand.desco.gate.set()
    await asyncio.sleep(0.05)
    assert (await stand.press(page, path_of(page))).status == 303
    assert stand.says(await stand.browser.get(path_of(page)), "agent.outcome.paid.title")
    assert len(stand.desco.orders) == 1


async def test_a_bill_that_comes_later_than_a_browser_waits_is_unavailable() -> None:
    stand = PortalStand("en", has_gateway=True, answer_seconds=0.05)
    await opened(stand)
    stand.desco.gate = asyncio.Event()
    seen = await stand.send(BILL, f"/agent{DESCO}")
    stand.desco.gate.set()
    assert seen.status == 503
    assert stand.says(seen, "bill.problem.unavailable.title")


async def test_an_old_bill_is_shown_anew_and_not_paid() -> None:
    stand = stand_of()
    await opened(stand)
    page = await shown(stand)
    stand.scene.small.clock.pass_by(stand.desco.profile.timing.quote_life_seconds)
    answer = await stand.browser.follow(await stand.press(page, path_of(page)))
    assert stand.says(answer, "agent.outcome.old.title")
    assert f"/agent{DESCO}" in {link.partition("?")[0] for link in answer.html.links()}
    assert stand.scene.small.books.payments == {}


async def test_a_bill_of_a_drawer_that_was_closed_meanwhile_is_not_paid() -> None:
    stand = stand_of()
    await opened(stand)
    page = await shown(stand)
    await closed(stand, "500")
    seen = await stand.browser.get(path_of(page))
    assert stand.says(seen, "agent.no_drawer")
    await stand.press(await stand.browser.get("/agent"), "/agent/drawer", opening="100")
    refused = await stand.press(page, path_of(page))
    assert refused.status == 409
    assert stand.says(refused, "portal_notice.drawer_closed.title")
    assert stand.scene.small.books.payments == {}


async def test_a_biller_that_was_taken_out_takes_nothing_and_may_be_tried_again() -> None:
    stand = stand_of()
    await opened(stand)
    page = await shown(stand)
    known = list(stand.scene.small.billers.known)
    stand.scene.small.billers.known.clear()
    refused = await stand.press(page, path_of(page))
    assert refused.status == 503
    assert stand.says(refused, "agent.outcome.refused.title")
    stand.scene.small.billers.known[:] = known
    assert (await stand.press(refused, path_of(page))).status == 303
    assert len(stand.desco.orders) == 1


@pytest.mark.parametrize(
    ("number", "text"), [("099999999999", "bill.problem.no_such_bill.title"), ("12", "bill.fault.wrong")]
)
async def test_what_names_no_bill_comes_back_with_why(number: str, text: str) -> None:
    stand = stand_of()
    await opened(stand)
    seen = await stand.send({"group": "A", "A-bill_no": number}, f"/agent{DESCO}")
    assert seen.status == 422
    if text.startswith("bill.problem"):
        assert stand.says(seen, text)
    assert f"/agent{DESCO}" in seen.body.decode()
    assert counter_of(stand).orders_by_id == {}


async def test_a_biller_that_is_not_offered_has_no_form() -> None:
    stand = stand_of()
    await opened(stand)
    for answer in (
        await stand.browser.get("/agent/bills/nobody"),
        await stand.browser.post("/agent/bills/nobody", {}),
    ):
        assert answer.status == 404


async def test_a_paid_bill_is_no_order() -> None:
    stand = stand_of()
    await opened(stand)
    stand.desco.bills[BILL_NO] = a_bill(BILL_NO, is_paid=True)
    seen = await stand.send(BILL, f"/agent{DESCO}")
    assert seen.status == 409
    assert stand.says(seen, "bill.problem.already_paid.title")
