"""What the pages of the portal show of the bills that a citizen has saved (ADR 0125)."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from ekpay_switch.domain.carts.bill_cart import StoredCart
from ekpay_switch.domain.citizens.accounts import SignedIn
from ekpay_switch.domain.citizens.reminders import Reminder
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.flows.citizens.remind import is_remindable
from ekpay_switch.flows.citizens.save_bill import savable_fields
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.portal.session_cookie import signed_in
from ekpay_switch.web.portal.visits import PortalVisit

SAVED = "saved"
"""The parameter of a form's address that names what it is filled in with."""


async def own_saved_bills(visit: PortalVisit) -> Sequence[SavedBill]:
    """What whoever is signed in has saved, as `offered_saved_bills`; nothing where nobody is."""
    citizens = visit.portal.citizens
    who = None if citizens is None else await signed_in(visit, citizens)
    if citizens is None or who is None:
        return ()
    return await offered_saved_bills(visit, citizens, who)


async def offered_saved_bills(
    visit: PortalVisit, citizens: CitizenPorts, who: SignedIn
) -> Sequence[SavedBill]:
    """The saved bills of a citizen whose billers are offered."""
    saved = await citizens.saved_bills.of_citizen(who.citizen_id)
    return [bill for bill in saved if visit.portal.catalogue.by_id(bill.biller_id) is not None]


def is_offered_reminder(visit: PortalVisit, bill: SavedBill) -> bool:
    """Whether its biller is offered and can be asked for the bill while nobody waits."""
    tile = visit.portal.catalogue.by_id(bill.biller_id)
    return tile is not None and is_remindable(tile.profile, bill.fields)


def shown_saved(
    visit: PortalVisit, bill: SavedBill, reminder: Reminder | None = None
) -> Mapping[str, object]:
    """A saved bill as a page shows it: its tile, the number that it is called by, its form, its reminder."""
    tile = visit.portal.catalogue.by_id(bill.biller_id)
    return {
        "bill": bill,
        "tile": tile,
        "number": next(iter(bill.fields.values()), ""),
        "reminder": reminder,
        "is_remindable": is_offered_reminder(visit, bill),
        "link": visit.at(f"/bills/{bill.biller_id}", **{SAVED: bill.saved_id.hex}),
    }


def savable_bills(visit: PortalVisit, cart: StoredCart, saved: Sequence[SavedBill]) -> list[int]:
    """The numbers of those bills of a cart that can be saved and are not."""
    known = {(bill.biller_id, frozenset(bill.fields.items())) for bill in saved}
    billers = visit.portal.office.world.billers
    named = [(stored, savable_fields(stored, billers)) for stored in cart.bills]
    return [
        stored.seq
        for stored, fields in named
        if fields and (stored.bill.biller_id, frozenset(fields.items())) not in known
    ]


def read_id(text: str) -> UUID | None:
    """An id of ours as a form or an address brings it; None where it is none."""
    try:
        return UUID(hex=text)
    except ValueError:
        return None
