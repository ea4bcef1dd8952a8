"""SSLCommerz v4: a session, an order query, and a validation of what it found (connectors.md 3).

What may surprise: our reference may have several attempts, and only a good one says anything final. One that
failed or was cancelled leaves the page open, where the payer may try again; the page ends by its time, or
where SSLCommerz says EXPIRED. Two good ones are more than a payment: nothing is believed before a person has
looked. The same holds for a good one of risk: SSLCommerz has that money and leaves the decision to us.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.call_result import Asked, Meant, nothing_learned
from connectors.families.sslcommerz.client import Line, Writing
from connectors.families.sslcommerz.notices import Fields, signed_hint
from connectors.families.sslcommerz.refunds import Refunds
from connectors.families.sslcommerz.replies import (
    currency,
    instant,
    reference,
    word,
)
from connectors.families.sslcommerz.settings import V4Settings
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
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import Surroundings
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
_WRITING = Writing(
    credentials={"store_id": "store_id", "store_passwd": "store_password"},
    with_questions={"v": "1", "format": "json"},
    posts_json=False,
)
_SAFE = "0"
_HELD = "paid, and held for its risk: a person must decide at SSLCommerz"


class V4:
    """The dialect of SSLCommerz itself; implements `Dialect`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        settings = settings_of(manifest, V4Settings, _OPERATIONS)
        self.page_hosts = settings.page_hosts
        self._sent = settings.sent()
        self._line = Line(manifest, around, _WRITING)
        self._refunds = Refunds(self._line)

    async def ask_for_page(self, order: CollectOrder) -> Asked:
        """Open a session under our reference."""
        fields = {
            **self._sent,
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
        return await self._line.ask("create", fields, self._read_session, order.send_before)

    def created(self, document: Mapping[str, Any], order: CollectOrder) -> Created:
        """The session and its page, which echo nothing of our payment; raises BrokenReplyError."""
        del order
        return Created(reference(document, "sessionkey"), text(document, "GatewayPageURL", 2_000))

    async def standing(self, order: CollectOrder) -> CollectInquiry:
        """The one good attempt under our reference once it is validated, or why there is none."""
        asked = await self._line.ask("query", {"tran_id": order.reference}, self._read_connected)
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return nothing_learned(asked)
        try:
            attempts = [self._attempt(row, order) for row in _rows(asked.document)]
            good = [attempt.document for attempt in attempts if attempt.means is Means.DONE]
            if len({_name_of(row) for row in good}) > 1:
                return NoAnswer("paid more than once under one reference: a person must look")
            return await self._validated(good[0], order) if good else _without_money(attempts)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give money back, once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask what became of the refund that the order names."""
        return await self._refunds.inquire(order)

    def hint(self, fields: Fields) -> CallbackHint | NoHint:
        """An IPN, or the same form in a payer's browser, once its sign is right."""
        if self._line.missing:
            return NoHint(f"{self._line.missing} is not set")
        return signed_hint(fields, self._line.secret("store_passwd"))

    async def _validated(self, row: Mapping[str, Any], order: CollectOrder) -> CollectInquiry:
        """What a validation says of a good attempt; the attempt itself where it has no name for one."""
        if row.get("val_id") is None or row["val_id"] == "":
            return _collected(row, order)
        val_id = text(row, "val_id")
        asked = await self._line.ask("validate", {"val_id": val_id}, self._read_validation)
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return nothing_learned(asked)
        require_same(asked.document, "val_id", val_id)
        require_same(asked.document, "bank_tran_id", text(row, "bank_tran_id"))
        if text_or_empty(row, "risk_level") not in {"", _SAFE}:
            return NoAnswer(_HELD)
        return _collected(asked.document, order)

    def _attempt(self, row: Mapping[str, Any], order: CollectOrder) -> Meant:
        require_same(row, "tran_id", order.reference)
        return self._line.meant("attempt", word(row, "status"), row)

    def _read_session(self, body: bytes) -> Meant:
        document = json_object(body)
        return self._line.meant("session", word(document, "status"), document)

    def _read_connected(self, body: bytes) -> Meant:
        document = json_object(body)
        return self._line.meant("connect", word(document, "APIConnect"), document)

    def _read_validation(self, body: bytes) -> Meant:
        connected = self._read_connected(body)
        if connected.means is not Means.DONE:
            return connected
        document = connected.document
        return self._line.meant("validation", word(document, "status"), document)


def _rows(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All attempts, as many as are said to be there; raises BrokenReplyError."""
    rows = as_rows(document.get("element") or [])
    if text(document, "no_of_trans_found") != str(len(rows)):
        raise BrokenReplyError("another number of attempts than it says")
    return rows


def _name_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """What tells one good attempt from another."""
    return text_or_empty(row, "val_id"), reference(row, "bank_tran_id")


def _without_money(attempts: Sequence[Meant]) -> CollectInquiry:
    """What attempts mean of which none is good."""
    strange = next((attempt for attempt in attempts if attempt.means is Means.IN_DOUBT), None)
    if strange is not None:
        return nothing_learned(strange)
    is_under_way = any(attempt.means is Means.AWAITING_PAYER for attempt in attempts)
    ended = next((attempt for attempt in attempts if attempt.means is Means.ENDED), None)
    return AwaitingPayer() if is_under_way or ended is None else NeverPaid(f"reply code {ended.code}")


def _collected(document: Mapping[str, Any], order: CollectOrder) -> Collected | NoAnswer:
    """The money of a good attempt, whatever amount that is; raises BrokenReplyError."""
    require_same(document, "tran_id", order.reference)
    if text(document, "risk_level") != _SAFE:
        return NoAnswer(_HELD)
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
    """What was charged, in the currency it was asked for in; raises BrokenReplyError.

    In taka both amounts are one. In another currency it disagrees with whatever we asked for, and no rate is
    ever applied to it.
    """
    charged = Money(taka(document, "currency_amount").minor, currency(document, "currency_type"))
    settled = Money(taka(document, "amount").minor, currency(document, "currency"))
    if charged.currency == BDT and settled != charged:
        raise BrokenReplyError("two amounts that contradict each other")
    return charged
