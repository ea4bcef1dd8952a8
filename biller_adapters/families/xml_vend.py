"""xml_vend: one XML element in a form field; verify an amount, vend it, acknowledge the token that came.

The third-party interface of BPDB prepaid (billers.md 2.6). Our reference is the far side's `transID`: an
inquiry by it returns the last response again. Nothing is ever reversed, and no second vend is sent to resolve
a doubt (billers.md 2.15).

The acknowledgement is no step of its own: a vended token belongs to the payer at once, and the core does not
carry the tokens of one step past the next, nor over a crash. So the acknowledgement follows the vend within
the same step; whatever its result, the tokens are recorded and the payment is complete. Without an
acknowledgement the fact `final_receipt` is missing, so that the resolver asks again until the far side has it
(`final_receipt = "later"` in the manifest).

Every call carries user and password, as the interface requires; neither is in any fact or message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from pydantic import Field

from biller_adapters.biller_client import BillerClient
from biller_adapters.call_result import has_meaning, inconclusive_answer, unsuccessful_outcome
from biller_adapters.dialect import Credentials, Dialect, Fields, HeadersAndBody
from biller_adapters.fetching import reply_without_bill
from biller_adapters.flat_xml import attributes_of, element
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.token_lines import token_lines, without_digits
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillQuery, ChargeLine, FetchReply
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import ZERO, Money, format_taka, parse_taka, total
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
from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT, RECEIPT, PayOrder
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Section
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, signed_taka, text, text_or_empty

_OPERATIONS = frozenset({"verify", "vend", "acknowledge", "records"})
_PARAMETERS = frozenset({"meter_no", "amount"})
# The charge lines by their names and in their order: arrears, fees, energy.
_LINES = ("arrearAMT", "feeAMT", "engAMT")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_USER, _PASSWORD = "userName", "userPass"
_ELEMENT = "request"
_DONE = b"success"
_ACKNOWLEDGED, _YES = "acknowledged", "Y"
_LINE_LENGTH = 20
_UNBROKEN = re.compile(r"[0-9]{20,}")
_NO_TOKEN = "vended, but without a token so far"  # noqa: S105 - a sentence, no secret


class XmlVendSettings(Section):
    """The section `family_settings` of a manifest of this family.

    The far side's words for the delivery of tokens, and the form field that has the element.
    """

    calc_mode: Annotated[str, Field(min_length=1)] = "SMS"
    vending_mode: Annotated[str, Field(min_length=1)] = "SMS"
    form_field: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")] = "xml"


@dataclass(frozen=True, slots=True)
class _Vend:
    """The vend under a reference, as an answer has it."""

    amount: Money
    tokens: tuple[TokenLine, ...]
    facts: Mapping[str, str]


class XmlVend:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._profile = manifest.profile(context.divisor)
        self._settings = settings_of(manifest, XmlVendSettings, _OPERATIONS)
        if not {entry.name for entry in manifest.parameters} >= _PARAMETERS:
            raise ManifestError(f"{manifest.id}: a vend needs the parameters meter_no and amount")
        self._client = BillerClient(manifest, context, _dialect(self._settings.form_field))

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch the charge lines of `amount` taka for a meter; moves no money."""
        meter = query.parameters["meter_no"]
        try:
            amount = parse_taka(query.parameters["amount"])
        except MalformedAmountError:
            return BillerSilent("the amount to vend is no amount")
        result = await self._client.call("verify", self._vend_fields(meter, format_taka(amount.minor)))
        if not has_meaning(result, Means.APPROVED):
            return reply_without_bill(result)
        try:
            return BillFound(_bill(result.document, meter, amount))
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def pay(self, order: PayOrder) -> Outcome:
        """Vend the verified amount, then acknowledge the token; the outcome does not depend on the latter."""
        quote = order.biller_quote
        if order.sums.billed_amount != parse_taka(quote["amount"]):
            return Unreached("the amount is not the one that was verified")
        fields = self._vend_fields(quote["meter_no"], quote["amount"]) | _vend_ids(order)
        result = await self._client.call("vend", fields, order.send_before)
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        try:
            vend = _read_vend(result.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        if vend.amount != order.sums.billed_amount or not vend.tokens:
            return InDoubt(
                _NO_TOKEN if vend.amount == order.sums.billed_amount else "vended for another amount"
            )
        return Approved(await self._acknowledge(vend, order), vend.tokens)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what was vended under our reference, and acknowledge it where that was not done."""
        result = await self._client.call("records", {"transID": order.reference})
        if has_meaning(result, Means.NOT_FOUND):
            return NotFound()
        if not has_meaning(result, Means.APPROVED):
            return inconclusive_answer(result)
        try:
            vend = _read_vend(result.document, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))
        if not vend.tokens:
            return NoAnswer(_NO_TOKEN)
        facts = vend.facts
        # Another amount is not acknowledged: it goes to review.
        if vend.amount == order.sums.billed_amount:
            is_acknowledged = result.document.get(_ACKNOWLEDGED) == _YES
            facts = _with_final_receipt(facts) if is_acknowledged else await self._acknowledge(vend, order)
        return Posted(order.reference, vend.amount.minor, facts, vend.tokens)

    def _vend_fields(self, meter: str, amount: str) -> dict[str, object]:
        return {
            "meterNum": meter,
            "amount": amount,
            "calcMode": self._settings.calc_mode,
            "vendingMode": self._settings.vending_mode,
        }

    async def _acknowledge(self, vend: _Vend, order: PayOrder) -> Mapping[str, str]:
        """Acknowledge the token; the facts of the vend, with the final receipt where that was approved."""
        result = await self._client.call("acknowledge", _vend_ids(order))
        is_done = has_meaning(result, Means.APPROVED)
        return _with_final_receipt(vend.facts) if is_done else vend.facts


def _with_final_receipt(facts: Mapping[str, str]) -> dict[str, str]:
    return {**facts, FINAL_RECEIPT: facts[RECEIPT]}


def _vend_ids(order: PayOrder) -> dict[str, object]:
    """The ids of a vend: our reference and the far side's verification code."""
    return {"transID": order.reference, "refCode": order.biller_quote["ref_code"]}


def _bill(document: Mapping[str, Any], meter: str, amount: Money) -> Bill:
    """The biller's quote as a bill, checked against the request; raises BrokenReplyError."""
    charges = tuple(ChargeLine(label, signed_taka(document, label)) for label in _LINES)
    if total(line.amount for line in charges) != amount:
        raise BrokenReplyError("the lines do not add up to the requested amount")
    ref_code = _ref_code(document)
    return Bill(
        bill_key="",
        bill_number=ref_code,
        account=meter,
        amount=amount,
        vat=ZERO,
        late_fee=ZERO,
        total=amount,
        charges=charges,
        details={"meter_no": meter},
        biller_quote={"ref_code": ref_code, "meter_no": meter, "amount": format_taka(amount.minor)},
    )


def _read_vend(document: Mapping[str, Any], order: PayOrder) -> _Vend:
    """The vend of this order; without lines while they are made. Raises BrokenReplyError."""
    ref_code = _ref_code(document)
    if (text(document, "transID"), ref_code) != (order.reference, order.biller_quote["ref_code"]):
        raise BrokenReplyError("an answer about another payment")
    amount = total(signed_taka(document, label) for label in _LINES)
    lines = token_lines(_with_commas(text(document, "token")), "", {}) if document.get("token") else ()
    facts = {"vendor_balance": text_or_empty(document, "balance")}
    return _Vend(amount, lines, {**without_digits(facts, lines), RECEIPT: ref_code})


def _ref_code(document: Mapping[str, Any]) -> str:
    """The far side's verification code, which is the payer's receipt and must not contain a token."""
    ref_code = text(document, "refCode", 40)
    if _UNBROKEN.search(ref_code):
        raise BrokenReplyError("refCode is no reference")
    return ref_code


def _with_commas(token: str) -> str:
    """The token with commas between its lines where it is one row of digits (80 to 240 were seen)."""
    if not _UNBROKEN.fullmatch(token):
        return token
    return ",".join(token[start : start + _LINE_LENGTH] for start in range(0, len(token), _LINE_LENGTH))


def _dialect(form_field: str) -> Dialect:
    def write(fields: Fields, key: str) -> HeadersAndBody:
        credentials = {name: values[0] for name, values in parse_qs(key).items()}
        return _FORM, urlencode({form_field: element(_ELEMENT, {**credentials, **fields})}).encode()

    return Dialect(code_member="state", write=write, key=_key, read=_read)


def _key(credentials: Credentials) -> str:
    return urlencode({_USER: credentials.user, _PASSWORD: credentials.password})


def _read(body: bytes) -> Mapping[str, str]:
    """An element's attributes; the answer to an acknowledgement is one bare word, which is its state."""
    if body.strip() == _DONE:
        return {"state": _DONE.decode()}
    return attributes_of(body)
