"""`/agent`: a drawer from its opening to the sheet of its day."""

from datetime import timedelta

import pytest

from ekpay_switch.domain.citizens.accounts import FRESH_FOR
from ekpay_switch.domain.money import Money
from tests.web.agents.counter_pages_setup import (
    BILL,
    TOTAL,
    closed,
    confirmed,
    counter_of,
    opened,
    operator_of,
    path_of,
    shown,
)
from tests.web.checkout.checkout_setup import Seen
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import DESCO, PortalStand
from tests.web.portal.test_account_pages import stand_of

# ---- the drawer


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_drawer_is_opened_with_a_typed_float(language: str) -> None:
    stand = stand_of(language)
    desk = await opened(stand, "১,২৫০.৫০")
    assert stand.says(desk, "agent.title")
    (drawer,) = counter_of(stand).drawers_by_id.values()
    assert drawer.opening == Money(125_050)


@pytest.mark.parametrize("typed", ["", "-5", "1.234", "many", "99999999999"])
async def test_what_is_no_cash_comes_back_with_its_fault(typed: str) -> None:
    stand = stand_of()
    await operator_of(stand)
    page = await stand.browser.get("/agent")
    seen = await stand.press(page, "/agent/drawer", opening=typed)
    assert seen.status == 422
    assert stand.says(seen, "agent.fault.amount")
    assert counter_of(stand).drawers_by_id == {}
    counted = await stand.press(
        await opened_again(stand), "/agent/close", counted=typed, drawer=drawer_of(stand)
    )
    assert counted.status == 422
    assert stand.says(counted, "agent.fault.amount")


async def opened_again(stand: PortalStand) -> Seen:
    await stand.press(await stand.browser.get("/agent"), "/agent/drawer", opening="0")
    return await stand.browser.get("/agent/close")


def drawer_of(stand: PortalStand) -> str:
    (drawer,) = counter_of(stand).drawers_by_id.values()
    return drawer.drawer_id.hex


async def test_without_a_fresh_code_a_drawer_is_opened_after_one() -> None:
    stand = stand_of()
    await operator_of(stand)
    stand.scene.small.clock.pass_by(FRESH_FOR.total_seconds() + 1)
    page = await stand.browser.get("/agent")
    answer = await stand.press(page, "/agent/drawer", opening="500")
    assert answer.place.partition("?")[0] == "/agent/code"
    assert counter_of(stand).drawers_by_id == {}


async def test_a_drawer_of_yesterday_is_counted_before_anything_else() -> None:
    stand = stand_of()
    await opened(stand)
    page = await shown(stand)
    stand.scene.small.clock.pass_by(timedelta(days=1).total_seconds())
    desk = await stand.browser.get("/agent")
    (drawer,) = counter_of(stand).drawers_by_id.values()
    assert stand.says(desk, "agent.old_drawer", day=stand.t.full_moment(drawer.opened_at))
    for answer in (
        await stand.browser.get(f"/agent{DESCO}"),
        await stand.press(desk, f"/agent{DESCO}", **BILL),
        await stand.press(page, path_of(page)),
        await stand.press(page, f"{path_of(page)}/back"),
    ):
        assert (answer.status, answer.place.partition("?")[0]) == (303, "/agent")
    assert stand.scene.small.books.payments == {}
    assert stand.says(await closed(stand, "500"), "agent.day.right")


async def test_the_count_is_blind() -> None:
    stand = stand_of()
    await opened(stand)
    await confirmed(stand)
    page = await stand.browser.get("/agent/close")
    assert stand.t.amount(Money(50_000) + TOTAL) not in page.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("counted", "verdict", "amount"),
    [("1550", "right", 0), ("1500", "missing", 5_000), ("1560.50", "beyond", 1_050)],
)
async def test_the_sheet_of_a_day_says_what_the_drawer_held(
    language: str, counted: str, verdict: str, amount: int
) -> None:
    stand = stand_of(language)
    await opened(stand)
    await confirmed(stand)
    sheet = await closed(stand, counted)
    assert stand.says(sheet, f"agent.day.{verdict}", amount=stand.t.amount(Money(amount)))
    assert stand.says(sheet, "agent.day.orders", count=stand.t.number(1), paid=stand.t.number(1))
    for cash in (Money(50_000), Money(50_000) + TOTAL):
        assert stand.t.amount(cash) in sheet.text
    assert path_of(sheet) in (await stand.browser.get("/agent")).body.decode()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_sheet_of_a_day_says_what_its_orders_have_earned_so_far(language: str) -> None:
    stand = stand_of(language)
    await opened(stand)
    await confirmed(stand)
    sheet = await closed(stand, "1550")
    assert f"{stand.t('agent.day.commission')} {stand.t.amount(Money(0))}" in sheet.text
    (order,) = counter_of(stand).orders_by_id.values()
    order.commission = Money(174)
    sheet = await stand.browser.get(path_of(sheet))
    assert f"{stand.t('agent.day.commission')} {stand.t.amount(Money(174))}" in sheet.text


async def test_a_form_of_a_drawer_that_is_counted_counts_no_other() -> None:
    stand = stand_of()
    await opened(stand)
    old = await stand.browser.get("/agent/close")
    await closed(stand, "500")
    await stand.press(await stand.browser.get("/agent"), "/agent/drawer", opening="100")
    answer = await stand.press(old, "/agent/close", counted="1")
    assert answer.place.partition("?")[0] == "/agent"
    assert [one.counted for one in counter_of(stand).drawers_by_id.values()] == [Money(50_000), None]


async def test_an_open_drawer_has_no_sheet_and_none_has_no_count() -> None:
    stand = stand_of()
    await operator_of(stand)
    assert (await stand.browser.get("/agent/close")).place.partition("?")[0] == "/agent"
    await stand.press(await stand.browser.get("/agent"), "/agent/drawer", opening="0")
    assert (await stand.browser.get(f"/agent/days/{drawer_of(stand)}")).status == 404


async def test_a_changed_language_keeps_what_was_typed() -> None:
    stand = stand_of()
    await operator_of(stand)
    page = await stand.browser.get("/agent")
    seen = await stand.press(page, "/agent/drawer", opening="77", language="")
    assert (seen.status, 'value="77"' in seen.body.decode()) == (200, True)
    page = await opened_again(stand)
    seen = await stand.press(page, "/agent/close", counted="78", language="")
    assert (seen.status, 'value="78"' in seen.body.decode()) == (200, True)
