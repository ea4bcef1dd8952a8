"""Payments and refunds as REST v1 documents: whole paisa, instants in UTC, public states alone."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import assert_never, cast
from uuid import UUID

from ekpay_switch.api.v1.documents import (
    BillDocument,
    PaymentDocument,
    PaymentStatus,
    ReceiptDocument,
    RefundDocument,
    RefundStatus,
)
from ekpay_switch.domain.money import total
from ekpay_switch.domain.payment import PublicState, State, public_state
from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT, RECEIPT, receipts_of
from ekpay_switch.domain.refunds.refund import FREED, RefundKind, RefundState
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.ports.collections import PaymentView, RefundView

_PAYMENT_ID = re.compile(r"pay_([0-9a-f]{32})", re.ASCII)
_STATUS_OF: Mapping[PublicState, PaymentStatus] = MappingProxyType(
    {
        PublicState.PENDING: "pending",
        PublicState.PAID: "paid",
        PublicState.FAILED: "failed",
        PublicState.REFUND_PENDING: "refund_pending",
        PublicState.REFUNDED: "refunded",
    }
)


def payment_id_of(text: str) -> UUID | None:
    """The payment that an id of REST v1 names, if it is written as we write it."""
    match = _PAYMENT_ID.fullmatch(text)
    return UUID(match[1]) if match else None


def payment_name(payment_id: UUID) -> str:
    """A payment's id in REST v1."""
    return f"pay_{payment_id.hex}"


def payment_document(
    view: PaymentView, biller: str, tokens: Sequence[TokenLine], receipt_url: str | None
) -> PaymentDocument:
    """A payment; `biller` is the id by which callers know its biller."""
    sums = view.sums
    return {
        "id": payment_name(view.payment_id),
        "status": payment_status(view.state),
        "reason": _reason(view),
        "biller": biller,
        "bill": _bill(view),
        "amount": sums.billed_amount.minor,
        "charge": sums.charge.minor,
        "fee": sums.fee.minor,
        "vat": sums.vat.minor,
        "total": sums.total.minor,
        "currency": sums.total.currency,
        "instrument": view.connector_id,
        "next_action": {"type": "redirect", "url": view.page_url} if view.page_url else None,
        "pay_until": stamp(view.pay_until),
        "next_check_at": None if view.next_look_at is None else stamp(view.next_look_at),
        "tokens": [{"seq": line.seq, "kind": line.kind.value, "digits": line.digits} for line in tokens],
        "receipt": _receipt(view),
        "refunded": _held_by_refunds(view),
        "refunds": [refund_document(line) for line in view.refunds],
        "created_at": stamp(view.created_at),
        "updated_at": stamp(view.updated_at),
        "receipt_url": receipt_url,
    }


def refund_document(view: RefundView) -> RefundDocument:
    """A refund, whatever it is for."""
    return {
        "id": f"rfd_{view.refund_id.hex}",
        "payment_id": payment_name(view.payment_id),
        "status": refund_status(view.state),
        "amount": view.amount.minor,
        "currency": view.amount.currency,
        "reason": view.reason,
        "created_at": stamp(view.created_at),
        "updated_at": stamp(view.updated_at),
    }


def payment_status(state: State) -> PaymentStatus:
    """The public state as one word."""
    return _STATUS_OF[public_state(state)]


def refund_status(state: RefundState) -> RefundStatus:
    """The public status of a refund: a total function of its state."""
    match state:
        case RefundState.REQUESTED | RefundState.APPROVED | RefundState.SENT | RefundState.IN_DOUBT:
            return "pending"
        case RefundState.BY_HAND | RefundState.HELD:
            return "pending"
        case RefundState.DONE:
            return "done"
        case RefundState.FAILED | RefundState.REJECTED | RefundState.RETURNED:
            return "failed"
        case _:
            assert_never(state)


def stamp(instant: datetime) -> str:
    """An instant as RFC 3339 in UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bill(view: PaymentView) -> BillDocument:
    """The parts that the biller named; the rows hold them as JSON."""
    return cast("BillDocument", {name: view.bill.get(name) for name in BillDocument.__annotations__})


def _receipt(view: PaymentView) -> ReceiptDocument | None:
    """What proves the payment at its biller; None while nothing does."""
    receipts = receipts_of(view.facts) if view.state is State.COMPLETED else {}
    if not receipts:
        return None
    return {"number": receipts.get(RECEIPT), "final_number": receipts.get(FINAL_RECEIPT)}


def _reason(view: PaymentView) -> str | None:
    """Why the payment failed or goes back, as one word; None where it does neither."""
    if view.state is State.EXPIRED:
        return "expired"
    return None if view.refusal is None else view.refusal.value


def _held_by_refunds(view: PaymentView) -> int:
    """What was refunded or is on its way, in paisa; refunds of unexpected money do not count."""
    counted = (
        line.amount
        for line in view.refunds
        if line.state not in FREED and line.kind is not RefundKind.UNEXPECTED
    )
    return total(counted, view.sums.total.currency).minor
