"""prepaid_vend: JSON over POST; a quote for an amount, a vend of that quote, and token lines in return.

The protocol of NESCO prepaid (billers.md 2.5); who is to be charged is named by whatever the manifest sends.
What may surprise: the quote's own transactionId is what the far side deduplicates by and is asked by, so a
payment's reference of ours never leaves. A vend that is answered without its tokens is in doubt: the money is
spent and the inquiry brings them, unless the biller says that it credited the meter from afar.

Lost answers are treated as XMLVend 2.1 does (billers.md 2.15): the last response is asked for, and a reversal
never is, because what stands on a meter cannot be taken back. Only where nothing was vended is the same quote
sent again, and a far side that had vended it after all answers with the tokens that it stored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from biller_adapters.biller_client import BillerLine
from biller_adapters.call_result import Meant, not_approved, nothing_learned
from biller_adapters.dialect import Dialect, JsonUnderHeader
from biller_adapters.fetching import no_bill
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
from ekpay_switch.domain.delivery import RECEIPT, PayOrder
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
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import Surroundings
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
_NO_TOKEN = "vended, and the token is not there yet"  # noqa: S105 - a sentence, no secret
_FACTS = MappingProxyType({"order_no": "orderNo", "meter_no": "meterNo", "vendor_balance": "balance"})


_SEND = "send_"
_MEMBER = r"[A-Za-z][A-Za-z0-9]{0,39}"


class FamilySettings(Section):
    """The section `family_settings` of a manifest of this family.

    Its words for the kinds of lines. `send` is gathered from settings such as `send_meter_no = "meterNo"`:
    our parameters and the members that carry them in a quote. `token_delivery` says whether a vend must bring
    lines to be keyed in; where it is remote, an answer whose member `delivery` is the `remote_word` needs
    none. `receipt_member` is the member that proves a vend to the payer, where the biller has one.
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
    def _gather(cls, told: Mapping[str, object]) -> dict[str, object]:
        sent = {name.removeprefix(_SEND): member for name, member in told.items() if name.startswith(_SEND)}
        plain = {name: value for name, value in told.items() if not name.startswith(_SEND)}
        return {**plain, "send": sent or {"customer_no": "customerNo"}}


@dataclass(frozen=True, slots=True)
class _Vend:
    """What was vended for a quote; `is_whole` once the payer has, or needs, nothing more."""

    amount: Money
    tokens: tuple[TokenLine, ...]
    facts: Mapping[str, str]
    is_whole: bool


class PrepaidVend:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._profile = manifest.profile(around.divisor)
        self._settings = settings_of(manifest, FamilySettings, _OPERATIONS)
        self._names = _names(manifest, self._settings)
        self._words: Mapping[str, TokenKind] = MappingProxyType(
            {
                self._settings.credit_word: TokenKind.CREDIT,
                self._settings.key_change_word: TokenKind.KEY_CHANGE,
                self._settings.tariff_word: TokenKind.TARIFF,
            }
        )
        self._line = BillerLine(manifest, around, _dialect())

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask what the biller makes of `amount` taka for a customer or meter; moves no money."""
        told = query.parameters
        sent = {member: told[name] for name, member in self._settings.send.items() if told.get(name)}
        named = {member: value for member, value in sent.items() if member in self._names}
        if not named:
            return BillerSilent("nobody is named for whom to vend")
        try:
            wanted = parse_taka(told["amount"])
        except MalformedAmountError:
            return BillerSilent("the amount to be vended is no amount")
        fields = {**sent, "payinAmount": format_taka(wanted.minor)}
        asked = await self._line.ask("quote", fields)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return no_bill(asked)
        try:
            return BillFound(_quote(as_object(asked.document.get("data")), named, wanted))
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def pay(self, order: PayOrder) -> Outcome:
        """Vend the quote; a second vend of it answers as the first and vends nothing."""
        if order.sums.billed != parse_taka(order.biller_quote["amount"]):
            return Unreached("the amount is not the one that was quoted")
        asked = await self._line.ask("vend", _vend_fields(order), order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return not_approved(asked)
        try:
            vend = self._vended(asked, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        if vend.amount != order.sums.billed:
            return InDoubt("vended for another amount")
        return Approved(vend.facts, vend.tokens) if vend.is_whole else InDoubt(_NO_TOKEN)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what was vended for the quote; moves no money."""
        asked = await self._line.ask("history", _vend_fields(order))
        if isinstance(asked, Meant) and asked.means is Means.NOT_FOUND:
            return NotFound()
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return nothing_learned(asked)
        try:
            vend = self._vended(asked, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))
        if not vend.is_whole:
            return NoAnswer(_NO_TOKEN)
        return Posted(order.reference, vend.amount.minor, vend.facts, vend.tokens)

    def _vended(self, asked: Meant, order: PayOrder) -> _Vend:
        """For how much the order's quote was vended, and what came of it; no lines while they are made."""
        data = as_object(asked.document.get("data"))
        if text(data, "transactionId") != order.biller_quote["transaction_id"]:
            raise BrokenReplyError("an answer about another payment")
        amount = taka(as_object(data.get("fee")), _PURCHASE)
        lines: tuple[TokenLine, ...] = ()
        if data.get("token") not in (None, ""):
            lines = token_lines(text(data, "token"), text_or_empty(data, "tokenType"), self._words)
        is_remote = not lines and self._is_credited(data)
        told = {ours: text_or_empty(data, theirs) for ours, theirs in _FACTS.items()}
        receipt = self._settings.receipt_member
        told |= {RECEIPT: text(data, receipt)} if receipt else {}
        told |= {"token_delivery": "remote"} if is_remote else {}
        return _Vend(amount, lines, without_digits(told, lines), is_whole=bool(lines) or is_remote)

    def _is_credited(self, data: Mapping[str, Any]) -> bool:
        """Whether the biller says that the meter has the money already."""
        may_be = self._settings.token_delivery == "remote"  # noqa: S105 - how it comes, no secret
        return may_be and data.get("delivery") == self._settings.remote_word


def _names(manifest: Manifest, settings: FamilySettings) -> frozenset[str]:
    """The members that say for whom to vend: an answer has to repeat them, unlike who pays.

    Raises:
        ManifestError: a setting sends what is no parameter, or none of them names a customer or meter.
    """
    payers = {entry.name: entry.names_payer for entry in manifest.parameters}
    strange = settings.send.keys() - payers.keys()
    names = frozenset(member for name, member in settings.send.items() if not payers.get(name, True))
    if strange or not names or "amount" not in payers:
        raise ManifestError(
            f"{manifest.id}: what is sent must be parameters, one of them a customer or meter, and amount"
        )
    return names


def _quote(data: Mapping[str, Any], named: Mapping[str, str], wanted: Money) -> Bill:
    """What the biller makes of the amount, once it is an answer to what was asked."""
    fee = as_object(data.get("fee"))
    if any(text(data, member) != value for member, value in named.items()):
        raise BrokenReplyError("a quote for another customer")
    if taka(fee, _PURCHASE) != wanted:
        raise BrokenReplyError("a quote for another amount")
    charges = _charges(fee)
    if total(line.amount for line in charges) != wanted:
        raise BrokenReplyError("their lines are not their total")
    vat = taka(fee, _VAT) if _VAT in fee else ZERO
    if vat > wanted:
        raise BrokenReplyError("more VAT than money")
    transaction_id = text(data, "transactionId")
    return Bill(
        bill_key="",
        bill_number=transaction_id,
        account=next(iter(named.values())),
        amount=wanted - vat,
        vat=vat,
        late_fee=ZERO,
        total=wanted,
        charges=charges,
        details={
            "customer_name": text_or_empty(data, "customerName"),
            "meter_no": text_or_empty(data, "meterNo"),
        },
        biller_quote={"transaction_id": transaction_id, "amount": format_taka(wanted.minor)},
    )


def _charges(fee: Mapping[str, Any]) -> tuple[ChargeLine, ...]:
    """The biller's lines in its order, under its labels, which are names and no more."""
    labels = [label for label in fee if label != _PURCHASE]
    if len(labels) > _CHARGES_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise BrokenReplyError("their lines have no names")
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
