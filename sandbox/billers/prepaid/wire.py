"""How this family reads its calls and writes its answers; amounts are text in taka with two decimals."""

import re
from collections.abc import Mapping

from sandbox.billers.prepaid.charges import charges_of
from sandbox.billers.prepaid.utility import MOBILE, PrepaidUtility
from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.book import BillerPayment
from sandbox.kit.biller.taka_text import paisa_of, taka
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field

_NUMBER = re.compile(r"[0-9]{6,13}")
_MOBILE = re.compile(r"01[3-9][0-9]{8}")
_MOBILE_MEMBER = "mobileNo"


def camel(name: str) -> str:
    """Return a parameter's name on the wire: `customer_no` becomes `customerNo`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def read_account_numbers(form: Form, institution: PrepaidUtility) -> dict[str, str]:
    """Return the account numbers in a call, at least one, by their names in the manifest.

    Raises:
        MalformedRequestError: none is named, or one is no text of digits.
    """
    texts = {name: text_field(form, camel(name)) for name in institution.naming_fields if camel(name) in form}
    if not texts or not all(_NUMBER.fullmatch(text) for text in texts.values()):
        members = " or ".join(camel(name) for name in institution.naming_fields)
        raise MalformedRequestError(f"{members} must be digits, as text")
    return texts


def check_mobile(form: Form, institution: PrepaidUtility) -> None:
    """See that the payer can be reached, where the institution sends it something.

    Raises:
        MalformedRequestError: it is no mobile number.
    """
    if MOBILE in institution.fields and not _MOBILE.fullmatch(text_field(form, _MOBILE_MEMBER)):
        raise MalformedRequestError(f"{_MOBILE_MEMBER} must be a mobile number")


def read_amount(form: Form) -> int:
    """Return the amount to be paid in, in paisa, more than nothing.

    Raises:
        MalformedRequestError: it is no text of taka with exactly two decimals, or nothing.
    """
    paisa = paisa_of(form.get("payinAmount"))
    if not paisa:
        raise MalformedRequestError("payinAmount must be taka with two decimals, as text, and more than 0")
    return paisa


def quote_data(
    transaction: str, institution: PrepaidUtility, bill: SimulatedBill, paisa: int
) -> dict[str, object]:
    """Return the data of a quote, which every later answer repeats."""
    charges = charges_of(bill, paisa)
    return {
        "transactionId": transaction,
        "meterNo": bill.meter_no,
        **{camel(name): text for name, text in institution.names_of(bill).items()},
        "customerName": bill.customer_name,
        "fee": {
            "purchaseAmount": taka(charges.purchase),
            "energyCost": taka(charges.energy),
            "demandCharge": taka(charges.demand_charge),
            "meterRent": taka(charges.meter_rent),
            "debt": taka(charges.debt),
            "rebate": taka(charges.rebate),
            "vat": taka(charges.vat),
        },
    }


def vend_data(payment: BillerPayment, institution: PrepaidUtility, bill: SimulatedBill) -> dict[str, object]:
    """Return what was vended: lines to be keyed in, or that the meter has the credit already."""
    token = payment.facts.get("token", "")
    vend: Mapping[str, object] = {
        "orderNo": payment.receipt,
        "balance": payment.facts["balance"],
        "delivery": "TOKEN" if token else "REMOTE",
        "token": token,
        "tokenType": payment.facts.get("kinds", ""),
    }
    return {**quote_data(payment.reference, institution, bill, payment.reported_paisa), **vend}
