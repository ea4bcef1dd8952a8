"""How this family writes bills and payments, and how its calls are read.

Parameters carry their names of the manifest in camelCase. Amounts are text in taka with exactly two
decimals, days `yyyy-MM-dd`, instants ISO 8601 with the offset of Dhaka.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.book import BillerPayment
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.payment_intake import PaymentOrder
from sandbox.kit.biller.taka_text import paisa_of, taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field

_DHAKA_OFFSET = timedelta(hours=6)
_SHAPES: Mapping[str, re.Pattern[str]] = {
    "bill_period": re.compile(r"20[0-9]{2}(0[1-9]|1[0-2])"),
    "month": re.compile(r"0[1-9]|1[0-2]"),
    "ward": re.compile(r"[0-9]{2}"),
    "quarter": re.compile(r"[1-4]"),
}
"""Forms that are checked by themselves: a wrong one makes the call malformed, not the bill unknown."""


class BillReference(NamedTuple):
    """How a payment names its bill: by account, by bill, or by both, which then must agree."""

    number: str | None
    bill_number: str | None


class MalformedParameterError(Exception):
    """A parameter of a bill is missing or has another form than the institution wants."""


def camel(name: str) -> str:
    """Return a parameter's name on the wire: `customer_no` becomes `customerNo`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def read_parameters(form: Form, institution: BillerInstitution) -> dict[str, str]:
    """Return the parameters that name a bill: one group of the institution's, by their names in the manifest.

    Raises:
        MalformedParameterError: one is missing, no text, or of another form.
    """
    is_other_group = bool(institution.alternative_fields) and all(
        camel(name) in form for name in institution.alternative_fields
    )
    templates = institution.alternative_fields if is_other_group else institution.fields
    return {
        name: _checked_text(name, form.get(camel(name)))
        for name in templates
        if name not in institution.unchecked_fields
    }


def read_order(form: Form, named: BillReference) -> PaymentOrder:
    """Read a payment of the bill that was found to be meant.

    Raises:
        MalformedRequestError: a field is missing or cannot be read; nothing was done.
    """
    amount = paisa_of(form.get("amount"))
    if amount is None:
        raise MalformedRequestError("amount must be taka with two decimals, as text")
    _check_instant(form, "paidAt")
    return PaymentOrder(
        reference=text_field(form, "transactionId"),
        amount_paisa=amount,
        number=named.number,
        bill_number=named.bill_number,
        facts={"channel": text_field(form, "channel"), "stamp_qty": str(_stamp_count(form))},
    )


def bill_data(bill: SimulatedBill, owed_paisa: Sequence[int], today: date) -> dict[str, object]:
    """Return a bill as answers report it; `owed_paisa` is outstanding of it and of the younger bills.

    `lateFee` is stated whether it is due or not. `amount`, `vat`, `stamp` and, once due, `lateFee` sum to
    `total`, the bill of today; `outstanding` is what payments in parts have left.
    """
    return {
        "billNo": bill.bill_number,
        "accountNo": bill.number,
        "customerName": bill.customer_name,
        "address": bill.address,
        "meterNo": bill.meter_no,
        "period": f"{bill.period.year:04d}{bill.period.month:02d}",
        "issueDate": bill.issued_on.isoformat(),
        "dueDate": bill.due_on.isoformat(),
        "amount": taka(bill.principal_paisa + bill.other_paisa),
        "vat": taka(bill.vat_paisa),
        "lateFee": taka(bill.late_fee_paisa),
        "stamp": taka(bill.stamp_paisa),
        "total": taka(bill.total_on(today)),
        "outstanding": taka(sum(owed_paisa)),
        "billCount": len(owed_paisa),
        "paid": "N",
    }


def payment_data(payment: BillerPayment) -> dict[str, object]:
    """Return a payment as a status call reports it."""
    return {
        "transactionId": payment.reference,
        "billNo": payment.bill_number,
        "amount": taka(payment.reported_paisa),
        "receiptNo": payment.receipt,
        "state": "PAID",
        "paidAt": datetime.fromisoformat(payment.paid_at).astimezone(DHAKA).isoformat(timespec="seconds"),
    }


def _checked_text(name: str, text: object) -> str:
    shape = _SHAPES.get(name)
    if not isinstance(text, str) or not text or (shape and not shape.fullmatch(text)):
        raise MalformedParameterError(name)
    return text


def _check_instant(form: Form, name: str) -> None:
    try:
        instant = datetime.fromisoformat(text_field(form, name))
    except ValueError:
        raise MalformedRequestError(f"{name} must be ISO 8601") from None
    if instant.utcoffset() != _DHAKA_OFFSET:
        raise MalformedRequestError(f"{name} must carry the offset +06:00")


def _stamp_count(form: Form) -> int:
    value = form.get("stampQty")
    # JSON true is a Python int; an institution that counted it as 1 would hide a caller's bug.
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedRequestError("stampQty must be a whole number, not negative")
    return value
