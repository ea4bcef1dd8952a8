"""What an office demands before it does something for a citizen, and the bill that is made of it.

The offices compute their own fees and nothing public says how they tell them, so the call is ours: it names
an application by the parameters of the biller's manifest and is answered with the treasury heads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from biller_adapters.biller_client import BillerLine
from biller_adapters.call_result import Meant
from biller_adapters.challans.calls import payer_of
from biller_adapters.challans.heads import Head, heads_as_text, organization_code, read_heads, sum_of
from biller_adapters.fetching import no_bill
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from ekpay_switch.domain.bill import Bill, BillFound, BillQuery, ChargeLine, FetchReply
from ekpay_switch.domain.money import ZERO, format_taka, total
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_object, day, taka, text, text_or_empty

_NUMBERS = ("bll_no", "bllr_accno", "x_nid", "x_tin", "x_bin")


@dataclass(frozen=True, slots=True)
class Payable:
    """What is to be paid to the treasury, and to whose account there; no demand has an empty number."""

    organization_code: str
    heads: Sequence[Head]
    vat_economic_code: str = ""
    demand_no: str = ""
    applicant_name: str = ""
    valid_until: date | None = None
    remarks: str = ""


async def ask_office(
    line: BillerLine, operation: str, manifest: Manifest, query: BillQuery, on: date
) -> FetchReply:
    """Ask an office what it demands for what the payer stated; moves no money. Raises BrokenReplyError."""
    asked = await line.ask(operation, query.parameters)
    if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
        return no_bill(asked, account=main_number(manifest, query))
    payable = _read_demand(
        asked.document, query.parameters, manifest.family_settings.get("vat_economic_code", "")
    )
    if payable.valid_until is not None and payable.valid_until < on:
        raise BrokenReplyError("a demand that has run out")
    return BillFound(bill_of(payable, manifest, query))


def bill_of(payable: Payable, manifest: Manifest, query: BillQuery) -> Bill:
    """The bill that is paid with one challan; its lines are the heads, VAT among them."""
    owed = sum_of(payable.heads)
    vat = total(head.amount for head in payable.heads if head.economic_code == payable.vat_economic_code)
    return Bill(
        bill_key=payable.demand_no if manifest.takes_bill_once else "",
        bill_number=payable.demand_no,
        account=main_number(manifest, query),
        amount=owed - vat,
        vat=vat,
        late_fee=ZERO,
        total=owed,
        due_on=payable.valid_until,
        charges=tuple(ChargeLine(head.title or head.economic_code, head.amount) for head in payable.heads),
        details={"customer_name": payable.applicant_name} if payable.applicant_name else {},
        biller_quote={
            **payer_of(query.parameters),
            "demand_no": payable.demand_no,
            "organization_code": payable.organization_code,
            "heads": heads_as_text(payable.heads),
            "amount": format_taka(owed.minor),
            "remarks": payable.remarks,
        },
    )


def main_number(manifest: Manifest, query: BillQuery) -> str:
    """The number by which the payer named what is to be paid, or empty where it named none."""
    by_wire_name = {
        entry.wire_name: query.parameters[entry.name]
        for entry in manifest.parameters
        if query.parameters.get(entry.name)
    }
    return next((by_wire_name[name] for name in _NUMBERS if name in by_wire_name), "")


def _read_demand(told: Mapping[str, Any], named: Mapping[str, str], vat_economic_code: str) -> Payable:
    """The demand, once it answers what was asked and its heads are its total."""
    if as_object(told.get("asked")) != named:
        raise BrokenReplyError("a demand for something else")
    heads = read_heads(told.get("heads"))
    if sum_of(heads) != taka(told, "total"):
        raise BrokenReplyError("their heads are not their total")
    return Payable(
        organization_code=organization_code(text(told, "organization_code")),
        heads=heads,
        vat_economic_code=vat_economic_code,
        demand_no=text(told, "demand_no"),
        applicant_name=text_or_empty(told, "applicant_name"),
        valid_until=day(told, "valid_until"),
    )
