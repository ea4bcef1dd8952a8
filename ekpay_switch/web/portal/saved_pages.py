"""`/account/save` and `/account/saved`: what a citizen keeps of an ordered bill, and forgets (ADR 0125)."""

from collections.abc import Mapping

from starlette.responses import Response

from ekpay_switch.domain.carts.bill_cart import BillInCart
from ekpay_switch.domain.citizens.accounts import SignedIn
from ekpay_switch.domain.citizens.saved_bills import NICKNAME_MAX, read_nickname
from ekpay_switch.flows.citizens.save_bill import savable_fields, save_bill
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.checkout.tiles import brand_of
from ekpay_switch.web.portal.saved_bills import read_id
from ekpay_switch.web.portal.session_cookie import signed_in
from ekpay_switch.web.portal.visits import LANGUAGE_BUTTON, PortalVisit

_ACCOUNT = "/account"
TOO_LONG, TOO_MANY = "too_long", "too_many"


async def show_saving(visit: PortalVisit, citizens: CitizenPorts) -> Response:
    """The bill that is to be saved, and a field for the citizen's own word for it."""
    who = await signed_in(visit, citizens)
    stored = None if who is None else await _own_bill(visit, citizens, who)
    return visit.redirect(_ACCOUNT) if stored is None else _saving_page(visit, stored)


async def save(
    visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, sent: Mapping[str, str]
) -> Response:
    """Save it, or show the form again with what is wrong; saved again it has the new name."""
    stored = await _own_bill(visit, citizens, who)
    if stored is None:
        return visit.redirect(_ACCOUNT)
    typed = sent.get("nickname", "")
    if LANGUAGE_BUTTON in sent:
        return _saving_page(visit, stored, typed)
    nickname = read_nickname(typed)
    if nickname is None:
        return _saving_page(visit, stored, typed, TOO_LONG)
    fields = savable_fields(stored, visit.portal.office.world.billers)
    if not await save_bill(who.citizen_id, stored.bill.biller_id, fields, nickname, citizens):
        return _saving_page(visit, stored, typed, TOO_MANY)
    return visit.redirect(_ACCOUNT)


async def remove(
    visit: PortalVisit, citizens: CitizenPorts, who: SignedIn, sent: Mapping[str, str]
) -> Response:
    """Forget a saved bill; one that is gone already is gone."""
    saved_id = read_id(sent.get("saved", ""))
    if saved_id is not None:
        await citizens.saved_bills.remove(who.citizen_id, saved_id)
    return visit.redirect(_ACCOUNT)


async def _own_bill(visit: PortalVisit, citizens: CitizenPorts, who: SignedIn) -> BillInCart | None:
    """The bill of the address, where its cart is this citizen's and it can be saved."""
    parameters = visit.request.path_params
    cart = await visit.portal.office.carts.by_reference(parameters["reference"])
    if cart is None or cart.payment is None:
        return None
    if not await citizens.accounts.owns_cart(who.citizen_id, cart.cart_id):
        return None
    billers = visit.portal.office.world.billers
    return next(
        (
            stored
            for stored in cart.bills
            if str(stored.seq) == parameters["seq"] and savable_fields(stored, billers)
        ),
        None,
    )


def _saving_page(visit: PortalVisit, stored: BillInCart, typed: str = "", fault: str = "") -> Response:
    biller = visit.portal.office.world.billers.by_id(stored.bill.biller_id)
    fields = savable_fields(stored, visit.portal.office.world.billers)
    profile = biller.profile if biller is not None else None
    labels = {parameter.name: parameter for parameter in profile.parameters} if profile is not None else {}
    values = {
        "profile": profile,
        "brand": brand_of(profile) if profile is not None else None,
        "kept": [(labels[name], text) for name, text in fields.items()],
        "typed": typed,
        "fault": fault,
        "nickname_max": NICKNAME_MAX,
    }
    return visit.form_page("save_bill.html", values, 422 if fault else 200)
