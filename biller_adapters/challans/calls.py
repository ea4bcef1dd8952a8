"""The calls of the Automated Challan System that pay and ask, shared by the families that end there.

A-Challan as one BRTA application calls it (billers.md 2.9, [P:C1]): a token, then calls under it. What is
ours: the token is asked for with a form, as a password grant is usually spoken (RFC 6749, 4.3.2), under the
client's own name and secret in a basic header; all other bodies are JSON, with amounts as text.

Paying is one step with two calls in it, both sent before the order's last moment: `initiate` registers a
payment, `confirmation` lets the money stand in the Treasury Single Account and brings the challan. They are
no two steps of the core, because after a first step the biller holds the payment and a later one is never
given back, while here nothing is held until the confirmation: refused or unsent, it cost nobody anything.
So whatever was lost on the way, `details` tells it by the paymentid: a challan is a posted payment, one that
was initiated only is as good as not found, and the same paymentid may be sent again (it is deduplicated by).

The application in [P:C1] is told the challan by its payer's browser and repeats it in the confirmation. Ours
collects itself: the challan comes with the answer to the confirmation, and from nowhere else.

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

from biller_adapters.biller_client import BillerLine
from biller_adapters.call_result import Meant, not_approved, nothing_learned
from biller_adapters.challans.heads import challan_number, heads_from_text
from biller_adapters.dialect import Dialect, Fields, Write, Written
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.sign_in import credentials_of
from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.delivery import PayOrder
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
from ekpay_switch.wing_kit.context import Surroundings
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
# What the treasury is told of the payer, and by which parameters of a manifest a payer says it.
_PAYER: Mapping[str, tuple[str, ...]] = MappingProxyType(
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
_USED: Mapping[str, str] = MappingProxyType({"Y": "yes", "N": "no"})


@dataclass(frozen=True, slots=True)
class CounterSlip:
    """A slip to pay at the counter of a bank, until the end of `valid_until`; nothing is paid by it."""

    number: str
    amount: Money
    valid_until: date


@dataclass(frozen=True, slots=True)
class NoSlip:
    """There is no slip, and why; nothing that matters was done."""

    why: str


class ChallanCalls:
    """One biller's calls to the treasury; `line` is for those that its office answers."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self.line = BillerLine(manifest, around, _dialect(manifest, around.environ))

    async def pay(self, order: PayOrder) -> Outcome:
        """Register a payment and confirm it; a second time registers nothing and brings the same challan."""
        if order.sums.billed != parse_taka(order.biller_quote["amount"]):
            return Unreached("the amount is not the one that was quoted")
        fields = _initiate_fields(order.biller_quote, payment_id_of(order.reference))
        asked = await self.line.ask("initiate", fields, order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return not_approved(asked)
        confirming = {name: fields[name] for name in ("paymentid", "paidamount")}
        try:
            confirming["transaction_id"] = text(asked.document, "transaction_id")
        except BrokenReplyError as error:
            return InDoubt(str(error))
        asked = await self.line.ask("confirmation", confirming, order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return not_approved(asked)
        return _confirmed(asked.document, order, confirming)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask which challan stands under our paymentid and whether an office has spent it; moves no money."""
        payment_id = payment_id_of(order.reference)
        asked = await self.line.ask("details", {"paymentid": payment_id})
        if isinstance(asked, Meant) and asked.means is Means.NOT_FOUND:
            return NotFound()
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return nothing_learned(asked)
        try:
            return _standing(asked.document, order, payment_id)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def counter_slip(self, bill: Bill, bill_name: str) -> CounterSlip | NoSlip:
        """Register a bill to be paid at a counter; asked again for the same bill, it is the same slip."""
        payment_id = payment_id_of(f"counter/{bill_name}/{bill.bill_number}/{bill.total.minor}")
        asked = await self.line.ask("initiate_otc", _initiate_fields(bill.biller_quote, payment_id))
        if not isinstance(asked, Meant):
            return NoSlip(asked.why)
        if asked.means is not Means.APPROVED:
            return NoSlip(f"reply code {asked.code}")
        told = asked.document
        try:
            if text(told, "paymentid") != payment_id or taka(told, "paidamount") != bill.total:
                return NoSlip("a slip for another payment")
            return CounterSlip(text(told, "slip_no"), bill.total, day(told, "valid_until"))
        except BrokenReplyError as error:
            return NoSlip(str(error))


def payment_id_of(reference: str) -> str:
    """The paymentid of a reference: 65 bits of its digest as letters A-Z and digits 2-7."""
    return b32encode(sha256(reference.encode()).digest()).decode()[:_PAYMENT_ID_LENGTH]


def payer_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """What the treasury is told of whoever pays, or is paid for, by the members of its calls."""
    told = {member: _first(parameters, names) for member, names in _PAYER.items()}
    told["bin"] = told["bin"].replace("-", "")  # 13 digits, written with a hyphen by many
    return {member: value for member, value in told.items() if value}


def _first(parameters: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((parameters[name] for name in names if parameters.get(name)), "")


def _initiate_fields(quote: Mapping[str, str], payment_id: str) -> dict[str, object]:
    """The members of [P:C1]; two more are ours, and both may be empty.

    `demand_no` is the office's demand that is paid, `remarks` what a payer stated that has no member here.
    """
    first, *others = heads_from_text(quote["heads"])
    return {
        "paymentid": payment_id,
        "paidamount": quote["amount"],
        "paymenttype": first.economic_code,
        "organization_code": quote["organization_code"],
        **{member: quote.get(member, "") for member in _PAYER},
        "personcount": 1,
        "addleconomic": [
            {"economic_code": head.economic_code, "amount": format_taka(head.amount.minor)} for head in others
        ],
        "demand_no": quote["demand_no"],
        "remarks": quote["remarks"],
    }


def _confirmed(told: Mapping[str, Any], order: PayOrder, confirming: Mapping[str, object]) -> Outcome:
    """What a confirmation that went well says: a challan, or a doubt where it is not whole or not ours."""
    try:
        if any(text(told, name) != confirming[name] for name in ("paymentid", "transaction_id")):
            return InDoubt("an answer about another payment")
        if taka(told, "paidamount") != order.sums.billed:
            return InDoubt("confirmed for another amount")
        facts = {"receipt": challan_number(told), "payment_id": text(told, "paymentid")}
        return Approved({**facts, "transaction_id": text(told, "transaction_id")})
    except BrokenReplyError as error:
        return InDoubt(str(error))


def _standing(told: Mapping[str, Any], order: PayOrder, payment_id: str) -> Inquiry:
    """The challan that stands under our paymentid; raises BrokenReplyError."""
    if text(told, "payment_id") != payment_id:
        return NoAnswer("an answer about another payment")
    facts = {"receipt": challan_number(told), "payment_id": payment_id}
    facts |= {name: text_or_empty(told, name) for name in ("payment_date", "bank_name")}
    used = _USED.get(text_or_empty(told, "used_flag"))
    return Posted(
        order.reference, taka(told, "paidamount").minor, facts | ({"challan_used": used} if used else {})
    )


# ---- how the calls look ------------------------------------------------------------------------------------


def _dialect(manifest: Manifest, environ: Mapping[str, str]) -> Dialect:
    return Dialect(
        code_member=_CODE,
        write=_writer(manifest, environ),
        log_in=lambda user, password: {"grant_type": "password", "username": user, "password": password},
        read_grant=lambda told: Grant(bearer_token(told, "access_token"), whole_seconds(told, "expires_in")),
        read=_read,
    )


def _writer(manifest: Manifest, environ: Mapping[str, str]) -> Write:
    """A form under the client's own name where there is no token yet, else JSON under the token."""
    credentials = credentials_of(manifest, environ)
    more = {} if isinstance(credentials, NoToken) else credentials.more
    client = f"{more.get('client_id', '')}:{more.get('client_secret', '')}"
    form_headers = {
        "Authorization": f"Basic {b64encode(client.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }

    def write(fields: Fields, token: str) -> Written:
        if not token:
            return form_headers, urlencode(fields).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return headers, json.dumps(fields).encode()

    return write


def _read(body: bytes) -> Mapping[str, Any]:
    """A grant of a token carries no responsecode, so it is given one of its own, which means nothing else."""
    document = json_object(body)
    return {_CODE: _GRANTED, **document} if "access_token" in document else document
