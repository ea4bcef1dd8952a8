"""`/account/history`, and as `.csv` and `.pdf`: what a citizen has paid in a year (ADR 0128, 0137)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from starlette.responses import Response

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.citizens.accounts import SignedIn
from ekpay_switch.domain.money import total
from ekpay_switch.domain.spreadsheet_cells import without_formula
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.portal.history.history_paper import HistoryPaper, history_content
from ekpay_switch.web.portal.history.paid_bills import PaidBill, by_biller, by_month, paid_bills, year_bounds
from ekpay_switch.web.portal.session_cookie import signed_in
from ekpay_switch.web.portal.visits import PortalVisit

YEAR, BILLER = "year", "biller"
# As far back as the page leads, and as many payments of a year as it reads.
YEARS, CARTS_MAX = 5, 1_000
COLUMNS = ("date_dhaka", "biller", "name", "numbers", "amount_taka", "outcome", "receipt")
PAGE = "/account/history"
_ACCOUNT = "/account"


async def show_history(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """The bills of a year, of one biller or of all, below what they come to."""
    who = await signed_in(visit, citizens)
    if who is None:
        return visit.redirect(_ACCOUNT)
    year, biller_id = _year(visit, who), visit.request.query_params.get(BILLER, "")
    bills = await _bills(visit, citizens, who, year)
    shown = _of_biller(bills, biller_id)
    profiles = _profiles(visit, bills)
    values = {
        "year": year,
        "years": range(in_dhaka(who.now).year, in_dhaka(who.now).year - YEARS, -1),
        "biller_id": biller_id,
        "billers": profiles,
        "bills": shown,
        "by_biller": by_biller(shown),
        "by_month": by_month(shown),
        "spent": total(bill.amount_paid for bill in shown),
        "is_cut": _is_cut(bills),
        "carts_max": CARTS_MAX,
        "now": who.now,
    }
    return visit.page("history.html", values)


async def send_history(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """The bills of a year, of one biller or of all, as CSV: English and ASCII digits, for a spreadsheet."""
    who = await signed_in(visit, citizens)
    if who is None:
        return visit.redirect(_ACCOUNT)
    year, biller_id = _year(visit, who), visit.request.query_params.get(BILLER, "")
    bills = _of_biller(await _bills(visit, citizens, who, year), biller_id)
    headers = {
        **visit.portal.pages.headers,
        "Content-Disposition": f'attachment; filename="ekpay-{year}.csv"',
    }
    # A spreadsheet takes a file without the mark for one of an old code page, and Bangla for rubbish.
    sheet = "\ufeff" + csv_of(bills, _profiles(visit, bills))
    return Response(sheet, 200, headers, "text/csv; charset=utf-8")


async def send_paper(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """The bills of a year, of one biller or of all, as PDF in the language of the page."""
    who = await signed_in(visit, citizens)
    if who is None:
        return visit.redirect(_ACCOUNT)
    if not visit.portal.papers.allows(str(who.citizen_id)):
        return visit.notice("busy", 429, link=PAGE)
    year, biller_id = _year(visit, who), visit.request.query_params.get(BILLER, "")
    bills = await _bills(visit, citizens, who, year)
    profiles = _profiles(visit, bills)
    paper = HistoryPaper(
        year=year,
        bills=_of_biller(bills, biller_id),
        biller_id=biller_id if biller_id in profiles else "",
        profiles=profiles,
        number=who.number,
        made_at=who.now,
        is_cut=_is_cut(bills),
        site=visit.portal.pages.site,
    )
    pdf = await visit.portal.typesetter.pdf(history_content(paper, visit.words))
    if pdf is None:
        return visit.notice("no_paper", 503, link=PAGE)
    headers = {
        **visit.portal.pages.headers,
        "Content-Disposition": f'attachment; filename="ekpay-{year}.pdf"',
    }
    return Response(pdf, 200, headers, "application/pdf")


def csv_of(bills: Iterable[PaidBill], profiles: Mapping[str, BillerProfile | None]) -> str:
    """One line for each bill; what others have written is no formula."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for bill in bills:
        stored = bill.stored
        profile = profiles.get(stored.bill.biller_id)
        receipt = stored.receipts.get("final_receipt") or stored.receipts.get("receipt", "")
        writer.writerow(
            (
                f"{in_dhaka(bill.at):%Y-%m-%d}",
                stored.bill.biller_id,
                without_formula(profile.name_en) if profile is not None else "",
                without_formula(" ".join(stored.bill.fields.values())),
                f"{stored.bill.amount.minor // 100}.{stored.bill.amount.minor % 100:02}",
                bill.outcome.value,
                without_formula(receipt),
            )
        )
    return sheet.getvalue()


async def _bills(visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, year: int) -> Sequence[PaidBill]:
    """The bills of the year, the newest first."""
    since, until = year_bounds(year)
    cart_ids = await citizens.accounts.cart_ids_between(who.citizen_id, since, until, CARTS_MAX)
    carts = await visit.portal.office.carts.by_ids(cart_ids)
    return paid_bills(reversed(carts))


def _of_biller(bills: Sequence[PaidBill], biller_id: str) -> Sequence[PaidBill]:
    return [bill for bill in bills if biller_id in {"", bill.stored.bill.biller_id}]


def _is_cut(bills: Sequence[PaidBill]) -> bool:
    return len({bill.cart.cart_id for bill in bills}) >= CARTS_MAX


def _year(visit: PortalVisit, who: SignedIn) -> int:
    """The year of the address where the page leads there, else the one that runs in Dhaka."""
    this_year = in_dhaka(who.now).year
    years = {str(year): year for year in range(this_year - YEARS + 1, this_year + 1)}
    return years.get(visit.request.query_params.get(YEAR, ""), this_year)


def _profiles(visit: PortalVisit, bills: Sequence[PaidBill]) -> Mapping[str, BillerProfile | None]:
    """The billers of these bills; None where the manifest is gone."""
    billers = visit.portal.office.world.billers
    ids = sorted({bill.stored.bill.biller_id for bill in bills})
    found = {biller_id: billers.by_id(biller_id) for biller_id in ids}
    return {name: None if biller is None else biller.profile for name, biller in found.items()}
