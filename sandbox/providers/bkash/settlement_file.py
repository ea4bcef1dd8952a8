"""The settlement file of a day, one line a movement of money; nobody publishes bKash's, so this is a guess.

Its columns are named as in the interface. Amounts are taka with two decimals; a refund's credited amount is
negative, so the column sums to what is settled. Wallet numbers are masked.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.clock import dhaka_day
from sandbox.providers.bkash.payment import BkashPayment, BkashRefund, BkashStatus
from sandbox.providers.bkash.wire import time_v1

COLUMNS = (
    "trxID",
    "paymentID",
    "merchantInvoiceNumber",
    "transactionType",
    "initiationTime",
    "completedTime",
    "debitMSISDN",
    "amount",
    "serviceFee",
    "creditedAmount",
    "currency",
    "transactionStatus",
    "originalTrxID",
)


def settlement_file(payments: Iterable[BkashPayment], day: date) -> str:
    """Return the CSV of a day in Dhaka, in the order in which the money moved."""
    lines = [line for payment in payments for line in _lines(payment) if dhaka_day(line[0]) == day]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(row for _, row in sorted(lines, key=lambda line: line[0]))
    return text.getvalue()


def _lines(payment: BkashPayment) -> Iterator[tuple[datetime, list[str]]]:
    if payment.trx_id is None:
        return
    fee = payment.fee_paisa
    cells = _row(payment, payment.trx_id, "Payment", payment.creation_time, payment.execution_time)
    amounts = [taka(payment.amount_paisa), taka(fee), taka(payment.amount_paisa - fee)]
    yield payment.execution_time, [*cells, *amounts, "BDT", BkashStatus.COMPLETED.value, ""]
    for refund in payment.refunds:
        yield refund.at, _refund_row(payment, refund)


def _refund_row(payment: BkashPayment, refund: BkashRefund) -> list[str]:
    cells = _row(payment, refund.refund_trx_id, "Refund", refund.at, refund.at)
    amounts = [taka(refund.amount_paisa), taka(0), taka(-refund.amount_paisa)]
    return [*cells, *amounts, "BDT", BkashStatus.COMPLETED.value, payment.trx_id or ""]


def _row(payment: BkashPayment, trx_id: str, kind: str, started: datetime, ended: datetime) -> list[str]:
    masked = masked_wallet(payment.wallet or "")
    return [trx_id, payment.payment_id, payment.invoice, kind, time_v1(started), time_v1(ended), masked]


def masked_wallet(wallet: str) -> str:
    """Return a wallet's number without its middle."""
    return f"{wallet[:3]}****{wallet[-4:]}"
