"""The settlement file of a day, and what the dump says beside it."""

import csv
import io

import pytest

from tests.sandbox.caller import SetClock
from tests.sandbox.providers.bkash.caller import WALLET, BkashCaller

COLUMNS = (
    "trxID,paymentID,merchantInvoiceNumber,transactionType,initiationTime,completedTime,debitMSISDN,"
    "amount,serviceFee,creditedAmount,currency,transactionStatus,originalTrxID"
)


async def file_of(bkash: BkashCaller, day: str) -> list[dict[str, str]]:
    async with bkash.session.get(f"{bkash.origin}/_admin/settlement?date={day}") as answer:
        assert (answer.status, answer.content_type) == (200, "text/csv")
        text = await answer.text()
    assert text.splitlines()[0] == COLUMNS
    return list(csv.DictReader(io.StringIO(text)))


async def test_a_day_lists_payments_and_refunds_and_sums_to_what_is_settled(bkash: BkashCaller) -> None:
    await bkash.create()
    payment_id, trx_id = await bkash.a_paid(amount="200.00", merchantInvoiceNumber="INV-S")
    _, refund = await bkash.refund_v2(payment_id, trx_id, "50.00")
    rows = await file_of(bkash, "2026-03-10")
    assert rows[0] == {
        "trxID": trx_id,
        "paymentID": payment_id,
        "merchantInvoiceNumber": "INV-S",
        "transactionType": "Payment",
        "initiationTime": "2026-03-10T12:00:00:000 GMT+0600",
        "completedTime": "2026-03-10T12:00:00:000 GMT+0600",
        "debitMSISDN": "017****0003",
        "amount": "200.00",
        "serviceFee": "3.00",
        "creditedAmount": "197.00",
        "currency": "BDT",
        "transactionStatus": "Completed",
        "originalTrxID": "",
    }
    assert (rows[1]["trxID"], rows[1]["originalTrxID"]) == (refund["refundTrxId"], trx_id)
    assert (rows[1]["transactionType"], rows[1]["amount"], rows[1]["creditedAmount"]) == (
        "Refund",
        "50.00",
        "-50.00",
    )
    assert len(rows) == 2


async def test_a_day_is_one_in_dhaka_and_a_refund_belongs_to_its_own(
    bkash: BkashCaller, clock: SetClock
) -> None:
    clock.advance(hours=11, minutes=59)
    await bkash.log_in()
    paid = await bkash.a_paid()
    clock.advance(minutes=1)
    await bkash.refund_v2(*paid, "1.00")
    assert [row["transactionType"] for row in await file_of(bkash, "2026-03-10")] == ["Payment"]
    assert [row["transactionType"] for row in await file_of(bkash, "2026-03-11")] == ["Refund"]
    assert await file_of(bkash, "2026-03-12") == []


async def test_a_fee_is_rounded_half_up(bkash: BkashCaller) -> None:
    await bkash.a_paid(amount="1.00")
    await bkash.a_paid(amount="33.00")
    assert [row["serviceFee"] for row in await file_of(bkash, "2026-03-10")] == ["0.02", "0.50"]


@pytest.mark.parametrize("query", ["", "?date=yesterday", "?date=2026-02-30", "?day=2026-03-10"])
async def test_a_day_that_is_none_is_400(bkash: BkashCaller, query: str) -> None:
    async with bkash.session.get(f"{bkash.origin}/_admin/settlement{query}") as answer:
        assert answer.status == 400


async def test_the_dump_tells_what_was_asked_moved_and_given_back(bkash: BkashCaller) -> None:
    payment_id, trx_id = await bkash.a_paid(amount="100.00", merchantInvoiceNumber="INV-D")
    _, refund = await bkash.refund_v2(payment_id, trx_id, "25.00")
    dump = await bkash.admin("GET", "dump")
    assert dump["payments"] == [
        {
            "invoice": "INV-D",
            "paymentID": payment_id,
            "mode": "0011",
            "intent": "sale",
            "trxID": trx_id,
            "wallet": WALLET,
            "amount_paisa": 10_000,
            "told_paisa": 10_000,
            "fee_paisa": 150,
            "status": "Completed",
            "is_verified": True,
            "executes": 1,
            "execute_calls": 1,
            "executed_at": "2026-03-10T06:00:00+00:00",
            "refunds": [{"refundTrxID": refund["refundTrxId"], "amount_paisa": 2_500}],
        }
    ]
    assert dump["wallets"] == {WALLET: 10_000_000 - 10_000 + 2_500}
