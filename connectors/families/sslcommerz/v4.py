"""SSLCommerz v4: a session, an order query, and a validation of its result (connectors.md 3).

Our reference may have several attempts, and only a successful one is final. A failed or cancelled attempt
leaves the page open for another; the page ends by its time, or where SSLCommerz says EXPIRED. A successful
one with a risk flag is held: SSLCommerz has that money until somebody has judged it. Of several successful
ones the first that is validated and as ordered counts, since the payer has paid twice. The others are told as
further movements where they are validated, and as unproven ones where they are held or their validation does
not confirm them. One that was held and is failed by now has come to nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from connectors.call_result import CallResult, MappedReply, has_meaning, inconclusive_answer
from connectors.families.sslcommerz.client import CallFormat, SslcommerzClient
from connectors.families.sslcommerz.notices import Fields, signed_hint
from connectors.families.sslcommerz.paid_twice import PaidAnswer, one_of_several, unconfirmed_payment
from connectors.families.sslcommerz.refunds import SslcommerzRefunds
from connectors.families.sslcommerz.replies import (
    instant,
    reference,
    word,
)
from connectors.families.sslcommerz.settings import V4Settings
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
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_rows,
    json_object,
    require_same,
    taka,
    text,
    text_or_empty,
)

_OPERATIONS = frozenset({"create", "query", "validate", "refund", "refund_status"})
_CALL_FORMAT = CallFormat(
    credentials={"store_id": "store_id", "store_passwd": "store_password"},
    query_parameters={"v": "1", "format": "json"},
    posts_json=False,
)
_SAFE = "0"
_RISK_REVIEW = "paid, and held for its risk until SSLCommerz or we decide"


class V4:
    """The dialect of SSLCommerz itself; implements `AggregatorDialect`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        settings = settings_of(manifest, V4Settings, _OPERATIONS)
        self.page_hosts = settings.page_hosts
        self._sent = settings.sent_fields()
        self._page = require_members(manifest.id, manifest.payer_page, {"product_name"})
        self._client = SslcommerzClient(manifest, context, _CALL_FORMAT)
        self._refunds = SslcommerzRefunds(self._client)

    async def request_page(self, order: CollectOrder) -> CallResult:
        """Open a session under our reference."""
        fields = {
            **self._sent,
            **self._page.payee_members(order.page),
            "total_amount": format_taka(order.amount.minor),
            "currency": order.amount.currency,
            "tran_id": order.reference,
            "success_url": order.return_url,
            "fail_url": order.return_url,
            "cancel_url": order.return_url,
            "num_of_item": "1",
            "emi_option": "0",
        }
        if order.notify_url:
            fields["ipn_url"] = order.notify_url
        return await self._client.call("create", fields, self._read_session, order.send_before)

    def read_page(self, document: Mapping[str, Any], order: CollectOrder) -> PageCreated:
        """The session and its page; the answer echoes nothing of the order. Raises BrokenReplyError."""
        del order
        return PageCreated(reference(document, "sessionkey"), text(document, "GatewayPageURL", 2_000))

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the attempts under our reference; the successful one is validated."""
        result = await self._client.call("query", {"tran_id": order.reference}, self._read_connected)
        if not has_meaning(result, Means.DONE):
            return inconclusive_answer(result)
        try:
            attempts = [self._attempt(row, order) for row in _rows(result.document)]
            paid_rows = [attempt.document for attempt in attempts if attempt.means is Means.DONE]
            distinct = {_attempt_name(row): row for row in reversed(paid_rows)}
            if not distinct:
                return _inquiry_without_payment(attempts, order)
            rows = list(reversed(distinct.values()))
            answers = [await self._validated(row, order) for row in rows]
            if len(answers) == 1:
                return answers[0]
            return one_of_several(answers, order, _unread(rows, answers, order))
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask for the state of the refund that the order names."""
        return await self._refunds.inquire(order)

    def hint(self, fields: Fields) -> CallbackHint | NoHint:
        """The hint of an IPN, or of the same form in a browser, where its signature is right."""
        if self._client.missing:
            return NoHint(f"{self._client.missing} is not set")
        return signed_hint(fields, self._client.secret("store_passwd"))

    async def _validated(self, row: Mapping[str, Any], order: CollectOrder) -> PaidAnswer:
        """What SSLCommerz says of a successful attempt; one that cannot be read settles nothing."""
        try:
            return await self._validate(row, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def _validate(self, row: Mapping[str, Any], order: CollectOrder) -> PaidAnswer:
        """The validated attempt; the attempt itself where it has no validation id."""
        if row.get("val_id") is None or row["val_id"] == "":
            return _collected(row, order)
        val_id = text(row, "val_id")
        result = await self._client.call("validate", {"val_id": val_id}, self._read_validation)
        if not has_meaning(result, Means.DONE):
            return inconclusive_answer(result)
        require_same(result.document, "val_id", val_id)
        require_same(result.document, "bank_tran_id", text(row, "bank_tran_id"))
        judged = _collected(result.document, order)
        if isinstance(judged, Collected) and text_or_empty(row, "risk_level") not in {"", _SAFE}:
            return HeldForRisk(judged, _RISK_REVIEW)
        return judged

    def _attempt(self, row: Mapping[str, Any], order: CollectOrder) -> MappedReply:
        require_same(row, "tran_id", order.reference)
        return self._client.map_reply("attempt", word(row, "status"), row)

    def _read_session(self, body: bytes) -> MappedReply:
        document = json_object(body)
        return self._client.map_reply("session", word(document, "status"), document)

    def _read_connected(self, body: bytes) -> MappedReply:
        document = json_object(body)
        return self._client.map_reply("connect", word(document, "APIConnect"), document)

    def _read_validation(self, body: bytes) -> MappedReply:
        connected = self._read_connected(body)
        if connected.means is not Means.DONE:
            return connected
        document = connected.document
        return self._client.map_reply("validation", word(document, "status"), document)


def _rows(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All attempts, as many as the answer announces; raises BrokenReplyError."""
    rows = as_rows(document.get("element") or [])
    if text(document, "no_of_trans_found") != str(len(rows)):
        raise BrokenReplyError("another number of attempts than announced")
    return rows


def _attempt_name(row: Mapping[str, Any]) -> tuple[str, str]:
    """The ids that distinguish successful attempts."""
    return text_or_empty(row, "val_id"), reference(row, "bank_tran_id")


def _unread(
    rows: Sequence[Mapping[str, Any]], answers: Sequence[PaidAnswer], order: CollectOrder
) -> list[Collected]:
    """The successful attempts that their validation does not confirm, as the query tells them."""
    return [
        unconfirmed_payment(
            partial(_movement, row), order, reference(row, "bank_tran_id"), {"validation": answer.why}
        )
        for row, answer in zip(rows, answers, strict=True)
        if isinstance(answer, NoAnswer)
    ]


def _inquiry_without_payment(attempts: Sequence[MappedReply], order: CollectOrder) -> CollectInquiry:
    """The result of an inquiry without a successful attempt.

    Where money was held, attempts that have all failed mean that it was refused; none at all mean nothing.
    """
    unmapped = next((attempt for attempt in attempts if attempt.means is Means.IN_DOUBT), None)
    if unmapped is not None:
        return inconclusive_answer(unmapped)
    is_under_way = any(attempt.means is Means.AWAITING_PAYER for attempt in attempts)
    finals = {Means.ENDED, Means.DECLINED} if order.is_held else {Means.ENDED}
    ended = next((attempt for attempt in attempts if attempt.means in finals), None)
    return AwaitingPayer() if is_under_way or ended is None else NeverPaid(f"reply code {ended.code}")


def _collected(document: Mapping[str, Any], order: CollectOrder) -> Collected | HeldForRisk:
    """The money of a successful attempt, collected or held, whatever the amount; raises BrokenReplyError."""
    require_same(document, "tran_id", order.reference)
    risk_level = text(document, "risk_level")
    money = _movement(document)
    if risk_level == _SAFE:
        return money
    facts = {"risk_level": risk_level, "risk_title": text_or_empty(document, "risk_title")}
    return HeldForRisk(replace(money, facts={**money.facts, **facts}), _RISK_REVIEW)


def _movement(document: Mapping[str, Any]) -> Collected:
    return Collected(
        reference=text(document, "tran_id"),
        amount=_money(document),
        provider_transaction=reference(document, "bank_tran_id"),
        facts={
            "executed_at": instant(document, "tran_date"),
            "payer_account": mask_account(text_or_empty(document, "card_no")),
            "val_id": text_or_empty(document, "val_id"),
        },
    )


def _money(document: Mapping[str, Any]) -> Money:
    """The charged amount in the currency of the request; raises BrokenReplyError.

    In taka both amounts are equal. An amount in another currency differs from the order; no rate is applied.
    """
    charged = Money(taka(document, "currency_amount").minor, currency_of(document, "currency_type"))
    settled = Money(taka(document, "amount").minor, currency_of(document, "currency"))
    if charged.currency == BDT and settled != charged:
        raise BrokenReplyError("two amounts that contradict each other")
    return charged
