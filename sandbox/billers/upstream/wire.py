"""How messages are read, strictly, and how bills and payments are written (ekpay-syndicate-api.md).

Amounts are text in taka with two decimals, instants carry the offset of Dhaka, days are `yyyy-MM-dd`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sandbox.billers.upstream.institutions import BILLER_ID, MeteredInstitution, bill_type_of
from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.book import BillerPayment
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.taka_text import paisa_of, taka
from sandbox.kit.institution.clock import DHAKA

Block = dict[str, Any]

VERSION = "v1.3.0"
MODE = "SAPI"

_REFERENCE = re.compile(r"[A-Z0-9]{20,32}")
_PAID_REFERENCE = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_ACK = re.compile(r"[A-Z0-9]{1,64}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+06:00")
_BILL_TYPE = re.compile(r"M|NM")
_ANY = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_MEMBER_OF: Mapping[str, str] = {
    "customer_code": "bllr_accno",
    "account_no": "bllr_accno",
    "bill_no": "bll_no",
    "bill_type": "bll_typ",
    "mobile": "bill_mobno",
}


class MalformedMessageError(Exception):
    """A message that was opened lacks something, or has rubbish in it; nothing was done."""


@dataclass(frozen=True, slots=True)
class MessageHead:
    """What every message says of itself: its own ids, and those of the partner that sends it."""

    name: str
    ref_id: str
    trx_id: str
    nd_id: str
    syndct_id: str


@dataclass(frozen=True, slots=True)
class PaymentMessage:
    """What a payment says: what was fetched, and what the partner took for it; amounts in paisa."""

    refno_ack: str
    biller_id: str
    total_paisa: int
    fee_paisa: int
    reference: str
    amount_paisa: int

    @property
    def content(self) -> str:
        """What a repeat must equal; amounts count by their value."""
        amounts = f"{self.total_paisa} {self.fee_paisa} {self.amount_paisa}"
        return f"{self.refno_ack} {self.biller_id} {amounts}"


def read_head(message: object, name: str) -> MessageHead:
    """Read `hdrs`, `trx` and `usr_inf`.

    Raises:
        MalformedMessageError: a member is missing or malformed, or it is another message.
    """
    whole = message if isinstance(message, dict) else {}
    headers, trace, user = (_block(whole, part) for part in ("hdrs", "trx", "usr_inf"))
    _text(headers, "tms", _INSTANT)
    _text(trace, "trx_tms", _INSTANT)
    if (headers.get("nm"), headers.get("ver")) != (name, VERSION):
        raise MalformedMessageError("nm")
    return MessageHead(
        name,
        _text(headers, "ref_id", _REFERENCE),
        _text(trace, "trx_id", _REFERENCE),
        _text(headers, "nd_id", _ANY),
        _text(user, "syndct_id", _ANY),
    )


def read_bill_block(message: Block) -> Block:
    """Return `bll_inf`, which names at least the biller; raises MalformedMessageError."""
    bill = _block(message, "bll_inf")
    _text(bill, "bllr_id", _ANY)
    if bill.get("mode") != MODE:
        raise MalformedMessageError("mode")
    return bill


def read_parameters(bill: Block, institution: BillerInstitution) -> dict[str, str]:
    """Return what names a bill of this institution, by the names of the manifest.

    Raises:
        MalformedMessageError: one is missing or malformed, or the bill type is unknown.
    """
    _text(bill, "bll_typ", _BILL_TYPE)
    return {name: _text(bill, _MEMBER_OF[name], _ANY) for name in institution.fields}


def read_payment(message: Block) -> PaymentMessage:
    """Read a payment; raises MalformedMessageError."""
    bill, paid = _block(message, "bllr_inf"), _block(message, "pyd_inf")
    if bill.get("mode") != MODE:
        raise MalformedMessageError("mode")
    _text(bill, "bll_typ", _BILL_TYPE)
    _text(paid, "pyd_tms", _INSTANT)
    return PaymentMessage(
        refno_ack=_text(_block(message, "trx"), "refno_ack", _ACK),
        biller_id=_text(bill, "bllr_id", _ANY),
        total_paisa=_paisa(bill, "bll_amnt_ttl"),
        fee_paisa=_paisa(bill, "ekpay_fee"),
        reference=_text(paid, "pyd_trxn_refid", _PAID_REFERENCE),
        amount_paisa=_paisa(paid, "pyd_amnt"),
    )


def answer_message(head: MessageHead | None, code: str, text: str, now: datetime) -> Block:
    """Return `hdrs`, `trx` and `resp_status`: the caller's own ids and our clock."""
    answer, at = {"hdrs": {"ver": VERSION}, "trx": {}}, instant(now)
    if head is not None:
        answer["hdrs"] |= {"nm": head.name, "ref_id": head.ref_id, "nd_id": head.nd_id}
        answer["trx"] |= {"trx_id": head.trx_id}
    answer["hdrs"] |= {"tms": at}
    answer["trx"] |= {"trx_tms": at}
    return {**answer, "resp_status": {"rsp_cd": code, "rsp_msg": text}}


def bill_block(bill: SimulatedBill, institution: BillerInstitution, day: date, fee_paisa: int) -> Block:
    """Return `bllr_inf` of an unpaid bill: VAT and the late fee of the day lie within the total."""
    late = bill.late_fee_on(day)
    begins = date(bill.period.year, bill.period.month, 1)
    ends = (begins + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    has_meter = isinstance(institution, MeteredInstitution) and bill_type_of(bill) == "M"
    return {
        "bllr_id": institution.family_data[BILLER_ID],
        "bll_no": bill.bill_number,
        "bllr_accno": bill.number,
        "bll_cstnm": bill.customer_name,
        "bll_add": bill.address,
        "meter_no": bill.meter_no if has_meter else "",
        "totalKwh": str(bill.principal_paisa // 1_000) if has_meter else "",
        "bll_dt_frm": begins.isoformat(),
        "bll_dt_to": ends.isoformat(),
        "bll_dt_gnrt": bill.issued_on.isoformat(),
        "bll_dt_due": bill.due_on.isoformat(),
        "bll_amnt": taka(bill.base_paisa - bill.vat_paisa),
        "bll_vat": taka(bill.vat_paisa),
        "bll_late_fee": taka(late),
        "bll_amnt_ttl": taka(bill.total_on(day)),
        "ekpay_fee": taka(fee_paisa),
        "is_bll_pd": "N",
    }


def payment_block(paid: BillerPayment) -> Block:
    """Return `pyd_inf` of a payment that was taken."""
    return {
        "pyd_trxn_refid": paid.reference,
        "pyd_tms": instant(datetime.fromisoformat(paid.paid_at)),
        "pyd_amnt": taka(paid.reported_paisa),
    }


def instant(at: datetime) -> str:
    """Write an instant as `YYYY-MM-DDTHH:MM:SS+06:00`."""
    return at.astimezone(DHAKA).isoformat(timespec="seconds")


def _block(message: Mapping[str, Any], name: str) -> Block:
    block = message.get(name)
    if not isinstance(block, dict):
        raise MalformedMessageError(name)
    return block


def _text(block: Block, name: str, shape: re.Pattern[str]) -> str:
    value = block.get(name)
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise MalformedMessageError(name)
    return value


def _paisa(block: Block, name: str) -> int:
    paisa = paisa_of(block.get(name))
    if paisa is None:
        raise MalformedMessageError(name)
    return paisa
