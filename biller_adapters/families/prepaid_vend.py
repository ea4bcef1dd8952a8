"""prepaid_vend: JSON over POST; a quote for an amount, a vend of that quote, and token lines in return.

The protocol of NESCO prepaid (billers.md 2.5); the manifest says which members name the customer or meter.
The far side recognises repeats and inquiries by the quote's own transactionId, so our reference is never
sent. A vend that is answered without tokens is in doubt: the money is spent and an inquiry brings the tokens,
unless the biller says that it credited the meter remotely.

Lost answers are resolved as in XMLVend 2.1 (billers.md 2.15): by an inquiry for the last response, never by a
reversal, since a credited meter cannot be debited. Only where nothing was vended is the same quote sent
again; a far side that did vend it answers with the stored tokens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from biller_adapters.biller_client import BillerClient
from biller_adapters.call_result import MappedReply, has_meaning, inconclusive_answer, unsuccessful_outcome
from biller_adapters.dialect import Dialect, JsonUnderHeader
from biller_adapters.fetching import reply_without_bill
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.token_lines import token_lines, without_digits
from ekpay_switch.domain.bill import (
    Bill,
    BillerSilent,
    BillFound,
    BillQuery,
    ChargeLine,
    FetchReply,
)
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
from ekpay_switch.domain.payments.delivery import RECEIPT, PayOrder
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Name, Section
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_object,
    bearer_token,
    signed_taka,
    taka,
    text,
    text_or_empty,
    whole_seconds,
)
from ekpay_switch.wing_kit.token_keeper import Grant

_OPERATIONS = frozenset({"login", "quote", "vend", "history"})
_PURCHASE, _VAT = "purchaseAmount", "vat"
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_CHARGES_MAX = 32
_NO_TOKEN = "vended, but without a token so far"  # noqa: S105 - a sentence, no secret
_FACTS = MappingProxyType({"order_no": "orderNo", "meter_no": "meterNo", "vendor_balance": "balance"})


_SEND = "send_"
_MEMBER = r"[A-Za-z][A-Za-z0-9]{0,39}"


class PrepaidVendSettings(Section):
    """The section `family_settings` of a manifest of this family.

    The biller's words for the kinds of token lines. `send` is gathered from settings such as `send_meter_no =
    "meterNo"`: our parameters and their members in a quote request. `token_delivery` says whether a vend must
    return token lines to be keyed in; where it is remote, an answer whose member `delivery` is the
    `remote_word` needs none. `receipt_member` is the member that proves a vend to the payer, where the biller
    has one.
    """

    credit_word: str
    key_change_word: str
    tariff_word: str
    send: Mapping[Name, Annotated[str, Field(pattern=f"^{_MEMBER}$")]]
    token_delivery: Literal["keyed", "remote"] = "keyed"  # noqa: S105 - how it comes, no secret
    remote_word: Annotated[str, Field(min_length=1)] = "REMOTE"
    receipt_member: Annotated[str, Field(pattern=f"^({_MEMBER})?$")] = ""

    @model_validator(mode="before")
    @classmethod
    def _gather_send(cls, settings: Mapping[str, object]) -> dict[str, object]:
        send = {
            name.removeprefix(_SEND): member for name, member in settings.items() if name.startswith(_SEND)
        }
        plain = {name: value for name, value in settings.items() if not name.startswith(_SEND)}
        return {**plain, "send": send or {"customer_no": "customerNo"}}


@dataclass(frozen=True, slots=True)
class _QuoteVend:
    """What was vended for a quote; `is_whole` where the tokens came or none are needed."""

    amount: Money
    tokens: tuple[TokenLine, ...]
    facts: Mapping[str, str]
    is_whole: bool


class PrepaidVend:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._profile = manifest.profile(context.divisor)
        self._settings = settings_of(manifest, PrepaidVendSettings, _OPERATIONS)
        self._identifying_members = _identifying_members(manifest, self._settings)
        self._token_kinds: Mapping[str, TokenKind] = MappingProxyType(
            {
                self._settings.credit_word: TokenKind.CREDIT,
                self._settings.key_change_word: TokenKind.KEY_CHANGE,
                self._settings.tariff_word: TokenKind.TARIFF,
            }
        )
        self._client = BillerClient(manifest, context, _dialect())

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch a quote for `amount` taka for a customer or meter; moves no money."""
        parameters = query.parameters
        fields_sent = {
            member: parameters[name] for name, member in self._settings.send.items() if parameters.get(name)
        }
        identity = {
            member: value for member, value in fields_sent.items() if member in self._identifying_members
        }
        if not identity:
            return BillerSilent("no customer or meter was stated")
        try:
            amount = parse_taka(parameters["amount"])
        except MalformedAmountError:
            return BillerSilent("the amount to vend is no amount")
        fields = {**fields_sent, "payinAmount": format_taka(amount.minor)}
        result = await self._client.call("quote", fields)
        if not has_meaning(result, Means.APPROVED):
            return reply_without_bill(result)
        try:
            return BillFound(_quote(as_object(result.document.get("data")), identity, amount))
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def pay(self, order: PayOrder) -> Outcome:
        """Vend the quote; a repeat is answered as the first and vends nothing."""
        if order.sums.billed_amount != parse_taka(order.biller_quote["amount"]):
            return Unreached("the amount is not the one that was quoted")
        result = await self._client.call("vend", _vend_fields(order), order.send_before)
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        try:
            vend = self._read_vend(result, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        if vend.amount != order.sums.billed_amount:
            return InDoubt("vended for another amount")
        return Approved(vend.facts, vend.tokens) if vend.is_whole else InDoubt(_NO_TOKEN)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what was vended for the quote; moves no money."""
        result = await self._client.call("history", _vend_fields(order))
        if has_meaning(result, Means.NOT_FOUND):
            return NotFound()
        if not has_meaning(result, Means.APPROVED):
            return inconclusive_answer(result)
        try:
            vend = self._read_vend(result, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))
        if not vend.is_whole:
            return NoAnswer(_NO_TOKEN)
        return Posted(order.reference, vend.amount.minor, vend.facts, vend.tokens)

    def _read_vend(self, result: MappedReply, order: PayOrder) -> _QuoteVend:
        """The vend of the order's quote; without lines while they are made. Raises BrokenReplyError."""
        data = as_object(result.document.get("data"))
        if text(data, "transactionId") != order.biller_quote["transaction_id"]:
            raise BrokenReplyError("an answer about another payment")
        amount = taka(as_object(data.get("fee")), _PURCHASE)
        lines: tuple[TokenLine, ...] = ()
        if data.get("token") not in (None, ""):
            lines = token_lines(text(data, "token"), text_or_empty(data, "tokenType"), self._token_kinds)
        is_remote = not lines and self._is_credited(data)
        facts = {ours: text_or_empty(data, theirs) for ours, theirs in _FACTS.items()}
        receipt = self._settings.receipt_member
        facts |= {RECEIPT: text(data, receipt)} if receipt else {}
        facts |= {"token_delivery": "remote"} if is_remote else {}
        return _QuoteVend(amount, lines, without_digits(facts, lines), is_whole=bool(lines) or is_remote)

    def _is_credited(self, data: Mapping[str, Any]) -> bool:
        """Whether the biller says that it credited the meter remotely."""
        may_be = self._settings.token_delivery == "remote"  # noqa: S105 - how it comes, no secret
        return may_be and data.get("delivery") == self._settings.remote_word


def _identifying_members(manifest: Manifest, settings: PrepaidVendSettings) -> frozenset[str]:
    """The members that name the customer or meter, which an answer must repeat.

    Raises:
        ManifestError: a setting sends no parameter, or none of them names a customer or meter.
    """
    names_payer = {entry.name: entry.names_payer for entry in manifest.parameters}
    unknown = settings.send.keys() - names_payer.keys()
    names = frozenset(member for name, member in settings.send.items() if not names_payer.get(name, True))
    if unknown or not names or "amount" not in names_payer:
        raise ManifestError(
            f"{manifest.id}: what is sent must be parameters, one of them a customer or meter, and amount"
        )
    return names


def _quote(data: Mapping[str, Any], identity: Mapping[str, str], amount: Money) -> Bill:
    """The biller's quote as a bill, checked against the request; raises BrokenReplyError."""
    fee = as_object(data.get("fee"))
    if any(text(data, member) != value for member, value in identity.items()):
        raise BrokenReplyError("a quote for another customer")
    if taka(fee, _PURCHASE) != amount:
        raise BrokenReplyError("a quote for another amount")
    charges = _charges(fee)
    if total(line.amount for line in charges) != amount:
        raise BrokenReplyError("the lines do not add up to the total")
    vat = taka(fee, _VAT) if _VAT in fee else ZERO
    if vat > amount:
        raise BrokenReplyError("more VAT than money")
    transaction_id = text(data, "transactionId")
    return Bill(
        bill_key="",
        bill_number=transaction_id,
        account=next(iter(identity.values())),
        amount=amount - vat,
        vat=vat,
        late_fee=ZERO,
        total=amount,
        charges=charges,
        details={
            "customer_name": text_or_empty(data, "customerName"),
            "meter_no": text_or_empty(data, "meterNo"),
        },
        biller_quote={"transaction_id": transaction_id, "amount": format_taka(amount.minor)},
    )


def _charges(fee: Mapping[str, Any]) -> tuple[ChargeLine, ...]:
    """The biller's charge lines in its order and under its labels; raises BrokenReplyError."""
    labels = [label for label in fee if label != _PURCHASE]
    if len(labels) > _CHARGES_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise BrokenReplyError("lines without valid names")
    return tuple(ChargeLine(label, signed_taka(fee, label)) for label in labels)


def _vend_fields(order: PayOrder) -> dict[str, object]:
    return {"transactionId": order.biller_quote["transaction_id"]}


def _dialect() -> Dialect:
    return Dialect(
        code_member="resultcode",
        write=JsonUnderHeader("access_token"),
        log_in=lambda user, password: {"userName": user, "password": password},
        read_grant=_grant,
    )


def _grant(answer: Mapping[str, Any]) -> Grant:
    data = as_object(answer.get("data"))
    return Grant(bearer_token(data, "access_token"), whole_seconds(data, "expiresIn"))
