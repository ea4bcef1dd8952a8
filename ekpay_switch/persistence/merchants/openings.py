"""Opening a merchant's payment: its rows, its order and its shares in one transaction."""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.merchants.merchant import payee_of, share_account
from ekpay_switch.domain.money import ZERO
from ekpay_switch.persistence.collections.openings import LOCK_BILL, NEW_COLLECTION, READ_STANDING
from ekpay_switch.persistence.group_commit.batch import bill_lock
from ekpay_switch.persistence.group_commit.lock_and_read import WINDOW_LOCK, open_window
from ekpay_switch.persistence.merchants.carts import cart_of, stored_cart
from ekpay_switch.persistence.merchants.customer_seal import DELIVERY_ADDRESS, CustomerSeal
from ekpay_switch.persistence.payment_rows import Row, as_json
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.merchants import NewMerchantPayment, OrderText
from ekpay_switch.security.card_numbers import mask_card_numbers

# Five random hex digits tell apart the ids made within one second: a million names, far more than the orders
# of a second.
TAIL_LENGTH, DRAWS_MAX = 5, 64
NEW_PAYMENT = """
INSERT INTO payments (id, partner_id, lane, reference, fingerprint, biller_id, bill_key, bucket, currency,
  amount, charge, fee, vat, rounding, state, biller_quote, quote_expires_at, next_action_at, business_date,
  epoch, steps)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'postpaid', $8, $9, $10, $10, $10, $10, 'created', '{}', $11, $11, $12,
  0, 0)
"""
NEW_ORDER = """
INSERT INTO merchant_orders (payment_id, partner_id, trnx_id, text, ekpay_trnx_id, checkout_reference,
  token_expires_at, ipn_channel, ipn_uri)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (ekpay_trnx_id) DO NOTHING RETURNING true
"""
NEW_SHARES = """
INSERT INTO merchant_shares (payment_id, seq, payee, kind, account, amount)
SELECT $1, s.seq, s.payee, s.kind, s.account, s.amount
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) WITH ORDINALITY
  AS s (payee, kind, account, amount, seq)
"""
NEW_CART = "INSERT INTO merchant_carts (payment_id, cart) VALUES ($1, $2)"
# By these the merchant finds its records again.
_EXACT_MEMBERS = frozenset({"cust_id", "ord_id"})


class OutOfNamesError(SwitchError):
    """No free transaction id was drawn for this second; nothing was written. Retry in a later second."""


def reference_of(trnx_id: str) -> str:
    """The payment's reference among those of its partner; no other API makes references with this prefix."""
    return f"ekpg:{trnx_id}"


async def open_order(connection: Connection, new: NewMerchantPayment, customers: CustomerSeal) -> UUID | None:
    """The id of the payment with the order's trnx_id, opened if there is none; None if its content differs.

    It is the id of `new` where it was written now or by a COMMIT that was not acknowledged. Callers with the
    same trnx_id wait for each other on the lock of their bill.
    """
    payee, reference = payee_of(new.partner_id), reference_of(new.text.trnx_id)
    await connection.execute(WINDOW_LOCK)
    await connection.execute(LOCK_BILL, bill_lock(payee, new.text.trnx_id))
    standing: Row | None = await connection.fetchrow(READ_STANDING, new.partner_id, reference)
    if standing is None:
        await _write(connection, new, reference, customers)
        return new.payment_id
    standing_id: UUID = standing["id"]
    return standing_id if standing["fingerprint"] == new.fingerprint else None


async def _write(
    connection: Connection, new: NewMerchantPayment, reference: str, customers: CustomerSeal
) -> None:
    """Write a payment without a try: it waits for one until its token expires, and then expires itself."""
    payment_id, until, payee = new.payment_id, new.token_expires_at, payee_of(new.partner_id)
    day = (await open_window(connection))["business_date"]
    await connection.execute(
        NEW_PAYMENT, payment_id, new.partner_id, new.lane, reference, new.fingerprint, payee,
        new.text.trnx_id, new.amount.currency, new.amount.minor, ZERO.minor, until, day,
    )  # fmt: skip
    await connection.execute(NEW_COLLECTION, payment_id, "{}", new.return_url, until)
    await _write_order(connection, new, customers)
    if new.text.cart is not None:
        await connection.execute(NEW_CART, payment_id, as_json(stored_cart(new.text.cart)))
    columns = zip(
        *(
            (
                share.payee,
                share.kind and str(share.kind),
                share_account(new.partner_id, share),
                share.amount.minor,
            )
            for share in new.shares
        ),
        strict=True,
    )
    await connection.execute(NEW_SHARES, payment_id, *map(list, columns))


async def _write_order(connection: Connection, new: NewMerchantPayment, customers: CustomerSeal) -> None:
    """Write the order under its transaction id, or under another one where that is taken.

    Raises:
        OutOfNamesError: no draw found a free one.
    """
    name, order = new.ekpay_trnx_id, as_json(_text_as_json(new, customers))
    for _ in range(DRAWS_MAX):
        is_written = await connection.fetchval(
            NEW_ORDER, new.payment_id, new.partner_id, new.text.trnx_id, order, name, new.checkout_reference,
            new.token_expires_at, new.text.ipn_channel, new.text.ipn_uri,
        )  # fmt: skip
        if is_written:
            return
        name = f"{name[:-TAIL_LENGTH]}{secrets.randbelow(16**TAIL_LENGTH):0{TAIL_LENGTH}x}"
    raise OutOfNamesError


def _text_as_json(new: NewMerchantPayment, customers: CustomerSeal) -> dict[str, object]:
    """The order's text as it is stored; `text_of` reads it back."""
    text, cart = new.text, new.text.cart
    address = cart.delivery.address if cart is not None and cart.delivery is not None else ""
    order = {**text.order, **({DELIVERY_ADDRESS: address} if address else {})}
    return {
        "trnx_id": text.trnx_id,
        "order": customers.seal(new.payment_id, order),
        "s_uri": text.s_uri,
        "f_uri": text.f_uri,
        "c_uri": text.c_uri,
        "ipn_channel": text.ipn_channel,
        "ipn_email": text.ipn_email,
        "ipn_uri": text.ipn_uri,
    }


def text_of(
    payment_id: UUID,
    document: Mapping[str, Any],
    cart: Mapping[str, Any] | None,
    customers: CustomerSeal,
) -> OrderText:
    """The stored text of an order and its cart; card numbers in rows of before are masked here."""
    opened = customers.open(payment_id, document["order"])
    address = opened.pop(DELIVERY_ADDRESS, None) or ""
    masked = {
        name: value if value is None or name in _EXACT_MEMBERS else mask_card_numbers(value)
        for name, value in opened.items()
    }
    return OrderText(**{**document, "order": masked, "cart": cart_of(cart, address)})
