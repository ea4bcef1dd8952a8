"""xml_vend: one XML element in a form field; verify an amount, vend it, acknowledge the token that came.

The third-party interface of BPDB prepaid (billers.md 2.6). Our reference is the far side's `transID`: what
became of a lost answer is asked by it, and the last response is told again. Nothing is ever reversed, and no
second vend is sent to find out (billers.md 2.15).

Why the acknowledgement is no step of its own: a token that was vended is the payer's at once, and a step's
answer would have to carry it past the next one, which the core does not do and a crash would break. So the
acknowledgement follows the vend within the same step, and whatever becomes of it the tokens are recorded and
the payment is complete. An acknowledgement that is missing leaves the fact `final_receipt` out, so that the
resolver asks again until the far side has it (`final_receipt = "later"` in the manifest).

User and password travel in every call, as their interface wants it; neither enters a fact or a message here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from pydantic import Field

from biller_adapters.biller_client import BillerLine
from biller_adapters.call_result import Meant, not_approved, nothing_learned
from biller_adapters.dialect import Credentials, Dialect, Fields, Written
from biller_adapters.fetching import no_bill
from biller_adapters.flat_xml import attributes_of, element
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.token_lines import token_lines, without_digits
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillQuery, ChargeLine, FetchReply
from ekpay_switch.domain.delivery import FINAL_RECEIPT, RECEIPT, PayOrder
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
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Section
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, signed_taka, text, text_or_empty

_OPERATIONS = frozenset({"verify", "vend", "acknowledge", "records"})
_PARAMETERS = frozenset({"meter_no", "amount"})
# What the money becomes, in their words and their order: arrears, fees, energy.
_LINES = ("arrearAMT", "feeAMT", "engAMT")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_USER, _PASSWORD = "userName", "userPass"
_ELEMENT = "request"
_DONE = b"success"
_ACKNOWLEDGED, _YES = "acknowledged", "Y"
_LINE_LENGTH = 20
_UNBROKEN = re.compile(r"[0-9]{20,}")
_NO_TOKEN = "vended, and the token is not there yet"  # noqa: S105 - a sentence, no secret


class FamilySettings(Section):
    """The section `family_settings` of a manifest of this family.

    How the token comes, in their words, and the field of the form that holds the element.
    """

    calc_mode: Annotated[str, Field(min_length=1)] = "SMS"
    vending_mode: Annotated[str, Field(min_length=1)] = "SMS"
    form_field: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")] = "xml"


@dataclass(frozen=True, slots=True)
class _Vend:
    """What was vended under a reference, as an answer tells it."""

    amount: Money
    tokens: tuple[TokenLine, ...]
    facts: Mapping[str, str]


class XmlVend:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._profile = manifest.profile(around.divisor)
        self._settings = settings_of(manifest, FamilySettings, _OPERATIONS)
        if not {entry.name for entry in manifest.parameters} >= _PARAMETERS:
            raise ManifestError(f"{manifest.id}: a meter_no and an amount are what is vended by")
        self._line = BillerLine(manifest, around, _dialect(self._settings.form_field))

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask what `amount` taka come to for a meter; moves no money."""
        meter = query.parameters["meter_no"]
        try:
            wanted = parse_taka(query.parameters["amount"])
        except MalformedAmountError:
            return BillerSilent("the amount to be vended is no amount")
        asked = await self._line.ask("verify", self._vending(meter, format_taka(wanted.minor)))
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return no_bill(asked)
        try:
            return BillFound(_bill(asked.document, meter, wanted))
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def pay(self, order: PayOrder) -> Outcome:
        """Vend what was verified, then say that the token came; of that nothing depends for the payer."""
        quote = order.biller_quote
        if order.sums.billed != parse_taka(quote["amount"]):
            return Unreached("the amount is not the one that was verified")
        fields = self._vending(quote["meter_no"], quote["amount"]) | _named(order)
        asked = await self._line.ask("vend", fields, order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return not_approved(asked)
        try:
            vend = _vended(asked.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        if vend.amount != order.sums.billed or not vend.tokens:
            return InDoubt(_NO_TOKEN if vend.amount == order.sums.billed else "vended for another amount")
        return Approved(await self._acknowledged(vend, order), vend.tokens)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what was vended under our reference, and acknowledge it where that is missing."""
        asked = await self._line.ask("records", {"transID": order.reference})
        if isinstance(asked, Meant) and asked.means is Means.NOT_FOUND:
            return NotFound()
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return nothing_learned(asked)
        try:
            vend = _vended(asked.document, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))
        if not vend.tokens:
            return NoAnswer(_NO_TOKEN)
        facts = vend.facts
        # Of another amount nothing is said: two persons look at it first.
        if vend.amount == order.sums.billed:
            is_told = asked.document.get(_ACKNOWLEDGED) == _YES
            facts = _final(facts) if is_told else await self._acknowledged(vend, order)
        return Posted(order.reference, vend.amount.minor, facts, vend.tokens)

    def _vending(self, meter: str, amount: str) -> dict[str, object]:
        return {
            "meterNum": meter,
            "amount": amount,
            "calcMode": self._settings.calc_mode,
            "vendingMode": self._settings.vending_mode,
        }

    async def _acknowledged(self, vend: _Vend, order: PayOrder) -> Mapping[str, str]:
        """The facts of a vend after telling the far side that its token arrived."""
        asked = await self._line.ask("acknowledge", _named(order))
        is_done = isinstance(asked, Meant) and asked.means is Means.APPROVED
        return _final(vend.facts) if is_done else vend.facts


def _final(facts: Mapping[str, str]) -> dict[str, str]:
    return {**facts, FINAL_RECEIPT: facts[RECEIPT]}


def _named(order: PayOrder) -> dict[str, object]:
    """How both sides name a vend: by our reference and by what the far side verified."""
    return {"transID": order.reference, "refCode": order.biller_quote["ref_code"]}


def _bill(told: Mapping[str, Any], meter: str, wanted: Money) -> Bill:
    """What the biller makes of the amount, in its own lines."""
    charges = tuple(ChargeLine(label, signed_taka(told, label)) for label in _LINES)
    if total(line.amount for line in charges) != wanted:
        raise BrokenReplyError("their lines are not the amount that was asked for")
    ref_code = _ref_code(told)
    return Bill(
        bill_key="",
        bill_number=ref_code,
        account=meter,
        amount=wanted,
        vat=ZERO,
        late_fee=ZERO,
        total=wanted,
        charges=charges,
        details={"meter_no": meter},
        biller_quote={"ref_code": ref_code, "meter_no": meter, "amount": format_taka(wanted.minor)},
    )


def _vended(told: Mapping[str, Any], order: PayOrder) -> _Vend:
    """What was vended, once it is an answer about this order; no lines while they are made."""
    ref_code = _ref_code(told)
    if (text(told, "transID"), ref_code) != (order.reference, order.biller_quote["ref_code"]):
        raise BrokenReplyError("an answer about another payment")
    amount = total(signed_taka(told, label) for label in _LINES)
    lines = token_lines(_with_commas(text(told, "token")), "", {}) if told.get("token") else ()
    facts = {"vendor_balance": text_or_empty(told, "balance")}
    return _Vend(amount, lines, {**without_digits(facts, lines), RECEIPT: ref_code})


def _ref_code(told: Mapping[str, Any]) -> str:
    """Their number of what was verified: the payer's receipt, and therefore no token."""
    ref_code = text(told, "refCode", 40)
    if _UNBROKEN.search(ref_code):
        raise BrokenReplyError("refCode is no reference")
    return ref_code


def _with_commas(token: str) -> str:
    """Lines that stand in one unbroken row of digits, 80 to 240 of them seen, apart from each other."""
    if not _UNBROKEN.fullmatch(token):
        return token
    return ",".join(token[start : start + _LINE_LENGTH] for start in range(0, len(token), _LINE_LENGTH))


def _dialect(form_field: str) -> Dialect:
    def write(fields: Fields, key: str) -> Written:
        credentials = {name: values[0] for name, values in parse_qs(key).items()}
        return _FORM, urlencode({form_field: element(_ELEMENT, {**credentials, **fields})}).encode()

    return Dialect(code_member="state", write=write, key=_key, read=_read)


def _key(credentials: Credentials) -> str:
    return urlencode({_USER: credentials.user, _PASSWORD: credentials.password})


def _read(body: bytes) -> Mapping[str, str]:
    """An element's attributes; an acknowledgement answers with one bare word, which is then its state."""
    if body.strip() == _DONE:
        return {"state": _DONE.decode()}
    return attributes_of(body)
