"""Lines of the sends journal: what may be read, and what is sealed in them."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.domain.payments.sends import PrefundClaim, Send, SendKind
from ekpay_switch.security.sealed_fields import Sealer

CODE_BYTES = 12


@dataclass(frozen=True, slots=True)
class SendLine:
    """A line that was read: `sealed` holds the order, and where it `has_claim` the partner's claim."""

    kind: SendKind
    far_side: str
    reference: str
    step: str
    payment_id: UUID
    partner_id: str
    amount: Money
    sent_at: datetime
    send_until: datetime
    sends: int
    has_claim: bool
    sealed: bytes


@dataclass(frozen=True, slots=True)
class TraceLine:
    """A number (STAN) that an acquirer's messages have used on a Dhaka day."""

    acquirer: str
    day: date
    stan: int


JournalLine = SendLine | TraceLine
_TRACE = "trace"


def line_of(send: Send, code_key: bytes, sealer: Sealer) -> bytes:
    """A send as its line."""
    sealed = sealer.seal(_context(send.reference), orjson.dumps(_personal(send)))
    text = orjson.dumps(
        {
            "kind": send.kind,
            "far_side": send.far_side,
            "reference": send.reference,
            "step": send.step,
            "payment_id": str(send.payment_id),
            "partner_id": send.partner_id,
            "amount": send.amount.minor,
            "currency": send.amount.currency,
            "sent_at": send.sent_at,
            "send_until": send.send_until,
            "sends": send.sends,
            "has_claim": send.claim is not None,
            "sealed": base64.b64encode(sealed).decode(),
        }
    )
    return _framed(text, code_key)


def line_of_trace(line: TraceLine, code_key: bytes) -> bytes:
    """A number as its line."""
    parts = {"kind": _TRACE, "acquirer": line.acquirer, "day": line.day, "stan": line.stan}
    return _framed(orjson.dumps(parts), code_key)


def _framed(text: bytes, code_key: bytes) -> bytes:
    return b"\n%b\t%b\n" % (text, _code(text, code_key))


def read_line(line: bytes, code_key: bytes) -> JournalLine | None:
    """A line, or None where it was cut off or changed."""
    text, _, code = line.partition(b"\t")
    if not hmac.compare_digest(code, _code(text, code_key)):
        return None
    try:
        return _line(orjson.loads(text))
    except (KeyError, ValueError, binascii.Error):
        return None


def _line(parts: dict[str, Any]) -> JournalLine:
    if parts["kind"] == _TRACE:
        return TraceLine(parts["acquirer"], date.fromisoformat(parts["day"]), parts["stan"])
    return SendLine(
        kind=SendKind(parts["kind"]),
        far_side=parts["far_side"],
        reference=parts["reference"],
        step=parts["step"],
        payment_id=UUID(parts["payment_id"]),
        partner_id=parts["partner_id"],
        amount=Money(parts["amount"], parts["currency"]),
        sent_at=datetime.fromisoformat(parts["sent_at"]),
        send_until=datetime.fromisoformat(parts["send_until"]),
        sends=parts["sends"],
        has_claim=parts["has_claim"],
        sealed=base64.b64decode(parts["sealed"], validate=True),
    )


def unseal_line(line: SendLine, sealer: Sealer) -> Send:
    """The send of a line with what is sealed in it.

    Raises:
        SealBrokenError: another installation has written it.
    """
    parts = orjson.loads(sealer.unseal(_context(line.reference), line.sealed))
    order, claim = parts.get("order"), parts.get("claim")
    return Send(
        kind=line.kind,
        far_side=line.far_side,
        reference=line.reference,
        step=line.step,
        payment_id=line.payment_id,
        partner_id=line.partner_id,
        amount=line.amount,
        sent_at=line.sent_at,
        send_until=line.send_until,
        sends=line.sends,
        order=None if order is None else _order(line, order),
        claim=None if claim is None else _claim(claim),
    )


def _order(line: SendLine, parts: dict[str, Any]) -> PayOrder:
    return PayOrder(
        payment_id=line.payment_id,
        biller_id=line.far_side,
        reference=line.reference,
        sums=Sums(*(Money(part, line.amount.currency) for part in parts["sums"])),
        biller_quote=parts["biller_quote"],
        scroll_no=parts["scroll_no"],
        business_date=date.fromisoformat(parts["business_date"]),
        send_before=0.0,
        step=line.step,
    )


def _claim(parts: dict[str, Any]) -> PrefundClaim:
    return PrefundClaim(
        attempt_id=UUID(parts["attempt_id"]),
        lane=parts["lane"],
        reference=parts["reference"],
        fingerprint=bytes.fromhex(parts["fingerprint"]),
        quote_id=parts["quote_id"],
        request_reference=parts["request_reference"],
        bucket=parts["bucket"],
        bill_key=parts["bill_key"],
        bill_number=parts["bill_number"],
        account=parts["account"],
        quote_expires_at=datetime.fromisoformat(parts["quote_expires_at"]),
    )


def _code(text: bytes, key: bytes) -> bytes:
    return hmac.digest(key, text, hashlib.sha256)[:CODE_BYTES].hex().encode()


def _context(reference: str) -> str:
    return f"send:{reference}"


def _personal(send: Send) -> dict[str, object]:
    """What names the payer or the bill, and what the far side must be asked with."""
    order, claim = send.order, send.claim
    parts: dict[str, object] = {}
    if order is not None:
        sums = order.sums
        parts["order"] = {
            "sums": [part.minor for part in (sums.amount, sums.charge, sums.fee, sums.vat, sums.rounding)],
            "biller_quote": dict(order.biller_quote),
            "scroll_no": order.scroll_no,
            "business_date": order.business_date,
        }
    if claim is not None:
        parts["claim"] = {
            "attempt_id": str(claim.attempt_id),
            "lane": claim.lane,
            "reference": claim.reference,
            "fingerprint": claim.fingerprint.hex(),
            "quote_id": claim.quote_id,
            "request_reference": claim.request_reference,
            "bucket": claim.bucket,
            "bill_key": claim.bill_key,
            "bill_number": claim.bill_number,
            "account": claim.account,
            "quote_expires_at": claim.quote_expires_at,
        }
    return parts
