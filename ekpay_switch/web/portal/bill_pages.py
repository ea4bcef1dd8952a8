"""`/bills/<biller>`: a form names a bill, its biller is asked, and the bill goes into the cart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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
_BILLS = "/bills"


@dataclass(frozen=True, slots=True)
class BillFormPages:
    """The forms of all billers below one address; `is_counter` where an agent's operator fills them in."""

    below: str
    is_counter: bool = False

    async def read(self, visit: PortalVisit, tile: BillerTile) -> FilledForm | Response:
        """The form that was sent, without a fault, or the page that says what is wrong with it."""
        sent = await visit.own_fields()
        if sent is None:
            return visit.notice("foreign", 403, link=self._address(tile))
        form = bill_form(tile.profile)
        filled = typed_form(form, sent)
        if LANGUAGE_BUTTON in sent:
            # The same form in other words, as the answer to it, so that nothing typed stands in an address.
            return self.page(visit, tile, filled)
        judged = judged_form(form, filled)
        return self.page(visit, tile, judged, status=422) if judged.faults else judged

    def refusal_page(
        self,
        visit: PortalVisit,
        tile: BillerTile,
        filled: FilledForm,
        refusal: Refusal | CartRefusal | ParameterFault,
    ) -> Response:
        """The form again, with why there is no bill."""
        if isinstance(refusal, ParameterFault):
            faults = _faults(bill_form(tile.profile), filled, refusal)
            return self.page(visit, tile, replace(filled, faults=faults), "" if faults else OTHER, 422)
        problem = refusal_text(refusal)
        return self.page(visit, tile, filled, problem, _STATUS_OF.get(problem, 422))

    def page(
        self, visit: PortalVisit, tile: BillerTile, filled: FilledForm, problem: str = "", status: int = 200
    ) -> Response:
        """The form, with what was typed into it."""
        values = {
            "tile": tile,
            "below": self._address(tile),
            "is_counter": self.is_counter,
            "form": bill_form(tile.profile),
            "filled": filled,
            "problem": problem,
            "stop": visit.stop_of(tile.profile),
        }
        return visit.form_page("bill.html", values, status)

    def _address(self, tile: BillerTile) -> str:
        return f"{self.below}/{tile.profile.id}"


_FORMS = BillFormPages(_BILLS)


async def show_form(visit: PortalVisit) -> Response:
    """The form of a biller, empty, or with what a bill notice names, or with what the citizen has saved."""
    tile = tile_of(visit)
    if tile is None:
        return visit.notice("no_biller", 404)
    filled = await noticed_form(visit, tile)
    return _FORMS.page(visit, tile, filled or await _saved_form(visit, tile))


async def noticed_form(visit: PortalVisit, tile: BillerTile) -> FilledForm | None:
    """The form with what the bill notice in the address names; None without a notice of this biller."""
    noticed = await bill_of_code(visit, visit.request.query_params.get(NOTICE, ""))
    if noticed is None or noticed.biller_id != tile.profile.id:
        return None
    return prefilled_form(bill_form(tile.profile), noticed.fields)


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
    tile = tile_of(visit)
    if tile is None:
        return visit.notice("no_biller", 404)
    filled = await _FORMS.read(visit, tile)
    if isinstance(filled, Response):
        return filled
    portal = visit.portal
    work = add_bill(visit.cart, tile.profile.id, filled.fields, portal.office)
    try:
        answer = await portal.tasks.run_within(work, portal.answer_seconds)
    except StillRunningError:
        answer = Refusal.BILLER_UNAVAILABLE
    if not isinstance(answer, StoredCart):
        return _FORMS.refusal_page(visit, tile, filled, answer)
    redirect = visit.redirect("/cart")
    visit.remember(redirect, answer.reference)
    return redirect


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


def tile_of(visit: PortalVisit) -> BillerTile | None:
    """The biller that the address names, where it is offered."""
    return visit.portal.catalogue.by_id(visit.request.path_params["biller_id"])


def _faults(form: BillForm, filled: FilledForm, fault: ParameterFault) -> dict[str, str]:
    """The fault at the field of this member, where the form asks for it."""
    group = form.group(filled.group)
    asked = [*(group.fields if group else ()), *form.common]
    return {one.id: WRONG for one in asked if one.parameter.wire_name == fault.wire_name}
