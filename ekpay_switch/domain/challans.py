"""Treasury challans that a merchant raises from what it is owed (docs/adr/0051).

A merchant collects a fee of the state, then pays it on to the treasury. One request names the payment whose
money is spent and splits it into lines, each to one account of the treasury and each an ordinary payment to
the treasury's biller. This module only decides; `persistence.challans` locks, reads, calls it and writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import prefund_account
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.ends import PrefundEnd, prefund_end
from ekpay_switch.domain.refusals import Refusal

BILLER = "achallan_generic"
BUCKET = "postpaid"
LINES_MAX = 20  # ours; the treasury's own limit is not known


class LineEnd(StrEnum):
    """How a line ended; an open line has no end yet."""

    PAID = "paid"  # the treasury was paid and issued a challan
    MOVED_BACK = "moved_back"  # the treasury was not paid, and the merchant is owed the amount again


class Progress(StrEnum):
    """The status of a whole request."""

    DONE = "done"
    IN_PROGRESS = "in_progress"
    PARTLY_DONE = "partly_done"
    NOTHING_RAISED = "nothing_raised"


class ChallanRefusal(StrEnum):
    """Why a request was refused; no money moved and nothing was written. In the order of checking."""

    OTHER_CONTENT = "other_content"  # the REQUEST_ID was used before with other content
    SUM_DIFFERS = "sum_differs"  # TRANAMOUNT is not the sum of the lines
    UNKNOWN_ACCOUNT = "unknown_account"  # a CREDIT_ACCOUNT that has no treasury codes
    NOT_TAKEN = "not_taken"  # the treasury does not accept this amount, or this payer
    UNAVAILABLE = "unavailable"  # the treasury cannot be asked now
    UNKNOWN_PAYMENT = "unknown_payment"  # or another merchant's: the answer does not tell which
    NOT_COMPLETED = "not_completed"  # the payment is not paid, or not credited
    EXCEEDS_PAYMENT = "exceeds_payment"  # more than it credited to the merchant itself, less refunds
    EXCEEDS_OWED = "exceeds_owed"  # more than the merchant is owed altogether: it was paid out, or refunded


@dataclass(frozen=True, slots=True)
class TreasuryHead:
    """The treasury's codes of a line: a 7-digit economic code and a 13-digit organisation code."""

    economic_code: str
    organization_code: str


@dataclass(frozen=True, slots=True)
class Credit:
    """One line as the merchant wrote it."""

    slno: str
    credit_account: str
    amount: Money


@dataclass(frozen=True, slots=True)
class ChallanOrder:
    """A merchant's request.

    `request_id` is its idempotency key; `fingerprint` covers what a repeat must equal. `pay_trxid` names the
    payment whose money is spent: by our transaction id, the merchant's, or the provider's. `written` holds
    the merchant's fields as received, `payer` the payer's details that are sent to the treasury.
    """

    partner_id: str
    lane: int
    request_id: str
    fingerprint: bytes
    pay_trxid: str
    tran_date: date
    total: Money
    credits: tuple[Credit, ...]
    written: Mapping[str, str]
    payer: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChallanLine:
    """One line as it is sent to the treasury; `reference` is that of its payment, made before money moves."""

    seq: int
    slno: str
    credit_account: str
    head: TreasuryHead
    amount: Money
    reference: str


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A stored line; `state` and `refusal` are its payment's, None while it has no payment."""

    line: ChallanLine
    state: State | None = None
    refusal: Refusal | None = None
    challan_no: str = ""
    end: LineEnd | None = None


@dataclass(frozen=True, slots=True)
class StoredChallan:
    """A stored request, with its lines in order."""

    challan_id: UUID
    partner_id: str
    lane: int
    request_id: str
    fingerprint: bytes
    tran_date: date
    total: Money
    written: Mapping[str, str]
    payer: Mapping[str, str]
    created_at: datetime
    lines: tuple[StoredLine, ...]

    @property
    def progress(self) -> Progress:
        """The status of the whole request."""
        ends = {standing.end for standing in self.lines}
        if None in ends:
            return Progress.IN_PROGRESS
        if ends == {LineEnd.PAID}:
            return Progress.DONE
        return Progress.PARTLY_DONE if LineEnd.PAID in ends else Progress.NOTHING_RAISED

    @property
    def open_lines(self) -> tuple[StoredLine, ...]:
        """The lines that have not ended yet."""
        return tuple(standing for standing in self.lines if standing.end is None)


def challan_prefund(partner_id: str) -> str:
    """The prefund account that pays a merchant's challans, and nothing else."""
    return prefund_account(partner_id, BUCKET)


def lines_of(
    challan_id: UUID, order: ChallanOrder, accounts: Mapping[str, TreasuryHead]
) -> tuple[ChallanLine, ...] | ChallanRefusal:
    """The lines of a request, each with its payment reference, or why the request is refused."""
    if total(credit.amount for credit in order.credits) != order.total:
        return ChallanRefusal.SUM_DIFFERS
    if any(credit.credit_account not in accounts for credit in order.credits):
        return ChallanRefusal.UNKNOWN_ACCOUNT
    return tuple(
        ChallanLine(
            seq=seq,
            slno=credit.slno,
            credit_account=credit.credit_account,
            head=accounts[credit.credit_account],
            amount=credit.amount,
            reference=f"challan:{challan_id.hex}:{seq}",
        )
        for seq, credit in enumerate(order.credits, 1)
    )


@dataclass(frozen=True, slots=True)
class Spendable:
    """What is read under lock before money is set aside.

    `credited` is what the payment credited to the merchant itself less what refunds took of it, `raised` what
    earlier challans against it took and did not give back, `payable` what the merchant is owed altogether.
    """

    payment_state: State
    credited: Money
    raised: Money
    payable: Money


def refuse_challan(amount: Money, spendable: Spendable) -> ChallanRefusal | None:
    """The first reason that applies; None where the amount may be set aside.

    A challan is paid from what the merchant is owed and never creates a debt, although refunds may.
    """
    checks = (
        (ChallanRefusal.NOT_COMPLETED, spendable.payment_state is not State.COMPLETED),
        (ChallanRefusal.EXCEEDS_PAYMENT, amount + spendable.raised > spendable.credited),
        (ChallanRefusal.EXCEEDS_OWED, amount > spendable.payable),
    )
    return next((refusal for refusal, applies in checks if applies), None)


def end_of(state: State | None) -> LineEnd | None:
    """How a line ended, by the state of its payment; None while it is open."""
    end = prefund_end(state)
    return None if end is None else _ENDS[end]


_ENDS = {PrefundEnd.PAID: LineEnd.PAID, PrefundEnd.BACK: LineEnd.MOVED_BACK}
