"""A citizen's year: its bills, what they come to, one biller of it, and a file of it (ADR 0128)."""

import csv
import io

import pytest

from ekpay_switch.domain.bill import BillFound
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined
from ekpay_switch.web.portal.history import history_page
from ekpay_switch.web.portal.history.history_page import COLUMNS, YEARS
from tests.factories import a_bill
from tests.fakes.billers import Deed
from tests.web.checkout.checkout_setup import Seen
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import PortalStand
from tests.web.portal.test_account_pages import NUMBER, OTHER, entered, stand_of

HISTORY = "/account/history"


def year_of(stand: PortalStand) -> int:
    return in_dhaka(stand.scene.small.clock.now()).year


async def paid_two(stand: PortalStand) -> None:
    """A bill of DESCO is paid, and one of NESCO goes back."""
    await stand.fill_with_two()
    stand.counter.billers["nesco_postpaid"].deeds.append(Deed(Declined("already_paid")))
    await stand.scene.worked(await stand.pay())


def rows_of(seen: Seen) -> list[dict[str, str]]:
    text = seen.body.decode()
    assert text.startswith("\ufeff"), "a spreadsheet takes it for an old code page otherwise"
    return list(csv.DictReader(io.StringIO(text[1:])))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_year_says_what_billers_have(language: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    await paid_two(stand)
    assert HISTORY in {link.partition("?")[0] for link in (await stand.browser.get("/account")).html.links()}
    seen = await stand.browser.get(HISTORY)
    year = stand.t.number(str(year_of(stand)))
    assert stand.says(seen, "history.title", year=year)
    assert stand.says(seen, "history.spent", amount=stand.t.amount(Money(105_000)))
    assert stand.says(seen, "result.bill.paid.title")
    assert stand.says(seen, "result.bill.goes_back.title")
    month = in_dhaka(stand.counter.carts[-1].created_at).month
    kind = {"name": stand.t(f"history.month.{month}"), "count": stand.t.number(1)}
    assert stand.says(seen, "history.kind", **kind)


async def test_one_biller_of_it_is_shown_and_summed_alone() -> None:
    stand = stand_of()
    await entered(stand)
    await paid_two(stand)
    seen = await stand.browser.get(f"{HISTORY}?biller=nesco_postpaid")
    assert stand.says(seen, "history.spent", amount=stand.t.amount(Money(0)))
    names = [tag for tag in seen.html.all("p") if tag.get("class") == "ekpay-health__name"]
    assert len(names) == 1
    (chosen,) = [tag for tag in seen.html.all("option") if "selected" in tag]
    assert chosen["value"] == "nesco_postpaid"


async def test_the_file_of_a_page_of_one_biller_has_its_bills_alone() -> None:
    stand = stand_of()
    await entered(stand)
    await paid_two(stand)
    seen = await stand.browser.get(f"{HISTORY}?biller=nesco_postpaid")
    (link,) = [link for link in seen.html.links() if link.startswith(f"{HISTORY}.csv")]
    assert [row["biller"] for row in rows_of(await stand.browser.get(link))] == ["nesco_postpaid"]
    assert len(rows_of(await stand.browser.get(f"{HISTORY}.csv"))) == 2


async def test_another_year_is_empty_and_a_made_up_one_is_this_one() -> None:
    stand = stand_of()
    await entered(stand)
    await paid_two(stand)
    this_year = year_of(stand)
    seen = await stand.browser.get(f"{HISTORY}?year={this_year - 1}")
    assert stand.says(seen, "history.none")
    for made_up in ("1", f"{this_year + 1}", f"{this_year - YEARS}", "x" * 5_000, "\u09e8"):
        seen = await stand.browser.get(f"{HISTORY}?year={made_up}")
        assert stand.says(seen, "history.title", year=stand.t.number(str(this_year)))


async def test_the_file_has_every_bill_and_no_formula() -> None:
    stand = stand_of()
    await entered(stand)
    stand.desco.replies.append(BillFound(a_bill()))
    await stand.send({"group": "B", "B-account_no": "12345678"})
    stand.desco.deeds.append(Deed(Approved({"receipt": "=HYPERLINK(1)"}), posts=True))
    await stand.scene.worked(await stand.pay())
    seen = await stand.browser.get(f"{HISTORY}.csv")
    assert seen.headers["content-type"] == "text/csv; charset=utf-8"
    assert seen.headers["content-disposition"] == f'attachment; filename="ekpay-{year_of(stand)}.csv"'
    assert seen.headers["cache-control"] == "no-store"
    (row,) = rows_of(seen)
    assert tuple(row) == COLUMNS
    assert row["biller"] == "desco_postpaid"
    assert row["numbers"] == "12345678"
    assert row["amount_taka"] == "1050.00"
    assert row["outcome"] == "paid"
    assert row["receipt"] == "'=HYPERLINK(1)"
    assert row["date_dhaka"] == f"{in_dhaka(stand.counter.carts[-1].created_at):%Y-%m-%d}"


async def test_a_biller_whose_manifest_is_gone_is_a_bill_without_a_name() -> None:
    stand = stand_of()
    await entered(stand)
    await paid_two(stand)
    known = stand.scene.small.billers.known
    known[:] = [biller for biller in known if biller.profile.id != "desco_postpaid"]
    seen = await stand.browser.get(HISTORY)
    assert seen.status == 200
    assert stand.says(seen, "cart.a_bill")
    assert [row["name"] == "" for row in rows_of(await stand.browser.get(f"{HISTORY}.csv"))] == [True, False]


async def test_a_year_that_is_too_long_says_that_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_page, "CARTS_MAX", 1)
    stand = stand_of()
    await entered(stand)
    await paid_two(stand)
    await paid_two(stand)
    seen = await stand.browser.get(HISTORY)
    assert stand.says(seen, "history.cut", most=stand.t.number(1))
    assert len(rows_of(await stand.browser.get(f"{HISTORY}.csv"))) == 2


@pytest.mark.parametrize("path", [HISTORY, f"{HISTORY}.csv"])
async def test_nobody_sees_the_year_of_another_citizen(path: str) -> None:
    stand = stand_of()
    assert (await stand.browser.get(path)).place.partition("?")[0] == "/account", "nobody is signed in"
    await entered(stand, NUMBER)
    await paid_two(stand)
    stand.browser.cookies.clear()
    await entered(stand, OTHER)
    seen = await stand.browser.get(path)
    assert seen.status == 200
    assert b"desco" not in seen.body.lower()


async def test_a_cart_that_was_not_paid_is_not_in_it() -> None:
    stand = stand_of()
    await entered(stand)
    await stand.fill_with_two()
    await stand.order()
    assert stand.says(await stand.browser.get(HISTORY), "history.none")
    assert rows_of(await stand.browser.get(f"{HISTORY}.csv")) == []
    assert stand.counter.carts[-1].payment is not None
