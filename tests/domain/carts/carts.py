"""Carts as tests of the domain need them: bills of 1,050 taka, and how each of them ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.carts.bill_cart import BillEnd, BillInCart, CartBill, StoredCart, bill_reference
from ekpay_switch.domain.money import Money

NOON = datetime(2026, 3, 1, 6, tzinfo=UTC)
CART = UUID(int=7)


def one_bill(seq: int, end: BillEnd | None = None) -> BillInCart:
    bill = CartBill(
        biller_id="desco_postpaid",
        bucket="postpaid",
        fields={"bill_no": f"09251234567{seq}"},
        bill={"number": f"09251234567{seq}"},
        bill_key=f"09251234567{seq}",
        amount=Money(105_000),
        quote_id=f"Q{seq}",
        quote_expires_at=NOON + timedelta(minutes=15),
        fetched_at=NOON,
    )
    return BillInCart(seq, bill_reference(CART, seq), bill, end=end)


def one_cart(*ends: BillEnd | None) -> StoredCart:
    bills = tuple(one_bill(seq, end) for seq, end in enumerate(ends, 1))
    return StoredCart(CART, "REFERENCE", NOON, NOON, bills)


def ended(cart: StoredCart, seq: int, end: BillEnd) -> StoredCart:
    """The cart once this bill has ended too."""
    return replace(cart, bills=tuple(replace(one, end=end) if one.seq == seq else one for one in cart.bills))
