"""Refunds: one call that is only known from one public implementation (connectors.md 2.3, mark C).

Nagad has a refund call but no refund inquiry: verify shows the id of one cancellation, never its amount. So a
refund is sent once; where an earlier send may have arrived it is never sent again, only inquired about. It is
proven where verify shows that the whole payment went back under one id and the whole was ordered, or where
the id is the one that Nagad's answer gave this refund while it was in progress. Any other partial refund
proves nothing, since its amount is unknown; nor does a verify without a refund, since it may still come. Then
there is no answer, the refund stays in doubt, and a person looks at Nagad's statement. So a payment has one
refund (`parts_max` of the manifest), and no two refunds can be mixed up.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.call_result import has_meaning, inconclusive_answer, unsuccessful_outcome
from connectors.families.nagad.client import NagadClient
from connectors.families.nagad.credentials import Credentials
from connectors.families.nagad.replies import (
    DAY,
    SUCCESS,
    is_reference,
    is_there,
    reference,
    require_taka,
)
from connectors.manifest_parts import Means
from connectors.refunding import refund_amount_fault
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.collections.connector_calls import (
    RefundInquiry,
    RefundLine,
    RefundOrder,
    RefundOutcome,
    RefundsFound,
)
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.world import NotSent
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, require_same, taka, text

_WHOLE = frozenset({"Refunded", "Cancelled"})
_PARTLY = frozenset({"PartialRefunded", "PartialCancelled"})
# The statuses that the answer to a refund may have; no source says which (C), and all mean success.
_GIVEN_BACK = _WHOLE | _PARTLY | {SUCCESS}
_NOT_PLAIN = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_DEFAULT_REASON = "refund"


class NagadRefunds:
    """Sends refunds to Nagad and asks for them."""

    def __init__(self, client: NagadClient) -> None:
        self._client = client

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; where an earlier send may have arrived, only inquire about it."""
        credentials = self._client.credentials
        if isinstance(credentials, NotSent):
            return Unreached(credentials.why)
        fault = _order_fault(order)
        if fault or order.collected_at is None:
            return Unreached(fault or "the time of collection is unknown")
        if order.may_have_been_heard:
            return await self._find_earlier_send(order)
        return await self._send(order, credentials, order.collected_at)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """The refund that Nagad shows where its amount is certain; usually there is no answer."""
        if not (is_reference(order.provider_reference) and is_reference(order.provider_transaction)):
            return NoAnswer("the payment lacks an id at the provider", was_asked=False)
        result = await self._client.call("verify", {"payment_ref_id": order.provider_reference})
        if not has_meaning(result, Means.DONE):
            return inconclusive_answer(result)
        try:
            return self._read_verify(result.document, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def _find_earlier_send(self, order: RefundOrder) -> RefundOutcome:
        """The outcome of an earlier send of this order, as far as it is proven."""
        inquiry = await self.inquire(order)
        if isinstance(inquiry, NoAnswer):
            return InDoubt(f"sent before, and never sent twice: {inquiry.why}")
        ours = next((line for line in inquiry.lines if line.amount == order.amount), None)
        return ours or InDoubt("Nagad gave back what no record of ours holds")

    async def _send(
        self, order: RefundOrder, credentials: Credentials, collected_at: datetime
    ) -> RefundOutcome:
        plaintext = _plaintext(order, credentials, collected_at)
        if len(plaintext) > credentials.encryption.plaintext_bytes_max:
            return Unreached("the refund is too long to be encrypted")
        encrypted = credentials.encryption.encrypt(plaintext)
        result = await self._client.call(
            "refund",
            {},
            {"sensitiveDataCancelRequest": encrypted.sensitive_data, "signature": encrypted.signature},
            query={"paymentRefId": order.provider_reference, "orderId": order.collected_reference},
            send_before=order.send_before,
        )
        if not has_meaning(result, Means.DONE):
            return unsuccessful_outcome(result)
        try:
            return self._read_refund(self._client.decrypt(result.document), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    def _read_refund(self, document: Mapping[str, Any], order: RefundOrder) -> RefundLine:
        """The refund in the answer to this order; raises BrokenReplyError."""
        for name, ours in (
            ("paymentRefId", order.provider_reference),
            ("orderId", order.collected_reference),
        ):
            if is_there(document, name):
                require_same(document, name, ours)
        require_taka(document)
        status, means = self._client.means(document)
        if status not in _GIVEN_BACK and means is not Means.AWAITING_PAYER:
            raise BrokenReplyError("a status that is neither refunded nor in progress")
        if (
            taka(document, "originalAmount") != order.collected
            or taka(document, "cancelAmount") != order.amount
        ):
            raise BrokenReplyError("another amount")
        return RefundLine(reference(document, "cancelTrxId"), order.amount, status in _GIVEN_BACK)

    def _read_verify(self, document: Mapping[str, Any], order: RefundOrder) -> RefundInquiry:
        """The refund that verify shows; raises BrokenReplyError."""
        credentials = self._client.credentials
        assert isinstance(credentials, Credentials), "there are credentials where a call was made"
        require_same(document, "merchantId", credentials.merchant_id)
        require_same(document, "paymentRefId", order.provider_reference)
        require_same(document, "orderId", order.collected_reference)
        require_same(document, "issuerPaymentRefNo", order.provider_transaction)
        require_taka(document)
        if taka(document, "amount") != order.collected:
            return NoAnswer("another amount")
        status = text(document, "status")
        if status not in _WHOLE | _PARTLY:
            return NoAnswer("verify shows no refund, which proves nothing")
        if order.known_refunds:
            return NoAnswer("verify shows one refund, and there were several")
        name = reference(document, "cancelIssuerRefNo")
        if status in _PARTLY and name != order.provider_refund:
            return NoAnswer("a part went back, and its amount is unknown")
        amount = order.collected if status in _WHOLE else order.amount
        return RefundsFound((RefundLine(name, amount, is_done=True),))


def _order_fault(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    names = (order.provider_reference, order.provider_transaction, order.collected_reference, order.reference)
    if not all(is_reference(name) for name in names):
        return "the payment or its refund has no usable reference"
    return refund_amount_fault(order)


def _plaintext(order: RefundOrder, credentials: Credentials, collected_at: datetime) -> bytes:
    """The members to encrypt; the reason is cut to the bytes that are left."""
    fields = {
        "merchantId": credentials.merchant_id,
        "orderId": order.collected_reference,
        "originalRequestDate": in_dhaka(collected_at).strftime(DAY),
        "originalAmount": format_taka(order.collected.minor),
        "cancelAmount": format_taka(order.amount.minor),
        "referenceNo": order.reference,
        "referenceMessage": "",
    }
    bytes_left = credentials.encryption.plaintext_bytes_max - len(_compact(fields))
    # A plain character is one byte in JSON.
    reason = _NOT_PLAIN.sub("", order.reason).strip() or _DEFAULT_REASON
    return _compact({**fields, "referenceMessage": reason[: max(bytes_left, 0)]})


def _compact(fields: Mapping[str, str]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
