"""What REST v1 does with card numbers (docs/adr/0084)."""

import pytest

from tests.api.v1.v1_setup import PAYMENTS, Shop, a_key, a_refund, an_order, as_bytes, code_of

CARD, MASKED = "4111111111111111", "411111******1111"


async def test_a_reason_is_stored_masked(shop: Shop) -> None:
    payment = await shop.paid(an_order())
    reply = await shop.post(
        f"{PAYMENTS}/{payment['id']}/refunds", as_bytes(a_refund(reason=f"paid by {CARD}")), a_key()
    )
    assert (reply.status, CARD in reply.body.decode()) == (201, False)
    (refund,) = shop.till.small.tables.refunds.values()
    assert refund.new.reason == f"paid by {MASKED}"


async def test_a_return_url_with_a_card_number_is_refused_by_its_member(shop: Shop) -> None:
    order = an_order(return_url=f"https://shop.example/done?card={CARD}")
    reply = await shop.post(PAYMENTS, as_bytes(order), a_key())
    assert (reply.status, code_of(reply)) == (422, "validation_failed")
    assert reply.plain["errors"] == [{"pointer": "/return_url", "code": "card_number"}]
    assert CARD not in reply.body.decode()


@pytest.mark.parametrize("key", [CARD, f"order-{CARD}", "4111-1111-1111-1111"])
async def test_an_idempotency_key_with_a_card_number_is_none(shop: Shop, key: str) -> None:
    reply = await shop.post(PAYMENTS, as_bytes(an_order()), key)
    assert (reply.status, code_of(reply)) == (400, "idempotency_key_invalid")


async def test_a_repeat_of_a_masked_order_is_a_repeat(shop: Shop) -> None:
    payment = await shop.paid(an_order())
    body, key = as_bytes(a_refund(reason=CARD)), a_key()
    path = f"{PAYMENTS}/{payment['id']}/refunds"
    first = await shop.post(path, body, key)
    again = await shop.post(path, body, key)
    assert (first.status, again.status) == (201, 200)
