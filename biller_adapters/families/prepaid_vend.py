"""prepaid_vend: JSON over POST; a quote for an amount, a vend of that quote, and token lines in return.

The protocol of NESCO prepaid (billers.md 2.5). What may surprise: the quote's own transactionId is what the
far side deduplicates by and is asked by, so a payment's reference of ours never leaves. A vend that is
answered without its tokens is in doubt: the money is spent and the inquiry brings them.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from biller_adapters.asked import Asked, Meant, not_approved, nothing_learned
from biller_adapters.biller_line import BillerLine
from biller_adapters.dialect import Dialect, JsonUnderHeader
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means, Reason
from biller_adapters.token_lines import token_lines, without_digits
from ekpay_switch.domain.bill import (
    Bill,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    ChargeLine,
    FetchReply,
)
from ekpay_switch.domain.delivery import PayOrder
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
from ekpay_switch.ports import BillerProfile, NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_sections import Section
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
from ekpay_switch.wing_kit.surroundings import Surroundings
from ekpay_switch.wing_kit.token_keeper import Grant

_OPERATIONS = frozenset({"login", "quote", "vend", "history"})
_PURCHASE, _VAT = "purchaseAmount", "vat"
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_CHARGES_MAX = 32
_FACTS = MappingProxyType({"order_no": "orderNo", "meter_no": "meterNo", "vendor_balance": "balance"})


class FamilySettings(Section):
    """The section `family_settings` of a manifest of this family: its words for the kinds of lines."""

    credit_word: str
    key_change_word: str
    tariff_word: str


class PrepaidVend:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._profile = manifest.profile(around.divisor)
        settings = settings_of(manifest, FamilySettings, _OPERATIONS)
        self._words: Mapping[str, TokenKind] = MappingProxyType(
            {
                settings.credit_word: TokenKind.CREDIT,
                settings.key_change_word: TokenKind.KEY_CHANGE,
                settings.tariff_word: TokenKind.TARIFF,
            }
        )
        self._line = BillerLine(manifest, around, _dialect())

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask what the biller makes of `amount` taka for `customer_no`; moves no money."""
        customer = query.parameters["customer_no"]
        try:
            wanted = parse_taka(query.parameters["amount"])
        except MalformedAmountError:
            return BillerSilent("the amount to be vended is no amount")
        fields = {"customerNo": customer, "payinAmount": format_taka(wanted.minor)}
        asked = await self._line.ask("quote", fields)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return _no_quote(asked)
        try:
            return BillFound(_quote(as_object(asked.document.get("data")), customer, wanted))
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
            vended, tokens, facts = self._vended(asked, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        if vended != order.sums.billed:
            return InDoubt("vended for another amount")
        return Approved(facts, tokens) if tokens else InDoubt("vended, and the token is not there yet")

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what was vended for the quote; moves no money."""
        asked = await self._line.ask("history", _vend_fields(order))
        if isinstance(asked, Meant) and asked.means is Means.NOT_FOUND:
            return NotFound()
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return nothing_learned(asked)
        try:
            vended, tokens, facts = self._vended(asked, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))
        if not tokens:
            return NoAnswer("vended, and the token is not there yet")
        return Posted(order.reference, vended.minor, facts, tokens)

    def _vended(
        self, asked: Meant, order: PayOrder
    ) -> tuple[Money, tuple[TokenLine, ...], Mapping[str, str]]:
        """For how much the order's quote was vended, the lines (none while they are made) and the facts."""
        data = as_object(asked.document.get("data"))
        if text(data, "transactionId") != order.biller_quote["transaction_id"]:
            message = "an answer about another payment"
            raise BrokenReplyError(message)
        vended = taka(as_object(data.get("fee")), _PURCHASE)
        lines: tuple[TokenLine, ...] = ()
        if data.get("token") not in (None, ""):
            lines = token_lines(text(data, "token"), text_or_empty(data, "tokenType"), self._words)
        told = {ours: text_or_empty(data, theirs) for ours, theirs in _FACTS.items()}
        return vended, lines, without_digits(told, lines)


def _no_quote(asked: Asked) -> FetchReply:
    """What an answer without a quote means."""
    match asked:
        case NotSent(why=why) | NoUsableAnswer(why=why):
            return BillerSilent(why)
        case Meant(reason=Reason.NO_SUCH_BILL):
            return BillMissing()
        case Meant(code=code):
            return BillerSilent(f"reply code {code}")


def _quote(data: Mapping[str, Any], customer: str, wanted: Money) -> Bill:
    """What the biller makes of the amount, once it is an answer to what was asked."""
    fee = as_object(data.get("fee"))
    if text(data, "customerNo") != customer:
        message = "a quote for another customer"
        raise BrokenReplyError(message)
    if taka(fee, _PURCHASE) != wanted:
        message = "a quote for another amount"
        raise BrokenReplyError(message)
    charges = _charges(fee)
    if total(line.amount for line in charges) != wanted:
        message = "their lines are not their total"
        raise BrokenReplyError(message)
    vat = taka(fee, _VAT) if _VAT in fee else ZERO
    if vat > wanted:
        message = "more VAT than money"
        raise BrokenReplyError(message)
    transaction_id = text(data, "transactionId")
    return Bill(
        bill_key="",
        bill_number=transaction_id,
        account=customer,
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
        message = "their lines have no names"
        raise BrokenReplyError(message)
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
