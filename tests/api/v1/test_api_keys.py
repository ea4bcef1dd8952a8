"""API keys: who may call, and how often."""

import pytest

from tests.api.api_setup import Reply
from tests.api.v1.v1_setup import (
    NO_PAYMENT,
    PAYMENTS,
    SHOP_KEY,
    Shop,
    Till,
    a_key,
    an_order,
    as_bytes,
    code_of,
)

ONE = f"{PAYMENTS}/{NO_PAYMENT}"
CALLS = [
    ("POST", PAYMENTS),
    ("GET", ONE),
    ("POST", f"{ONE}/tries"),
    ("POST", f"{ONE}/cancel"),
    ("POST", f"{ONE}/refunds"),
    ("GET", f"{ONE}/refunds"),
]


async def call(till: Till, method: str, path: str, *authorizations: str) -> Reply:
    headers = [("Authorization", one) for one in authorizations]
    headers += [("Content-Type", "application/json"), ("Idempotency-Key", a_key())]
    return await till.request(method, path, as_bytes(an_order()), headers)


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "authorizations",
    [
        [],
        [""],
        ["Bearer"],
        ["Bearer "],
        [SHOP_KEY],
        [f"Basic {SHOP_KEY}"],
        [f"Bearer  {SHOP_KEY}"],
        [f"Bearer {SHOP_KEY} "],
        [f"Bearer {SHOP_KEY}x"],
        [f"Bearer {SHOP_KEY[:-1]}"],
        [f"Bearer {SHOP_KEY.upper()}"],
        ["Bearer " + "x" * 8_000],
        ["Bearer ' OR 1=1 --"],
        ["Bearer \xff\xfe"],
    ],
)
async def test_whoever_has_no_key_is_nobody(
    till: Till, method: str, path: str, authorizations: list[str]
) -> None:
    reply = await call(till, method, path, *authorizations)
    assert (reply.status, code_of(reply)) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == 'Bearer realm="ekpay"'
    assert till.small.tables.collections == {}


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_two_keys_at_once_are_no_request(till: Till, method: str, path: str) -> None:
    reply = await call(till, method, path, f"Bearer {SHOP_KEY}", f"Bearer {SHOP_KEY}")
    assert (reply.status, code_of(reply)) == (400, "bad_request")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_key_opens_the_door(till: Till, scheme: str) -> None:
    assert (await call(till, "POST", PAYMENTS, f"{scheme} {SHOP_KEY}")).status == 201


async def test_a_revoked_key_is_dead_with_the_next_call(till: Till, shop: Shop) -> None:
    made = await shop.made()
    del till.small.clients.known[SHOP_KEY]
    assert (await shop.get(f"{PAYMENTS}/{made['id']}")).status == 401


async def test_one_client_that_calls_too_often_waits_and_the_others_do_not() -> None:
    till = Till(calls=3)
    shop, other = till.shop(), till.other_shop()
    statuses = [(await shop.get(ONE)).status for _ in range(4)]
    assert statuses == [404, 404, 404, 429]
    refused = await shop.get(ONE)
    assert (code_of(refused), refused.headers["retry-after"]) == ("rate_limited", "1")
    assert (await other.get(ONE)).status == 404
    # Questions do not use up orders.
    assert (await shop.create()).status == 201
    till.small.clock.pass_by(1)
    assert (await shop.get(ONE)).status == 404
