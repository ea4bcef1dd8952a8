"""How an office's calls are read, and how it writes demands and payments.

Amounts are text in taka with exactly two decimals, days `dd-MM-yyyy`. Details carry the office's own
names; the reference is made of them again and must be the one that was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sandbox.billers.offices.office import OfficeHouse
from sandbox.kit.biller.bills import CounterBill
from sandbox.kit.biller.book import Payment
from sandbox.kit.biller.taka_text import paisa_of, taka
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field

_REFERENCE = "reference"
_DAY = "%d-%m-%Y"


class MalformedDetailError(Exception):
    """What names a demand is incomplete, of another form, or does not agree with itself."""


@dataclass(frozen=True, slots=True)
class PaymentCall:
    """A payment as it was sent; `heads` are codes with amounts, none where a part is paid."""

    texts: Mapping[str, str]
    transaction_id: str
    amount_paisa: int
    heads: tuple[tuple[str, int], ...]


def texts_of(form: Form, house: OfficeHouse) -> dict[str, str]:
    """Return what names a demand, by the parameters of the manifest.

    Raises:
        MalformedDetailError: nothing can be looked up by this.
    """
    told = form.get("details")
    if not isinstance(told, dict) or not set(told) <= set(house.details):
        raise MalformedDetailError("details")
    texts: dict[str, str] = {}
    if house.stage_by:
        texts[house.stage_by] = _text(form, "stage")
    elif "stage" in form:
        raise MalformedDetailError("stage")
    for name, detail in house.details.items():
        if name in told and detail.takes(told[name]):
            texts[detail.param] = told[name]
        elif name in told or detail.is_needed(texts):
            raise MalformedDetailError(name)
    if _text(form, "service") != house.service or _text(form, _REFERENCE) != house.reference_of(texts):
        raise MalformedDetailError(_REFERENCE)
    return texts


def payment_call(form: Form, house: OfficeHouse) -> PaymentCall:
    """Read a payment.

    Raises:
        MalformedDetailError: nothing can be looked up by this.
        MalformedRequestError: a field is missing or cannot be read; nothing was done.
    """
    amount = paisa_of(form.get("amount"))
    if not amount:
        raise MalformedRequestError("amount must be taka with two decimals, as text, and more than nothing")
    return PaymentCall(texts_of(form, house), text_field(form, "transactionId"), amount, _heads(form))


def demand_data(
    bill: CounterBill, house: OfficeHouse, texts: Mapping[str, str], left_paisa: int, until: date
) -> dict[str, object]:
    """Return a demand as it is told; `left_paisa` of it are still owed."""
    heads = [
        {
            "code": one.head.code,
            "label_en": one.head.label_en,
            "label_bn": one.head.label_bn,
            "amount": taka(one.paisa),
        }
        for one in house.heads_of(bill)
    ]
    return {
        **_naming(house, house.reference_of(texts), texts.get(house.stage_by, "")),
        "applicant": bill.customer_name,
        "heads": heads,
        "total": taka(bill.base_paisa),
        "payableFrom": bill.issued_on.strftime(_DAY),
        "payableUntil": until.strftime(_DAY),
        "partAllowed": house.takes_part_of(bill),
        "outstanding": taka(left_paisa),
    }


def facts_of(call: PaymentCall, house: OfficeHouse) -> dict[str, str]:
    """Return what the office keeps of a payment's call: everything that it was told."""
    return {_REFERENCE: house.reference_of(call.texts), **call.texts}


def payment_data(payment: Payment, house: OfficeHouse, final_receipt: str) -> dict[str, object]:
    """Return a payment as it is told; `final_receipt` is empty while there is none."""
    facts = payment.facts
    final = {"finalReceiptNo": final_receipt} if final_receipt else {}
    return {
        "transactionId": payment.reference,
        **_naming(house, facts[_REFERENCE], facts.get(house.stage_by, "")),
        "amount": taka(payment.told_paisa),
        "receiptNo": payment.receipt,
        "interim": house.has_final_receipt and not final_receipt,
        **final,
    }


def _naming(house: OfficeHouse, reference: str, stage: str) -> dict[str, object]:
    named: dict[str, object] = {_REFERENCE: reference, "service": house.service}
    return named | ({"stage": stage} if house.stage_by else {})


def _heads(form: Form) -> tuple[tuple[str, int], ...]:
    rows = form.get("heads")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedRequestError("heads must be a list of objects")
    heads = [(text_field(row, "code"), paisa_of(row.get("amount"))) for row in rows]
    if any(paisa is None for _, paisa in heads):
        raise MalformedRequestError("a head must have an amount")
    return tuple((code, paisa or 0) for code, paisa in heads)


def _text(form: Form, name: str) -> str:
    text = form.get(name)
    if not isinstance(text, str) or not text:
        raise MalformedDetailError(name)
    return text
