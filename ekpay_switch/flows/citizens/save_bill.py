"""Saving what names a citizen's bills, so that the next one needs no typing (docs/adr/0125)."""

from collections.abc import Mapping
from uuid import UUID

from ekpay_switch.domain.carts.bill_cart import BillInCart
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.ports.billers import BillerProfile, Billers
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.security.identifiers import uuid7


def standing_fields(profile: BillerProfile, fields: Mapping[str, str]) -> Mapping[str, str]:
    """Those fields of a bill that name its customer; empty where they do not name the next bill.

    A way to name bills is saved where the field that it is called by, its first required one, is standing:
    an account number is, the number of a bill is not.
    """
    for letter in dict.fromkeys(parameter.group for parameter in profile.parameters):
        group = [parameter for parameter in profile.parameters if parameter.group == letter]
        called_by = next((parameter for parameter in group if parameter.is_required), None)
        if called_by is None or called_by.name not in fields:
            continue
        if fields.keys() <= {parameter.name for parameter in group}:
            kept = {one.name: fields[one.name] for one in group if one.is_standing and one.name in fields}
            return kept if called_by.is_standing else {}
    return {}


def savable_fields(stored: BillInCart, billers: Billers) -> Mapping[str, str]:
    """What is saved of a bill of a cart; empty where the next bill has another name."""
    biller = billers.by_id(stored.bill.biller_id)
    return {} if biller is None else standing_fields(biller.profile, stored.bill.fields)


async def save_bill(
    citizen_id: UUID, biller_id: str, fields: Mapping[str, str], nickname: str, citizens: CitizenPorts
) -> bool:
    """Keep what names a bill; saved again it has the new nickname. False: as many as may be are kept."""
    return await citizens.saved_bills.save(citizen_id, SavedBill(uuid7(), biller_id, fields, nickname))
