"""aamarPay: a page by JSON, one question by our reference, no signature and no refund (connectors.md 5).

What may surprise: nothing but our own reference names a payment before it is paid, so it is the provider's
reference as well. Each reference has one outcome: failed or expired, it is over.
"""

from collections.abc import Mapping
from typing import Any

from connectors.call_result import Asked, Meant, nothing_learned
from connectors.families.sslcommerz.client import Line, Writing
from connectors.families.sslcommerz.notices import Fields, hint
from connectors.families.sslcommerz.replies import currency, instant, reference, word
from connectors.families.sslcommerz.settings import AamarPaySettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectInquiry,
    CollectOrder,
    Created,
    NeverPaid,
    NoHint,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import BDT, Money, format_taka
from ekpay_switch.domain.outcome import NoAnswer, Unreached
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_object,
    json_value,
    require_same,
    taka,
    text,
    text_or_empty,
)

_OPERATIONS = frozenset({"create", "query"})
_WRITING = Writing(
    credentials={"store_id": "store_id", "signature_key": "signature_key"},
    with_questions={"type": "json"},
    posts_json=True,
)
_SUCCESSFUL = "Successful"
# An empty risk level is none (C).
_SAFE = frozenset({"", "0"})


class AamarPay:
    """The dialect of aamarPay; implements `Dialect`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        settings = settings_of(manifest, AamarPaySettings, _OPERATIONS)
        self.page_hosts = settings.page_hosts
        self._sent = settings.sent()
        self._line = Line(manifest, around, _WRITING)

    async def ask_for_page(self, order: CollectOrder) -> Asked:
        """Open a page under our reference."""
        fields = {
            **self._sent,
            "amount": format_taka(order.amount.minor),
            "currency": order.amount.currency,
            "tran_id": order.reference,
            "success_url": order.return_url,
            "fail_url": order.return_url,
            "cancel_url": order.return_url,
            "type": "json",
        }
        return await self._line.ask("create", fields, self._read_page, order.send_before)

    def created(self, document: Mapping[str, Any], order: CollectOrder) -> Created:
        """The page, which echoes nothing of our payment; raises BrokenReplyError."""
        return Created(order.reference, text(document, "payment_url", 2_000))

    async def standing(self, order: CollectOrder) -> CollectInquiry:
        """What aamarPay says of our reference."""
        asked = await self._line.ask("query", {"request_id": order.reference}, self._read_standing)
        if not isinstance(asked, Meant):
            return nothing_learned(asked)
        try:
            require_same(asked.document, "mer_txnid", order.reference)
            return _told(asked)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Never: aamarPay has no call for it."""
        del order
        return Unreached("aamarPay gives nothing back by a call")

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Never: aamarPay has no call for it."""
        del order
        return NoAnswer("aamarPay gives nothing back by a call", was_asked=False)

    def hint(self, fields: Fields) -> CallbackHint | NoHint:
        """A form that nobody signed."""
        named, code = fields.get("mer_txnid", ""), fields.get("status_code", "")
        return hint(f"{named} {code}", named, code)

    def _read_page(self, body: bytes) -> Meant:
        told = _unwrapped(body)
        if isinstance(told, str):
            return self._line.meant("create", "error", {})
        document = as_object(told)
        if isinstance(document.get("result"), bool):
            document = {**document, "result": str(document["result"]).lower()}
        return self._line.meant("create", word(document, "result"), document)

    def _read_standing(self, body: bytes) -> Meant:
        document = as_object(_unwrapped(body))
        return self._line.meant("status", word(document, "status_code"), document)


def _unwrapped(body: bytes) -> object:
    """An answer, which some have seen as a list of one; raises BrokenReplyError."""
    told = json_value(body)
    return told[0] if isinstance(told, list) and len(told) == 1 else told


def _told(asked: Meant) -> CollectInquiry:
    """What aamarPay's own code for a payment means; raises BrokenReplyError."""
    match asked:
        case Meant(means=Means.DONE, document=document):
            return _collected(document)
        case Meant(means=Means.AWAITING_PAYER):
            return AwaitingPayer()
        case Meant(means=Means.ENDED, code=code):
            return NeverPaid(f"reply code {code}")
        case _:
            return nothing_learned(asked)


def _collected(document: Mapping[str, Any]) -> Collected | NoAnswer:
    """The money, whatever amount that is; raises BrokenReplyError."""
    require_same(document, "pay_status", _SUCCESSFUL)
    if text_or_empty(document, "pg_card_risklevel") not in _SAFE:
        return NoAnswer("paid, and held for its risk: a person must decide at aamarPay")
    return Collected(
        reference=text(document, "mer_txnid"),
        amount=_money(document),
        provider_transaction=reference(document, "pg_txnid"),
        facts={
            "executed_at": instant(document, "pay_time"),
            "payer_account": mask_account(text_or_empty(document, "card_number")),
            "bank_transaction": text_or_empty(document, "bank_txn"),
        },
    )


def _money(document: Mapping[str, Any]) -> Money:
    """What was charged, in the currency it was asked for in; raises BrokenReplyError.

    `amount` is in `currency`, which may be a conversion of `other_currency`; no rate is ever applied here.
    """
    asked_in = currency(document, "currency_merchant")
    if asked_in != BDT:
        return Money(taka(document, "other_currency").minor, asked_in)
    return Money(taka(document, "amount").minor, currency(document, "currency"))
