"""`/cart/<reference>/complaints` and `/complain`: complaints about a payment, and their answers (ADR 0127).

Whoever may see the page of a payment may complain about it: no account is needed, and nobody else reads it
there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from starlette.responses import Response

from ekpay_switch.domain.carts.bill_cart import StoredCart
from ekpay_switch.domain.citizens.complaints import (
    COMPLAINTS_MAX,
    WORDS_MAX,
    ComplaintTopic,
    WordsFault,
    read_words,
)
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.parties.addresses import caller_of
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.flows.carts.fill_cart import find_cart
from ekpay_switch.flows.carts.order_cart import CART_PATH
from ekpay_switch.flows.citizens.complain import TypedComplaint, continue_complaint, file_complaint
from ekpay_switch.ports.complaints import NextMessage
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.web.portal.cart_cookie import is_reference
from ekpay_switch.web.portal.cart_outcomes import CartOutcome, cart_outcome
from ekpay_switch.web.portal.cart_pages import bill_values
from ekpay_switch.web.portal.saved_bills import read_id
from ekpay_switch.web.portal.visits import LANGUAGE_BUTTON, PortalVisit

_TOPIC_MISSING = "topic_missing"
_NTH_DIGITS_MAX = 3
# As far as we know nobody has paid, so that a stranger has such a cart for nothing.
_COST_NOTHING = frozenset({CartOutcome.NOT_PAID_YET, CartOutcome.UNSURE})


@dataclass(frozen=True, slots=True)
class ComplaintForm:
    """The form as it is shown; `faults` are by field.

    `complaint_id` is made with the first page, so that a form that is sent twice is one complaint.
    """

    complaint_id: UUID
    topic: str = ""
    bill: str = ""
    words: str = field(default="", repr=False)
    faults: Mapping[str, str] = field(default_factory=dict)


async def show_complaints(visit: PortalVisit) -> Response:
    """The complaints about a payment, with their answers."""
    cart = await _ordered_cart(visit)
    return await (_unknown(visit) if cart is None else _complaints_page(visit, cart))


async def write_again(visit: PortalVisit) -> Response:
    """Write again in a complaint that was answered; what is not the payer's turn changes nothing."""
    opened = await _open_form(visit)
    if isinstance(opened, Response):
        return opened
    cart, sent = opened
    complaint_id, nth, typed = read_id(sent.get("complaint", "")), sent.get("nth", ""), sent.get("words", "")
    if LANGUAGE_BUTTON in sent:
        return await _complaints_page(visit, cart, complaint_id, typed)
    words = read_words(typed)
    if isinstance(words, WordsFault):
        return await _complaints_page(visit, cart, complaint_id, typed, words)
    if complaint_id is not None and nth.isascii() and nth.isdigit() and len(nth) <= _NTH_DIGITS_MAX:
        message = NextMessage(cart.cart_id, complaint_id, int(nth), words)
        await continue_complaint(message, visit.portal.complaints)
    return visit.redirect(_complaints_path(cart))


async def show_form(visit: PortalVisit) -> Response:
    """The form for a new complaint."""
    cart = await _ordered_cart(visit)
    return await _unknown(visit) if cart is None else _form_page(visit, cart, ComplaintForm(uuid7()))


async def send_form(visit: PortalVisit) -> Response:
    """File a complaint, or show the form again with what is wrong."""
    opened = await _open_form(visit)
    if isinstance(opened, Response):
        return opened
    cart, sent = opened
    words = read_words(sent.get("words", ""))
    form = _typed_form(sent, words)
    if LANGUAGE_BUTTON in sent:
        return _form_page(visit, cart, replace(form, faults={}))
    if form.faults or isinstance(words, WordsFault):
        return _form_page(visit, cart, form)
    return await _file(visit, cart, form, words)


async def _file(visit: PortalVisit, cart: StoredCart, form: ComplaintForm, words: str) -> Response:
    caller, is_unpaid = caller_of(address_of(visit.request)), cart_outcome(cart, ()) in _COST_NOTHING
    # Whoever has paid is never kept waiting by strangers behind the same address.
    if is_unpaid and not await visit.portal.complainers.allows(caller):
        return visit.notice("busy", 429, link=_complaints_path(cart))
    typed = TypedComplaint(
        complaint_id=form.complaint_id,
        bill_seq=_bill_seq(cart, form.bill),
        topic=ComplaintTopic(form.topic),
        language=PayerLanguage(visit.words.language),
        words=words,
    )
    if not await file_complaint(cart.cart_id, typed, visit.portal.complaints):
        return visit.notice("many_complaints", 409, link=_complaints_path(cart))
    return visit.redirect(_complaints_path(cart))


async def _ordered_cart(visit: PortalVisit) -> StoredCart | None:
    """The cart of the address, where it was ordered."""
    reference = visit.request.path_params["reference"]
    cart = await find_cart(reference, visit.portal.office) if is_reference(reference) else None
    return cart if cart is not None and cart.payment is not None else None


async def _open_form(visit: PortalVisit) -> tuple[StoredCart, Mapping[str, str]] | Response:
    """The cart and the fields of a form about it, or the page that says why there is nothing to do."""
    cart = await _ordered_cart(visit)
    if cart is None:
        return await _unknown(visit)
    sent = await visit.own_fields()
    return visit.notice("foreign", 403, link=_complaints_path(cart)) if sent is None else (cart, sent)


async def _unknown(visit: PortalVisit) -> Response:
    await visit.portal.logins.note(address_of(visit.request), "unknown_page")
    return visit.notice("no_cart", 404)


async def _complaints_page(
    visit: PortalVisit,
    cart: StoredCart,
    written: UUID | None = None,
    typed: str = "",
    fault: WordsFault | None = None,
) -> Response:
    """`written` is the complaint in which something was typed."""
    complaints = await visit.portal.complaints.of_cart(cart.cart_id)
    values = {
        "complaints": complaints,
        "bills": {item["stored"].seq: item for item in bill_values(visit, cart)},  # type: ignore[attr-defined]
        "now": cart.read_at,
        "back": f"{CART_PATH}/{cart.reference}",
        "may_file": len(complaints) < COMPLAINTS_MAX,
        "written": written,
        "typed": typed,
        "fault": fault or "",
        "words_max": WORDS_MAX,
    }
    return visit.form_page("complaints.html", values, 422 if fault is not None else 200)


def _form_page(visit: PortalVisit, cart: StoredCart, form: ComplaintForm) -> Response:
    values = {
        "form": form,
        "topics": list(ComplaintTopic),
        "bills": bill_values(visit, cart),
        "back": f"{CART_PATH}/{cart.reference}",
        "words_max": WORDS_MAX,
    }
    return visit.form_page("complain.html", values, 422 if form.faults else 200)


def _typed_form(sent: Mapping[str, str], words: str | WordsFault) -> ComplaintForm:
    topic, faults = sent.get("topic", ""), {}
    if topic not in set(ComplaintTopic):
        faults["topic"] = _TOPIC_MISSING
    if isinstance(words, WordsFault):
        faults["words"] = str(words)
    complaint_id = read_id(sent.get("complaint", "")) or uuid7()
    return ComplaintForm(complaint_id, topic, sent.get("bill", ""), sent.get("words", ""), faults)


def _bill_seq(cart: StoredCart, typed: str) -> int | None:
    """The bill that was chosen; None for the whole payment, and where the form was changed."""
    return next((stored.seq for stored in cart.bills if str(stored.seq) == typed), None)


def _complaints_path(cart: StoredCart) -> str:
    return f"{CART_PATH}/{cart.reference}/complaints"
