"""How an office's calls are read, and how it writes demands and payments.

Amounts are text in taka with exactly two decimals, days `dd-MM-yyyy`. Details carry the office's own
names; the reference is made of them again and must be the one that was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sandbox.billers.offices.office import OfficeInstitution
from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.book import BillerPayment
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


def read_parameters(form: Form, institution: OfficeInstitution) -> dict[str, str]:
    """Return what names a demand, by the parameters of the manifest.

    Raises:
        MalformedDetailError: nothing can be looked up by this.
    """
    details = form.get("details")
    if not isinstance(details, dict) or not set(details) <= set(institution.details):
        raise MalformedDetailError("details")
    texts: dict[str, str] = {}
    if institution.stage_parameter:
        texts[institution.stage_parameter] = _text(form, "stage")
    elif "stage" in form:
        raise MalformedDetailError("stage")
    for name, detail in institution.details.items():
        if name in details and detail.takes(details[name]):
            texts[detail.param] = details[name]
        elif name in details or detail.is_needed(texts):
            raise MalformedDetailError(name)
    if _text(form, "service") != institution.service or _text(form, _REFERENCE) != institution.reference_of(
        texts
    ):
        raise MalformedDetailError(_REFERENCE)
    return texts


def read_payment_call(form: Form, institution: OfficeInstitution) -> PaymentCall:
    """Read a payment.

    Raises:
        MalformedDetailError: nothing can be looked up by this.
        MalformedRequestError: a field is missing or cannot be read; nothing was done.
    """
    amount = paisa_of(form.get("amount"))
    if not amount:
        raise MalformedRequestError("amount must be taka with two decimals, as text, and more than nothing")
    return PaymentCall(
        read_parameters(form, institution), text_field(form, "transactionId"), amount, _read_heads(form)
    )


def demand_data(
    bill: SimulatedBill,
    institution: OfficeInstitution,
    texts: Mapping[str, str],
    left_paisa: int,
    until: date,
) -> dict[str, object]:
    """Return a demand as the answers report it; `left_paisa` of it are still owed."""
    heads = [
        {
            "code": amount.head.code,
            "label_en": amount.head.label_en,
            "label_bn": amount.head.label_bn,
            "amount": taka(amount.paisa),
        }
        for amount in institution.heads_of(bill)
    ]
    return {
        **_reference_members(
            institution, institution.reference_of(texts), texts.get(institution.stage_parameter, "")
        ),
        "applicant": bill.customer_name,
        "heads": heads,
        "total": taka(bill.base_paisa),
        "payableFrom": bill.issued_on.strftime(_DAY),
        "payableUntil": until.strftime(_DAY),
        "partAllowed": institution.is_part_payable_of(bill),
        "outstanding": taka(left_paisa),
    }


def facts_of(call: PaymentCall, institution: OfficeInstitution) -> dict[str, str]:
    """Return what the office stores of a payment call: all its parameters."""
    return {_REFERENCE: institution.reference_of(call.texts), **call.texts}


def payment_data(
    payment: BillerPayment, institution: OfficeInstitution, final_receipt: str
) -> dict[str, object]:
    """Return a payment as the answers report it; `final_receipt` is empty while there is none."""
    facts = payment.facts
    final = {"finalReceiptNo": final_receipt} if final_receipt else {}
    return {
        "transactionId": payment.reference,
        **_reference_members(institution, facts[_REFERENCE], facts.get(institution.stage_parameter, "")),
        "amount": taka(payment.reported_paisa),
        "receiptNo": payment.receipt,
        "interim": institution.has_final_receipt and not final_receipt,
        **final,
    }


def _reference_members(institution: OfficeInstitution, reference: str, stage: str) -> dict[str, object]:
    named: dict[str, object] = {_REFERENCE: reference, "service": institution.service}
    return named | ({"stage": stage} if institution.stage_parameter else {})


def _read_heads(form: Form) -> tuple[tuple[str, int], ...]:
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
