"""Bills as the aggregator presents them, whole or less the tax that the payer has held back.

Which members an answer has is ours and the same for every utility (billers.md 2.7 names those of the calls).
What may surprise: a payer who deducts tax at source pays less than the bill, and rightly so (1.2).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from biller_adapters.fetching import paid_bill
from biller_adapters.manifest import Manifest
from biller_adapters.utility_wording import CHALLAN, TAX, UtilityWords
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
_COUNT = re.compile(r"[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The tax that a payer deducts at source, and the treasury challan under which it was paid."""

    tax: Money
    challan: Mapping[str, str]


class PresentedBills:
    """What bill-info is asked and answers where the utility has a bill."""

    def __init__(self, manifest: Manifest, words: UtilityWords) -> None:
        self._manifest = manifest
        self._words = words

    def asked(self, named: Mapping[str, str], today: date) -> Mapping[str, object] | FetchReply:
        """The fields of bill-info; where tax and challan do not fit together, `AmountRefused`."""
        del today
        held_back = held_back_in(named)
        if isinstance(held_back, AmountRefused):
            return held_back
        fields = self._words.asked(named)
        if held_back is not None:
            fields[self._words.send[TAX]] = format_taka(held_back.tax.minor)
        return fields

    def read(self, told: Mapping[str, Any], named: Mapping[str, str], today: date) -> FetchReply:
        """The bill, once it is the one that was asked for; raises BrokenReplyError."""
        del today
        number, account = text(told, "bill_no"), text(told, "account_no")
        month = text_or_empty(told, "bill_year") + text_or_empty(told, "bill_month")
        self._refuse_another(named, {"bll_no": number, "bllr_accno": account, "bll_period": month})
        lines = {name: taka(told, name) for name in _LINES}
        whole, payable = taka(told, "total"), taka(told, "payable")
        if total(lines.values()) != whole:
            raise BrokenReplyError("their total is not ours")
        if whole == ZERO:
            return BillFound(paid_bill(number, account))
        held_back = held_back_in(named)
        if isinstance(held_back, AmountRefused) or (held_back is not None and held_back.tax >= whole):
            return AmountRefused()
        if payable != whole - (held_back.tax if held_back else ZERO):
            raise BrokenReplyError("they would take another amount")
        # Less the tax, it is told as one amount: from which line the tax was taken is nobody's affair.
        vat, late_fee = (ZERO, ZERO) if held_back else (lines["vat"], lines["surcharge"])
        return BillFound(
            Bill(
                bill_key=self._bill_key(named, number),
                bill_number=number,
                account=account,
                amount=payable - vat - late_fee,
                vat=vat,
                late_fee=late_fee,
                total=payable,
                rounding=self._manifest.rounding_of(payable),
                unpaid_count=_count(told),
                issued_on=day(told, "issue_date"),
                due_on=day(told, "due_date"),
                charges=_charges(lines, held_back),
                details=_details(told, month, whole, held_back),
            )
        )

    def _refuse_another(self, named: Mapping[str, str], told: Mapping[str, str]) -> None:
        for entry in self._manifest.parameters:
            wanted = named.get(entry.name, "")
            if wanted and told.get(entry.wire_name, wanted) != wanted:
                raise BrokenReplyError("a bill of another number, account or month")

    def _bill_key(self, named: Mapping[str, str], number: str) -> str:
        if not self._manifest.takes_bill_once:
            return ""
        if self._words.bill_named_by == "number":
            return number
        required = [entry.name for entry in self._manifest.parameters if entry.is_required]
        return "/".join(named[name] for name in required if name in named)


def held_back_in(named: Mapping[str, str]) -> HeldBack | AmountRefused | None:
    """What a payer has held back; refused unless tax and challan come together, and the tax is something."""
    challan = {name: named[name] for name in CHALLAN if named.get(name)}
    told = named.get(TAX, "")
    if not told and not challan:
        return None
    try:
        tax = parse_taka(told)
    except MalformedAmountError:
        return AmountRefused()
    is_whole = len(challan) == len(CHALLAN) and tax > ZERO
    return HeldBack(tax, challan) if is_whole else AmountRefused()


def _charges(lines: Mapping[str, Money], held_back: HeldBack | None) -> tuple[ChargeLine, ...]:
    """The utility's lines, told where they are more than amount, VAT and surcharge."""
    if held_back is None and lines["stamp"] == ZERO:
        return ()
    charges = [ChargeLine(label, amount) for label, amount in lines.items() if amount > ZERO]
    if held_back is not None:
        charges.append(ChargeLine("tax at source", ZERO - held_back.tax))
    return tuple(charges)


def _details(told: Mapping[str, Any], month: str, whole: Money, held_back: HeldBack | None) -> dict[str, str]:
    period_from, period_to = month_span(month[:4], month[4:])
    details = {
        "customer_name": text_or_empty(told, "customer_name"),
        "address": text_or_empty(told, "address"),
        "meter_no": text_or_empty(told, "meter_no"),
        "period_from": period_from,
        "period_to": period_to,
    }
    if held_back is None:
        return details
    held = {"bill_in_all": format_taka(whole.minor), TAX: format_taka(held_back.tax.minor)}
    return details | held | dict(held_back.challan)


def _count(told: Mapping[str, Any]) -> int:
    """How many bills wait to be paid, this one included; it only informs."""
    count = text_or_empty(told, "bill_count")
    return max(int(count), 1) if _COUNT.fullmatch(count) else 1
