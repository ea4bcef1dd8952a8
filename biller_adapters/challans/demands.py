"""An office's demand for a fee, and the bill made of it.

The offices compute their own fees and no public document describes the call, so it is ours: it names an
application by the parameters of the biller's manifest and is answered with the treasury heads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from biller_adapters.biller_client import BillerClient
from biller_adapters.call_result import has_meaning
from biller_adapters.challans.calls import payer_of
from biller_adapters.challans.heads import Head, heads_as_text, organization_code, read_heads, sum_of
from biller_adapters.fetching import reply_without_bill
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from ekpay_switch.domain.bill import Bill, BillFound, BillQuery, ChargeLine, FetchReply
from ekpay_switch.domain.money import ZERO, format_taka, total
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_object, day, taka, text, text_or_empty

_NUMBERS = ("bll_no", "bllr_accno", "x_nid", "x_tin", "x_bin")


@dataclass(frozen=True, slots=True)
class Payable:
    """What is to be paid to which organisation; `demand_no` is empty without a demand."""

    organization_code: str
    heads: Sequence[Head]
    vat_economic_code: str = ""
    demand_no: str = ""
    applicant_name: str = ""
    valid_until: date | None = None
    remarks: str = ""


async def fetch_demand(
    client: BillerClient, operation: str, manifest: Manifest, query: BillQuery, on: date
) -> FetchReply:
    """Fetch an office's demand for the payer's parameters; moves no money. Raises BrokenReplyError."""
    result = await client.call(operation, query.parameters)
    if not has_meaning(result, Means.APPROVED):
        return reply_without_bill(result, account=main_number(manifest, query))
    payable = _read_demand(
        result.document, query.parameters, manifest.family_settings.get("vat_economic_code", "")
    )
    if payable.valid_until is not None and payable.valid_until < on:
        raise BrokenReplyError("an expired demand")
    return BillFound(bill_of(payable, manifest, query))


def bill_of(payable: Payable, manifest: Manifest, query: BillQuery) -> Bill:
    """The bill that is paid with one challan; its lines are the heads, VAT among them."""
    amount_due = sum_of(payable.heads)
    vat = total(head.amount for head in payable.heads if head.economic_code == payable.vat_economic_code)
    return Bill(
        bill_key=payable.demand_no if manifest.takes_bill_once else "",
        bill_number=payable.demand_no,
        account=main_number(manifest, query),
        amount=amount_due - vat,
        vat=vat,
        late_fee=ZERO,
        total=amount_due,
        due_on=payable.valid_until,
        charges=tuple(ChargeLine(head.title or head.economic_code, head.amount) for head in payable.heads),
        details={"customer_name": payable.applicant_name} if payable.applicant_name else {},
        biller_quote={
            **payer_of(query.parameters),
            "demand_no": payable.demand_no,
            "organization_code": payable.organization_code,
            "heads": heads_as_text(payable.heads),
            "amount": format_taka(amount_due.minor),
            "remarks": payable.remarks,
        },
    )


def main_number(manifest: Manifest, query: BillQuery) -> str:
    """The payer's number of what is to be paid, such as a bill, account or tax number; empty without one."""
    by_wire_name = {
        entry.wire_name: query.parameters[entry.name]
        for entry in manifest.parameters
        if query.parameters.get(entry.name)
    }
    return next((by_wire_name[name] for name in _NUMBERS if name in by_wire_name), "")


def _read_demand(
    document: Mapping[str, Any], parameters: Mapping[str, str], vat_economic_code: str
) -> Payable:
    """The demand, checked against the request and its own total; raises BrokenReplyError."""
    if as_object(document.get("asked")) != parameters:
        raise BrokenReplyError("a demand for another reference")
    heads = read_heads(document.get("heads"))
    if sum_of(heads) != taka(document, "total"):
        raise BrokenReplyError("the heads do not add up to the total")
    return Payable(
        organization_code=organization_code(text(document, "organization_code")),
        heads=heads,
        vat_economic_code=vat_economic_code,
        demand_no=text(document, "demand_no"),
        applicant_name=text_or_empty(document, "applicant_name"),
        valid_until=day(document, "valid_until"),
    )
