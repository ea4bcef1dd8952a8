"""Bills as the aggregator presents them, less the tax that the payer deducts at source.

The members of an answer are ours and the same for every utility (billers.md 2.7 names those of the calls). A
payer who deducts tax at source pays less than the bill (1.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from biller_adapters.fetching import paid_bill, unpaid_count
from biller_adapters.manifest import Manifest
from biller_adapters.utility_wording import CHALLAN, TAX, UtilityWording
from ekpay_switch.domain.bill import AmountRefused, Bill, BillFound, ChargeLine, FetchReply
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import ZERO, Money, format_taka, parse_taka, total
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    day,
    month_span,
    taka,
    text,
    text_or_empty,
)

_LINES = ("amount", "vat", "surcharge", "stamp")


@dataclass(frozen=True, slots=True)
class SourceTaxDeduction:
    """The tax that a payer deducts at source, and the treasury challan under which it was paid."""

    tax: Money
    challan: Mapping[str, str]


class PresentedBills:
    """Requests and answers of bill-info where the utility has a bill."""

    def __init__(self, manifest: Manifest, wording: UtilityWording) -> None:
        self._manifest = manifest
        self._wording = wording

    def info_fields(self, parameters: Mapping[str, str], today: date) -> Mapping[str, object] | FetchReply:
        """The fields of bill-info; `AmountRefused` where tax and challan do not come together."""
        del today
        deduction = source_tax_deduction_of(parameters)
        if isinstance(deduction, AmountRefused):
            return deduction
        fields = self._wording.info_fields(parameters)
        if deduction is not None:
            fields[self._wording.send[TAX]] = format_taka(deduction.tax.minor)
        return fields

    def read(self, bill: Mapping[str, Any], parameters: Mapping[str, str], today: date) -> FetchReply:
        """The bill, checked against the request; raises BrokenReplyError."""
        del today
        number, account = text(bill, "bill_no"), text(bill, "account_no")
        month = text_or_empty(bill, "bill_year") + text_or_empty(bill, "bill_month")
        self._require_same_bill(parameters, {"bll_no": number, "bllr_accno": account, "bll_period": month})
        lines = {name: taka(bill, name) for name in _LINES}
        whole, payable = taka(bill, "total"), taka(bill, "payable")
        if total(lines.values()) != whole:
            raise BrokenReplyError("the total is not the sum of its parts")
        if whole == ZERO:
            return BillFound(paid_bill(number, account))
        deduction = source_tax_deduction_of(parameters)
        if isinstance(deduction, AmountRefused) or (deduction is not None and deduction.tax >= whole):
            return AmountRefused()
        if payable != whole - (deduction.tax if deduction else ZERO):
            raise BrokenReplyError("another amount to pay")
        # Less the tax, the bill is one amount: the tax belongs to no single line.
        vat, late_fee = (ZERO, ZERO) if deduction else (lines["vat"], lines["surcharge"])
        return BillFound(
            Bill(
                bill_key=self._bill_key(parameters, number),
                bill_number=number,
                account=account,
                amount=payable - vat - late_fee,
                vat=vat,
                late_fee=late_fee,
                total=payable,
                rounding=self._manifest.rounding_of(payable),
                unpaid_count=unpaid_count(bill, "bill_count"),
                issued_on=day(bill, "issue_date"),
                due_on=day(bill, "due_date"),
                charges=_charges(lines, deduction),
                details=_details(bill, month, whole, deduction),
            )
        )

    def _require_same_bill(self, parameters: Mapping[str, str], bill_members: Mapping[str, str]) -> None:
        for entry in self._manifest.parameters:
            requested = parameters.get(entry.name, "")
            if requested and bill_members.get(entry.wire_name, requested) != requested:
                raise BrokenReplyError("a bill of another number, account or month")

    def _bill_key(self, parameters: Mapping[str, str], number: str) -> str:
        if not self._manifest.takes_bill_once:
            return ""
        if self._wording.bill_named_by == "number":
            return number
        required = [entry.name for entry in self._manifest.parameters if entry.is_required]
        return "/".join(parameters[name] for name in required if name in parameters)


def source_tax_deduction_of(parameters: Mapping[str, str]) -> SourceTaxDeduction | AmountRefused | None:
    """The payer's tax deduction, or None; refused where tax or challan is missing, or the tax is zero."""
    challan = {name: parameters[name] for name in CHALLAN if parameters.get(name)}
    tax_text = parameters.get(TAX, "")
    if not tax_text and not challan:
        return None
    try:
        tax = parse_taka(tax_text)
    except MalformedAmountError:
        return AmountRefused()
    is_whole = len(challan) == len(CHALLAN) and tax > ZERO
    return SourceTaxDeduction(tax, challan) if is_whole else AmountRefused()


def _charges(lines: Mapping[str, Money], deduction: SourceTaxDeduction | None) -> tuple[ChargeLine, ...]:
    """The utility's lines where there is a stamp or a tax deduction, else none."""
    if deduction is None and lines["stamp"] == ZERO:
        return ()
    charges = [ChargeLine(label, amount) for label, amount in lines.items() if amount > ZERO]
    if deduction is not None:
        charges.append(ChargeLine("tax at source", ZERO - deduction.tax))
    return tuple(charges)


def _details(
    bill: Mapping[str, Any], month: str, whole: Money, deduction: SourceTaxDeduction | None
) -> dict[str, str]:
    period_from, period_to = month_span(month[:4], month[4:])
    details = {
        "customer_name": text_or_empty(bill, "customer_name"),
        "address": text_or_empty(bill, "address"),
        "meter_no": text_or_empty(bill, "meter_no"),
        "period_from": period_from,
        "period_to": period_to,
    }
    if deduction is None:
        return details
    deduction_details = {"bill_in_all": format_taka(whole.minor), TAX: format_taka(deduction.tax.minor)}
    return details | deduction_details | dict(deduction.challan)
