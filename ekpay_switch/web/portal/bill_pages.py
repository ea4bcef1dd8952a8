"""`/bills/<biller>`: a form names a bill, its biller is asked, and the bill goes into the cart."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import Response

from ekpay_switch.domain.carts.bill_cart import CartRefusal, StoredCart
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.edge_kit.background_tasks import StillRunningError
from ekpay_switch.flows.bills.fetch_bill import ParameterFault
from ekpay_switch.flows.carts.fill_cart import add_bill
from ekpay_switch.web.portal.bill_forms import (
    WRONG,
    BillForm,
    FilledForm,
    bill_form,
    judged_form,
    prefilled_form,
    typed_form,
)
from ekpay_switch.web.portal.catalogue import BillerTile
from ekpay_switch.web.portal.notice_codes import NOTICE, bill_of_code
from ekpay_switch.web.portal.saved_bills import SAVED, own_saved_bills
from ekpay_switch.web.portal.visits import LANGUAGE_BUTTON, PortalVisit

OTHER = "other"


async def show_form(visit: PortalVisit) -> Response:
    """The form of a biller, empty, or with what a bill notice names, or with what the citizen has saved."""
    tile = _tile(visit)
    if tile is None:
        return visit.notice("no_biller", 404)
    noticed = await bill_of_code(visit, visit.request.query_params.get(NOTICE, ""))
    if noticed is not None and noticed.biller_id == tile.profile.id:
        return _form_page(visit, tile, prefilled_form(bill_form(tile.profile), noticed.fields))
    return _form_page(visit, tile, await _saved_form(visit, tile))


async def _saved_form(visit: PortalVisit, tile: BillerTile) -> FilledForm:
    """What the address names of the saved bills of whoever is signed in; anything else is an empty form."""
    wanted = visit.request.query_params.get(SAVED, "")
    if not wanted:
        return FilledForm()
    saved = await own_saved_bills(visit)
    fields = next((bill.fields for bill in saved if bill.saved_id.hex == wanted), None)
    return FilledForm() if fields is None else prefilled_form(bill_form(tile.profile), fields)


async def send_form(visit: PortalVisit) -> Response:
    """Put the bill that the form names into the cart, or show the form again with what is wrong."""
    tile = _tile(visit)
    if tile is None:
        return visit.notice("no_biller", 404)
    sent = await visit.own_fields()
    if sent is None:
        return visit.notice("foreign", 403, link=f"/bills/{tile.profile.id}")
    form = bill_form(tile.profile)
    filled = typed_form(form, sent)
    if LANGUAGE_BUTTON in sent:
        # The same form in other words, as the answer to it, so that nothing typed stands in an address.
        return _form_page(visit, tile, filled)
    judged = judged_form(form, filled)
    if judged.faults:
        return _form_page(visit, tile, judged, status=422)
    return await _add(visit, tile, judged)


async def _add(visit: PortalVisit, tile: BillerTile, filled: FilledForm) -> Response:
    portal, biller_id = visit.portal, tile.profile.id
    work = add_bill(visit.cart, biller_id, filled.fields, portal.office)
    try:
        answer = await portal.tasks.run_within(work, portal.answer_seconds)
    except StillRunningError:
        answer = Refusal.BILLER_UNAVAILABLE
    if isinstance(answer, StoredCart):
        redirect = visit.redirect("/cart")
        visit.remember(redirect, answer.reference)
        return redirect
    if isinstance(answer, ParameterFault):
        faults = _faults(bill_form(tile.profile), filled, answer)
        problem = "" if faults else OTHER
        return _form_page(visit, tile, replace(filled, faults=faults), problem, 422)
    problem = refusal_text(answer)
    return _form_page(visit, tile, filled, problem, _STATUS_OF.get(problem, 422))


def refusal_text(refusal: Refusal | CartRefusal) -> str:
    """Which text says why no bill came into the cart; the money was not touched in any of these cases."""
    return _TEXTS.get(refusal, OTHER)


_TEXTS: Mapping[Refusal | CartRefusal, str] = {
    Refusal.NO_SUCH_BILL: "no_such_bill",
    Refusal.ALREADY_PAID: "already_paid",
    CartRefusal.ALREADY_PAID: "already_paid",
    Refusal.BILL_TAKEN: "bill_taken",
    Refusal.AMOUNT_DIFFERS: "amount",
    Refusal.BILLER_UNAVAILABLE: "unavailable",
    CartRefusal.UNAVAILABLE: "unavailable",
    Refusal.UNKNOWN_BILLER: "not_here",
    Refusal.NOT_ALLOWED: "not_here",
    CartRefusal.CLOSED: "not_here",
    CartRefusal.TOO_MANY_BILLS: "too_many_bills",
}
_STATUS_OF = {"unavailable": 503, "not_here": 503, "already_paid": 409, "bill_taken": 409}


def _tile(visit: PortalVisit) -> BillerTile | None:
    return visit.portal.catalogue.by_id(visit.request.path_params["biller_id"])


def _faults(form: BillForm, filled: FilledForm, fault: ParameterFault) -> dict[str, str]:
    """The fault at the field of this member, where the form asks for it."""
    group = form.group(filled.group)
    asked = [*(group.fields if group else ()), *form.common]
    return {one.id: WRONG for one in asked if one.parameter.wire_name == fault.wire_name}


def _form_page(
    visit: PortalVisit, tile: BillerTile, filled: FilledForm, problem: str = "", status: int = 200
) -> Response:
    values = {
        "tile": tile,
        "form": bill_form(tile.profile),
        "filled": filled,
        "problem": problem,
        "has_cart": bool(visit.cart),
        "stop": visit.stop_of(tile.profile),
    }
    return visit.form_page("bill.html", values, status)
