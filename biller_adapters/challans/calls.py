"""Payment and inquiry calls of the Automated Challan System, shared by the challan families.

A-Challan as one BRTA application calls it (billers.md 2.9, [P:C1]): a token, then calls under it. Ours are:
the token request is a form, the usual password grant (RFC 6749, 4.3.2), with the client's id and secret in a
basic header; all other bodies are JSON, with amounts as text.

Paying is one step of two calls, both sent before the order's send deadline: `initiate` registers a payment,
`confirmation` credits the Treasury Single Account and returns the challan. They are not two steps of the
core: after the first of several steps the biller holds the payment and it is never given back, while here
nothing is held before the confirmation. `details` resolves a lost answer by the paymentid: a challan is a
posted payment; one that was only initiated counts as not found, and its paymentid, by which repeats are
recognised, may be sent again.

The application in [P:C1] gets the challan from its payer's browser and repeats it in the confirmation. We
collect ourselves, so the challan comes with the answer to the confirmation only.

A paymentid has 13 letters and digits where our references have 26: it is a digest of the reference.
"""

import json
from base64 import b32encode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from biller_adapters.biller_client import BillerClient
from biller_adapters.call_result import MappedReply, has_meaning, inconclusive_answer, unsuccessful_outcome
from biller_adapters.challans.heads import challan_number, heads_from_text
from biller_adapters.dialect import Dialect, Fields, HeadersAndBody, WriteCall
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.sign_in import credentials_of
from ekpay_switch.domain.bill import BillFound, FetchReply
from ekpay_switch.domain.money import Money, format_taka, parse_taka
from ekpay_switch.domain.outcome import (
    Approved,
    InDoubt,
    Inquiry,
    NoAnswer,
    NotFound,
    Outcome,
    Posted,
    Unreached,
)
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    bearer_token,
    day,
    json_object,
    taka,
    text,
    text_or_empty,
    whole_seconds,
)
from ekpay_switch.wing_kit.token_keeper import Grant, NoToken

OPERATIONS = frozenset({"token", "initiate", "initiate_otc", "confirmation", "details"})
_CODE = "responsecode"
_GRANTED = "granted"
_PAYMENT_ID_LENGTH = 13
# The members about the payer, and the parameters of a manifest that fill each.
_PAYER_MEMBERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nid": ("nid",),
        "tin": ("tin",),
        "bin": ("bin",),
        "mobile": ("mobile", "phone"),
        "email": ("email",),
        "pob_nid": ("applicant_id",),
        "pob_dob": ("date_of_birth",),
    }
)
_YES_OR_NO: Mapping[str, str] = MappingProxyType({"Y": "yes", "N": "no"})


@dataclass(frozen=True, slots=True)
class CounterSlip:
    """A slip to pay at a bank counter until the end of `valid_until`; it is no payment."""

    number: str
    amount: Money
    valid_until: date


@dataclass(frozen=True, slots=True)
class NoSlip:
    """No slip was made, and why; no money moved."""

    why: str


class ChallanCalls:
    """One biller's calls to the treasury; `client` is also used for the calls that its office answers."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self.client = BillerClient(manifest, context, _dialect(manifest, context.environ))

    async def pay(self, order: PayOrder) -> Outcome:
        """Register a payment and confirm it; a repeat registers nothing and returns the same challan."""
        if order.sums.billed_amount != parse_taka(order.biller_quote["amount"]):
            return Unreached("the amount is not the one that was quoted")
        fields = _initiate_fields(order.biller_quote, payment_id_of(order.reference))
        result = await self.client.call("initiate", fields, order.send_before)
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        confirmation = {name: fields[name] for name in ("paymentid", "paidamount")}
        try:
            confirmation["transaction_id"] = text(result.document, "transaction_id")
        except BrokenReplyError as error:
            return InDoubt(str(error))
        result = await self.client.call("confirmation", confirmation, order.send_before)
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        return _confirmation_outcome(result.document, order, confirmation)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask which challan has our paymentid and whether an office has used it; moves no money."""
        payment_id = payment_id_of(order.reference)
        result = await self.client.call("details", {"paymentid": payment_id})
        if has_meaning(result, Means.NOT_FOUND):
            return NotFound()
        if not has_meaning(result, Means.APPROVED):
            return inconclusive_answer(result)
        try:
            return _read_details(result.document, order, payment_id)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def counter_slip(self, reply: FetchReply, bill_name: str) -> CounterSlip | NoSlip:
        """Register a fetched bill for payment at a counter; a repeat returns the same slip."""
        if not isinstance(reply, BillFound) or reply.bill.is_paid:
            return NoSlip("there is no unpaid bill")
        bill = reply.bill
        payment_id = payment_id_of(f"counter/{bill_name}/{bill.bill_number}/{bill.total.minor}")
        result = await self.client.call("initiate_otc", _initiate_fields(bill.biller_quote, payment_id))
        if not isinstance(result, MappedReply):
            return NoSlip(result.why)
        if result.means is not Means.APPROVED:
            return NoSlip(f"reply code {result.code}")
        return _read_slip(result.document, payment_id, bill.total)


def payment_id_of(reference: str) -> str:
    """The paymentid of a reference: 65 bits of its digest as letters A-Z and digits 2-7."""
    return b32encode(sha256(reference.encode()).digest()).decode()[:_PAYMENT_ID_LENGTH]


def payer_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """The members about the payer, or the person paid for, that the parameters fill."""
    members = {name: _first_value(parameters, names) for name, names in _PAYER_MEMBERS.items()}
    members["bin"] = members["bin"].replace("-", "")  # 13 digits, written with a hyphen by many
    return {name: value for name, value in members.items() if value}


def _first_value(parameters: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((parameters[name] for name in names if parameters.get(name)), "")


def _initiate_fields(quote: Mapping[str, str], payment_id: str) -> dict[str, object]:
    """The members of [P:C1], and two of ours that may be empty.

    `demand_no` is the office's demand that is paid; `remarks` has what the payer stated and no member
    carries.
    """
    main_head, *other_heads = heads_from_text(quote["heads"])
    return {
        "paymentid": payment_id,
        "paidamount": quote["amount"],
        "paymenttype": main_head.economic_code,
        "organization_code": quote["organization_code"],
        **{member: quote.get(member, "") for member in _PAYER_MEMBERS},
        "personcount": 1,
        "addleconomic": [
            {"economic_code": head.economic_code, "amount": format_taka(head.amount.minor)}
            for head in other_heads
        ],
        "demand_no": quote["demand_no"],
        "remarks": quote["remarks"],
    }


def _read_slip(document: Mapping[str, Any], payment_id: str, total: Money) -> CounterSlip | NoSlip:
    try:
        if text(document, "paymentid") != payment_id or taka(document, "paidamount") != total:
            return NoSlip("a slip for another payment")
        return CounterSlip(text(document, "slip_no"), total, day(document, "valid_until"))
    except BrokenReplyError as error:
        return NoSlip(str(error))


def _confirmation_outcome(
    document: Mapping[str, Any], order: PayOrder, confirmation: Mapping[str, object]
) -> Outcome:
    """The outcome of an approved confirmation: a challan, or in doubt where it is incomplete or not ours."""
    try:
        if any(text(document, name) != confirmation[name] for name in ("paymentid", "transaction_id")):
            return InDoubt("an answer about another payment")
        if taka(document, "paidamount") != order.sums.billed_amount:
            return InDoubt("confirmed for another amount")
        facts = {"receipt": challan_number(document), "payment_id": text(document, "paymentid")}
        return Approved({**facts, "transaction_id": text(document, "transaction_id")})
    except BrokenReplyError as error:
        return InDoubt(str(error))


def _read_details(document: Mapping[str, Any], order: PayOrder, payment_id: str) -> Inquiry:
    """The challan of our paymentid; raises BrokenReplyError."""
    if text(document, "payment_id") != payment_id:
        return NoAnswer("an answer about another payment")
    facts = {"receipt": challan_number(document), "payment_id": payment_id}
    facts |= {name: text_or_empty(document, name) for name in ("payment_date", "bank_name")}
    used = _YES_OR_NO.get(text_or_empty(document, "used_flag"))
    return Posted(
        order.reference, taka(document, "paidamount").minor, facts | ({"challan_used": used} if used else {})
    )


# ---- the dialect ------------------------------------------------------------------------------------


def _dialect(manifest: Manifest, environ: Mapping[str, str]) -> Dialect:
    return Dialect(
        code_member=_CODE,
        write=_writer(manifest, environ),
        log_in=lambda user, password: {"grant_type": "password", "username": user, "password": password},
        read_grant=lambda document: Grant(
            bearer_token(document, "access_token"), whole_seconds(document, "expires_in")
        ),
        read=_read,
    )


def _writer(manifest: Manifest, environ: Mapping[str, str]) -> WriteCall:
    """Writes a form with the client's credentials where there is no token yet, else JSON under the token."""
    credentials = credentials_of(manifest, environ)
    extra_credentials = {} if isinstance(credentials, NoToken) else credentials.more
    basic_credentials = (
        f"{extra_credentials.get('client_id', '')}:{extra_credentials.get('client_secret', '')}"
    )
    form_headers = {
        "Authorization": f"Basic {b64encode(basic_credentials.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }

    def write(fields: Fields, token: str) -> HeadersAndBody:
        if not token:
            return form_headers, urlencode(fields).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return headers, json.dumps(fields).encode()

    return write


def _read(body: bytes) -> Mapping[str, Any]:
    """An answer; a token grant has no responsecode, so it gets the code `granted`, which nothing else has."""
    document = json_object(body)
    return {_CODE: _GRANTED, **document} if "access_token" in document else document
