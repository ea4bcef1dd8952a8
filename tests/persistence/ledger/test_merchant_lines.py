"""Frozen lines of merchants: each account of a sale by itself, and what refunds took of it and gave again."""

from tests.persistence.collections.merchant_money_setup import ACCOUNTS, AMOUNT, SPLIT, Stall
from tests.persistence.ledger.window_closing_setup import Closing
from tests.persistence.refunds.refund_setup import NO

EVENT = ("event", "account", "net")


async def _told(stall: Stall, *names: str) -> list[tuple[object, ...]]:
    lines = await Closing(stall.books).lines(role="merchant")
    return [tuple(line[name] for name in names) for line in lines]


async def test_each_share_is_a_line_under_the_merchants_own_name(stall: Stall) -> None:
    await stall.sold(SPLIT)
    await Closing(stall.books).close()
    shares = [
        ("payment", account, share.amount.minor) for account, share in zip(ACCOUNTS, SPLIT, strict=True)
    ]
    assert sorted(await _told(stall, *EVENT)) == sorted(shares)
    (order,) = await stall.books.rows("SELECT trnx_id, ekpay_trnx_id FROM merchant_orders")
    named = {(order["ekpay_trnx_id"], order["trnx_id"], "shop")}
    assert set(await _told(stall, "our_reference", "their_reference", "party")) == named


async def test_refunds_are_movements_of_their_own_and_one_that_failed_is_reversed(stall: Stall) -> None:
    held = await stall.sold()
    done = await stall.office.take(held, 30_000, partner_id="shop")
    await stall.office.done(done.refund_id)
    await Closing(stall.books).close()
    failed = await stall.office.take(held, 5_000, partner_id="shop")
    await stall.office.record(await stall.office.sent(failed.refund_id), NO)
    await Closing(stall.books).close()

    told = await _told(stall, "event", "movement", "net", "revision")

    assert sorted(told, key=str) == sorted(
        [
            ("payment", held.payment_id, AMOUNT, 1),
            ("refund", done.refund_id, -30_000, 1),
            ("refund", failed.refund_id, -5_000, 1),
            ("reversal", failed.refund_id, 5_000, 1),
        ],
        key=str,
    )


async def test_what_we_paid_a_merchant_is_no_line(stall: Stall) -> None:
    await stall.sold()
    await stall.settled(50_000)
    await Closing(stall.books).close()
    assert len(await _told(stall, "event")) == 1
