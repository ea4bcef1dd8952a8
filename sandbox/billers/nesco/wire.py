"""How NESCO writes amounts: text in taka with exactly two decimals, whole paisa as soon as it is read."""

import re

from sandbox.billers.nesco.customers import NescoCustomer, PurchaseBreakdown
from sandbox.kit.institution.requests import Form, MalformedRequestError

_TAKA = re.compile(r"(0|[1-9][0-9]{0,8})\.([0-9]{2})")
_CUSTOMER = re.compile(r"[0-9]{8}")


def taka(paisa: int) -> str:
    """Write whole paisa, which may be negative: -105 becomes `-1.05`."""
    sign = "-" if paisa < 0 else ""
    return f"{sign}{abs(paisa) // 100}.{abs(paisa) % 100:02d}"


def customer_field(form: Form) -> str:
    """Return the customer number.

    Raises:
        MalformedRequestError: it is no text of 8 digits.
    """
    value = form.get("customerNo")
    if not isinstance(value, str) or not _CUSTOMER.fullmatch(value):
        raise MalformedRequestError("customerNo must be 8 digits, as text")
    return value


def amount_field(form: Form) -> int:
    """Return the amount to be paid in, in paisa, more than nothing.

    Raises:
        MalformedRequestError: it is no text of taka with exactly two decimals, or nothing.
    """
    value = form.get("payinAmount")
    match = _TAKA.fullmatch(value) if isinstance(value, str) else None
    paisa = int(match[1] + match[2]) if match else 0
    if paisa == 0:
        raise MalformedRequestError("payinAmount must be taka with two decimals, as text, and more than 0")
    return paisa


def quote_data(transaction_id: str, customer: NescoCustomer, fee: PurchaseBreakdown) -> dict[str, object]:
    """Return the data of a quote, which each later answer repeats."""
    return {
        "transactionId": transaction_id,
        "customerNo": customer.number,
        "customerName": customer.name,
        "meterNo": customer.meter_number,
        "fee": {
            "purchaseAmount": taka(fee.purchase),
            "energyCost": taka(fee.energy),
            "demandCharge": taka(fee.demand_charge),
            "rebate": taka(fee.rebate),
            "pfc": taka(fee.pfc),
            "debt": taka(fee.debt),
            "meterRent": taka(fee.meter_rent),
            "vat": taka(fee.vat),
            "tax": taka(fee.tax),
        },
    }
