"""aamarPay: JSON, an inquiry by our reference, no signature and no refund (connectors.md 5).

Before it is paid a payment has no id but our reference, so that is the provider reference as well. Each
reference has one outcome: failed or expired, it is final. Where the answer lists several, as after a second
payment on one page, the first successful one as ordered counts; the others are further movements, or unproven
ones where they are held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from connectors.call_result import CallResult, MappedReply, inconclusive_answer
from connectors.families.sslcommerz.client import CallFormat, SslcommerzClient
from connectors.families.sslcommerz.notices import Fields, hint
from connectors.families.sslcommerz.paid_twice import PaidAnswer, one_of_several, unconfirmed_payment
from connectors.families.sslcommerz.replies import instant, reference, word
from connectors.families.sslcommerz.settings import AamarPaySettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.payer_page import require_members
from connectors.reply_amounts import currency_of
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectInquiry,
    CollectOrder,
    HeldForRisk,
    NeverPaid,
    NoHint,
    PageCreated,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import BDT, Money, format_taka
from ekpay_switch.domain.outcome import NoAnswer, Unreached
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import FamilyContext
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
_CALL_FORMAT = CallFormat(
    credentials={"store_id": "store_id", "signature_key": "signature_key"},
    query_parameters={"type": "json"},
    posts_json=True,
)
_SUCCESSFUL = "Successful"
# The entries of the answer as they were mapped; one where it is no list.
_REPLIES = "replies"
# An empty risk level is safe (C).
_SAFE = frozenset({"", "0"})


class AamarPay:
    """The dialect of aamarPay; implements `AggregatorDialect`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        settings = settings_of(manifest, AamarPaySettings, _OPERATIONS)
        self.page_hosts = settings.page_hosts
        self._sent = settings.sent_fields()
        self._page = require_members(manifest.id, manifest.payer_page, {"desc"})
        self._client = SslcommerzClient(manifest, context, _CALL_FORMAT)

    async def request_page(self, order: CollectOrder) -> CallResult:
        """Open a page under our reference."""
        fields = {
            **self._sent,
            **self._page.payee_members(order.page),
            "amount": format_taka(order.amount.minor),
            "currency": order.amount.currency,
            "tran_id": order.reference,
            "success_url": order.return_url,
            "fail_url": order.return_url,
            "cancel_url": order.return_url,
            "type": "json",
        }
        return await self._client.call("create", fields, self._read_page, order.send_before)

    def read_page(self, document: Mapping[str, Any], order: CollectOrder) -> PageCreated:
        """The page; the answer echoes nothing of the order. Raises BrokenReplyError."""
        return PageCreated(order.reference, text(document, "payment_url", 2_000))

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the state of the payment with our reference."""
        result = await self._client.call("query", {"request_id": order.reference}, self._read_standing)
        if not isinstance(result, MappedReply):
            return inconclusive_answer(result)
        try:
            return _inquiry_of(result.document[_REPLIES], order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Never sends anything: aamarPay has no refund call."""
        del order
        return Unreached("aamarPay has no refund call")

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Never sends anything: aamarPay has no refund inquiry."""
        del order
        return NoAnswer("aamarPay has no refund call", was_asked=False)

    def hint(self, fields: Fields) -> CallbackHint | NoHint:
        """The hint of an unsigned form."""
        our_reference, code = fields.get("mer_txnid", ""), fields.get("status_code", "")
        return hint(f"{our_reference} {code}", our_reference, code)

    def _read_page(self, body: bytes) -> MappedReply:
        answer = _unwrap_list(body)
        if isinstance(answer, str):
            return self._client.map_reply("create", "error", {})
        document = as_object(answer)
        if isinstance(document.get("result"), bool):
            document = {**document, "result": str(document["result"]).lower()}
        return self._client.map_reply("create", word(document, "result"), document)

    def _read_standing(self, body: bytes) -> MappedReply:
        value = json_value(body)
        replies = [
            self._map_standing(as_object(row)) for row in (value if isinstance(value, list) else [value])
        ]
        return MappedReply(Means.DONE, None, "", {_REPLIES: replies})

    def _map_standing(self, document: Mapping[str, Any]) -> MappedReply:
        return self._client.map_reply("status", word(document, "status_code"), document)


def _unwrap_list(body: bytes) -> object:
    """The answer, which may be a list with one entry; raises BrokenReplyError."""
    value = json_value(body)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _inquiry_of(replies: Sequence[MappedReply], order: CollectOrder) -> CollectInquiry:
    """The result of an inquiry, of whatever has not ended where nothing is paid; raises BrokenReplyError."""
    for reply in replies:
        require_same(reply.document, "mer_txnid", order.reference)
    if not replies:
        raise BrokenReplyError("an empty list")
    paid = [reply for reply in replies if reply.means is Means.DONE]
    if len(paid) <= 1:
        unended = [reply for reply in replies if reply.means is not Means.ENDED]
        return _single_inquiry((paid or unended or replies)[0])
    rows = {text_or_empty(reply.document, "pg_txnid"): reply for reply in paid}
    answers = [_paid_answer(reply) for reply in rows.values()]
    documents = {name: reply.document for name, reply in rows.items()}
    return one_of_several(answers, order, _unread(documents, answers, order))


def _unread(
    documents: Mapping[str, Mapping[str, Any]], answers: Sequence[PaidAnswer], order: CollectOrder
) -> list[Collected]:
    """The payments that their status code calls successful and whose other fields do not."""
    return [
        unconfirmed_payment(partial(_movement, document), order, name, {"status": answer.why})
        for (name, document), answer in zip(documents.items(), answers, strict=True)
        if isinstance(answer, NoAnswer)
    ]


def _paid_answer(reply: MappedReply) -> PaidAnswer:
    try:
        return _collected(reply.document)
    except BrokenReplyError as error:
        return NoAnswer(str(error))


def _single_inquiry(reply: MappedReply) -> CollectInquiry:
    """The result of an inquiry by aamarPay's status code; raises BrokenReplyError."""
    match reply:
        case MappedReply(means=Means.DONE, document=document):
            return _collected(document)
        case MappedReply(means=Means.AWAITING_PAYER):
            return AwaitingPayer()
        case MappedReply(means=Means.ENDED, code=code):
            return NeverPaid(f"reply code {code}")
        case _:
            return inconclusive_answer(reply)


def _collected(document: Mapping[str, Any]) -> Collected | HeldForRisk:
    """The money, collected or held, whatever the amount; raises BrokenReplyError."""
    require_same(document, "pay_status", _SUCCESSFUL)
    money, risk_level = _movement(document), text_or_empty(document, "pg_card_risklevel")
    if risk_level in _SAFE:
        return money
    risky = replace(money, facts={**money.facts, "risk_level": risk_level})
    return HeldForRisk(risky, "paid, and held for its risk until aamarPay or we decide")


def _movement(document: Mapping[str, Any]) -> Collected:
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
    """The charged amount in the currency of the request; raises BrokenReplyError.

    `amount` is in `currency`, which may be a conversion of `other_currency`; no rate is applied here.
    """
    merchant_currency = currency_of(document, "currency_merchant")
    if merchant_currency != BDT:
        return Money(taka(document, "other_currency").minor, merchant_currency)
    return Money(taka(document, "amount").minor, currency_of(document, "currency"))
