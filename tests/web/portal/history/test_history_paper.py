"""A citizen's year as PDF: what it says, in both languages, and how it is set."""

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.web.portal.history import history_page, history_paper
from ekpay_switch.web.portal.history.history_paper import HistoryPaper, history_content
from ekpay_switch.web.portal.history.paid_bills import paid_bills
from ekpay_switch.web.receipts.typesetter import Typesetter
from ekpay_switch.web.site import Site
from tests.fakes.billers import Deed
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import PAPERS_AT_ONCE, PortalStand
from tests.web.portal.test_account_pages import NUMBER, OTHER, entered, stand_of
from tests.web.receipts.test_receipt_pdf import HARD, inflated

PDF = "/account/history.pdf"
SITE = Site(name_en="ekPay & Co", name_bn="একপে", helpline="16122")
MADE_AT = datetime(2026, 12, 6, 12, 0, tzinfo=UTC)


async def paid_two(language: str = "en") -> PortalStand:
    """A bill of DESCO is paid, and one of NESCO goes back."""
    stand = stand_of(language)
    await entered(stand)
    await stand.fill_with_two()
    stand.counter.billers["nesco_postpaid"].deeds.append(Deed(Declined("already_paid")))
    await stand.scene.worked(await stand.pay())
    return stand


def paper_of(stand: PortalStand) -> HistoryPaper:
    bills = paid_bills(stand.counter.carts)
    profiles = {bill.stored.bill.biller_id: None for bill in bills}
    known = {name: stand.counter.billers[name].profile for name in profiles}
    return HistoryPaper(
        year=2026, bills=bills, biller_id="", profiles=known, number=NUMBER, made_at=MADE_AT, is_cut=False,
        site=SITE,
    )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_says_whose_it_is_what_was_paid_and_how_each_bill_stands(language: str) -> None:
    stand = await paid_two(language)
    t = stand.t
    content = history_content(paper_of(stand), t)
    assert content["heading"] == t("history.title", year=t.number("2026"))
    assert content["spent"] == t("history.spent", amount=t.amount(Money(105_000)))
    assert content["about"] == [
        t("history.paper.account", number=t.number(NUMBER)),
        t("history.paper.made", when=t.full_moment(MADE_AT)),
    ]
    rows = content["rows"]
    assert isinstance(rows, list)
    ends = {row[3] for row in rows}
    assert ends == {t("result.bill.paid.title").unescape(), t("result.bill.goes_back.title").unescape()}
    assert {row[4] for row in rows} >= {t.amount(Money(105_000))}
    assert content["dated"] == int(MADE_AT.timestamp())
    helpline = t("history.paper.helpline", number=t.number("16122"))
    assert content["foot"] == [t.bare_name(SITE.name_bn, SITE.name_en), helpline], "as it is read, unescaped"


async def test_of_one_biller_or_of_a_cut_year_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = await paid_two()
    paper = replace(paper_of(stand), biller_id="desco_postpaid")
    name = stand.counter.billers["desco_postpaid"].profile.name_en
    assert f"Only bills of this biller: {name}" in str(history_content(paper, stand.t)["about"])
    cut = history_content(replace(paper_of(stand), is_cut=True), stand.t)
    assert "Only the newest 2 bills are on it." in str(cut["about"])
    monkeypatch.setattr(history_paper, "BILLS_MAX", 1)
    content = history_content(paper_of(stand), stand.t)
    assert "Only the newest 1 bills are on it." in str(content["about"])
    rows = content["rows"]
    assert isinstance(rows, list)
    assert len(rows) == 1


async def test_a_biller_whose_manifest_is_gone_is_a_bill_without_a_name() -> None:
    stand = await paid_two()
    content = history_content(replace(paper_of(stand), profiles={}, site=Site()), stand.t)
    assert stand.t("cart.a_bill") in str(content["rows"])
    assert content["foot"] == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_file_is_an_accessible_archive_file_in_the_language_of_the_page(language: str) -> None:
    stand = await paid_two(language)
    page = await stand.browser.get("/account/history")
    (link,) = [link for link in page.html.links() if link.startswith(PDF)]
    seen = await stand.browser.get(link.replace("&amp;", "&"))
    assert (seen.status, seen.headers["content-type"]) == (200, "application/pdf")
    assert seen.headers["cache-control"] == "no-store"
    assert re.fullmatch(r'attachment; filename="ekpay-\d{4}\.pdf"', seen.headers["content-disposition"])
    whole = seen.body + inflated(seen.body)
    for mark in (b"<pdfaid:conformance>A", b"<pdfuaid:part>1", f"/Lang({language})".encode()):
        assert mark in whole, mark


async def test_whatever_others_wrote_is_set_and_never_obeyed() -> None:
    stand = await paid_two()
    paper = paper_of(stand)
    profiles = {name: profile and replace(profile, name_en=HARD) for name, profile in paper.profiles.items()}
    content = history_content(replace(paper, profiles=profiles), stand.t)
    pdf = await stand.counter.portal.typesetter.pdf(content)
    assert pdf is not None


async def test_a_page_of_a_biller_leads_to_the_paper_of_that_biller() -> None:
    stand = await paid_two()
    page = await stand.browser.get("/account/history?biller=nesco_postpaid")
    (link,) = [link for link in page.html.links() if link.startswith(PDF)]
    assert "biller=nesco_postpaid" in link
    made_up = await stand.browser.get(f"{PDF}?biller=nobody")
    assert made_up.status == 200


async def test_nobody_has_paper_without_signing_in() -> None:
    stand = stand_of()
    assert (await stand.browser.get(PDF)).place.partition("?")[0] == "/account"


async def test_nobody_has_the_year_of_another_citizen_on_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = await paid_two()
    made: list[Mapping[str, object]] = []

    async def pdf(_: Typesetter, content: Mapping[str, object]) -> bytes:
        made.append(content)
        return b"%PDF-"

    monkeypatch.setattr(Typesetter, "pdf", pdf)
    await stand.browser.get(PDF)
    stand.browser.cookies.clear()
    await entered(stand, OTHER)
    await stand.browser.get(PDF)
    (own, others) = made
    assert own["rows"]
    assert others["rows"] == []
    assert NUMBER not in str(others)


async def test_whoever_has_many_made_is_asked_to_wait() -> None:
    stand = await paid_two()
    answers = [(await stand.browser.get(PDF)).status for _ in range(PAPERS_AT_ONCE + 1)]
    assert answers == [200] * PAPERS_AT_ONCE + [429]


async def test_where_none_can_be_made_the_page_says_so_and_leads_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand = await paid_two()
    monkeypatch.setattr(stand.counter.portal.typesetter, "_command", (sys.executable, "-c", "exit(1)"))
    seen = await stand.browser.get(PDF)
    assert seen.status == 503
    assert stand.says(seen, "portal_notice.no_paper.title")
    assert history_page.PAGE in {link.partition("?")[0] for link in seen.html.links()}
