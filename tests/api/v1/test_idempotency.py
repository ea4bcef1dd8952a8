"""Idempotency keys (api-conventions-and-security.md, T13 to T19 and T21): one key, one payment, for ever."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from tests.api.api_setup import Reply
from tests.api.v1.v1_setup import (
    PAYMENTS,
    SHOP,
    SHOP_KEY,
    Shop,
    Till,
    a_key,
    a_refund,
    an_order,
    as_bytes,
    code_of,
)
from tests.factories import TOTAL

ROUTES = ("create", "refund")
GOOD = "k" * 16


class Wish:
    """A request that needs a key, on either of the routes that do."""

    def __init__(self, shop: Shop, route: str) -> None:
        self.shop, self.route, self.path = shop, route, PAYMENTS

    async def prepare(self) -> "Wish":
        if self.route == "refund":
            paid = await self.shop.paid(self.shop.till.another_bill("000000000001"))
            self.path = f"{PAYMENTS}/{paid['id']}/refunds"
        return self

    def body(self, **changes: object) -> bytes:
        return as_bytes((an_order if self.route == "create" else a_refund)(**changes))

    async def send(self, key: str | None, body: bytes | None = None) -> Reply:
        return await self.shop.post(self.path, self.body() if body is None else body, key)

    async def send_with(self, *keys: str) -> Reply:
        """Any number of headers of that name."""
        headers = [("Authorization", f"Bearer {SHOP_KEY}"), ("Content-Type", "application/json")]
        headers += [("Idempotency-Key", key) for key in keys]
        return await self.shop.till.request("POST", self.path, self.body(), headers)

    def count(self) -> int:
        tables = self.shop.till.small.tables
        return len(tables.collections if self.route == "create" else tables.refunds)


@pytest.fixture(params=ROUTES)
async def wish(shop: Shop, request: pytest.FixtureRequest) -> Wish:
    return await Wish(shop, request.param).prepare()


async def test_a_request_without_a_key_is_refused_and_shown_where_to_read(wish: Wish) -> None:
    before = wish.count()
    reply = await wish.send(None)
    assert (reply.status, code_of(reply)) == (400, "idempotency_key_missing")
    assert reply.headers["link"] == '</v1/problems#idempotency_key_missing>; rel="help"'
    assert wish.count() == before


@pytest.mark.parametrize(
    "key",
    [
        "",
        '""',
        "short",
        "k" * 15,
        "k" * 65,
        '"' + "k" * 65 + '"',
        '"' + "k" * 16,
        "k" * 16 + '"',
        "k" * 16 + "\n",
        "k" * 16 + "\0",
        "k" * 8 + " " + "k" * 8,
        "'; DROP TABLE payments; --",
        "৯".encode().decode("latin-1") * 8,
        "k" * 16 + ", " + "m" * 16,
        '"' + "k" * 16 + '";a=1',
        "k" * 5_000,
    ],
)
async def test_a_malformed_key_is_refused_and_does_nothing(wish: Wish, key: str) -> None:
    before = wish.count()
    reply = await wish.send_with(key)
    assert (reply.status, code_of(reply)) == (400, "idempotency_key_invalid")
    assert wish.count() == before


async def test_two_keys_are_no_key(wish: Wish) -> None:
    for keys in (("k" * 16, "m" * 16), ("k" * 16, "k" * 16)):
        reply = await wish.send_with(*keys)
        assert (reply.status, code_of(reply)) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize("length", [16, 36, 64])
async def test_a_key_may_be_quoted_or_bare_and_is_the_same_key(wish: Wish, length: int) -> None:
    key = ("Az09_-" * 11)[:length]
    first, again = await wish.send_with(f'"{key}"'), await wish.send_with(key)
    assert (first.status, again.status) == (201, 200)
    assert first.plain["id"] == again.plain["id"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


async def test_the_same_key_with_another_amount_is_refused_and_the_first_stands(wish: Wish) -> None:
    key = a_key()
    first = await wish.send(key)
    other = await wish.send(key, wish.body(amount=TOTAL - 1))
    assert (other.status, code_of(other)) == (422, "idempotency_key_reused")
    again = await wish.send(key)
    assert (again.status, again.plain["id"]) == (200, first.plain["id"])
    assert wish.count() == 1


@pytest.mark.parametrize("change", ["spaces", "order", "line", "rubbish"])
async def test_the_same_key_with_other_bytes_is_another_request(wish: Wish, change: str) -> None:
    key, body = a_key(), wish.body()
    assert (await wish.send(key, body)).status == 201
    head, _, tail = body.removeprefix(b"{").removesuffix(b"}").partition(b', "currency"')
    changed = {
        "spaces": body.replace(b": ", b":"),
        "order": b'{"currency"' + tail + b", " + head + b"}",
        "line": body + b"\n",
        "rubbish": b"{",
    }[change]
    reply = await wish.send(key, changed)
    assert (reply.status, code_of(reply)) == (
        (400, "invalid_json")
        if (wish.route, change) == ("refund", "rubbish")
        else (422, "idempotency_key_reused")
    )


async def test_a_hundred_calls_with_one_key_make_one_payment_and_one_page(till: Till, shop: Shop) -> None:
    till.small.biller.gate = asyncio.Event()
    key = a_key()
    calls = [asyncio.create_task(shop.create(key=key)) for _ in range(100)]
    await till.has_asked_for_bills(100)
    till.small.biller.gate.set()
    replies = await asyncio.gather(*calls)
    assert Counter(reply.status for reply in replies) == {201: 1, 200: 99}
    assert len({reply.plain["id"] for reply in replies}) == 1
    assert (len(till.small.tables.collections), len(till.small.connector.orders)) == (1, 1)


async def test_a_hundred_keys_for_one_bill_make_one_payment(till: Till, shop: Shop) -> None:
    till.small.biller.gate = asyncio.Event()
    calls = [asyncio.create_task(shop.create()) for _ in range(100)]
    await till.has_asked_for_bills(100)
    till.small.biller.gate.set()
    replies = await asyncio.gather(*calls)
    assert Counter(reply.status for reply in replies) == {201: 1, 409: 99}
    assert {code_of(reply) for reply in replies if reply.status == 409} == {"bill_already_in_progress"}
    assert len(till.small.connector.orders) == 1


async def test_the_key_of_one_client_says_nothing_to_another(till: Till, shop: Shop) -> None:
    key = a_key()
    first = await shop.create(key=key)
    other = await till.other_shop().create(till.another_bill("000000000002"), key)
    assert (first.status, other.status) == (201, 201)
    assert first.plain["id"] != other.plain["id"]
    # The very same bytes, too: not a replay, but the bill's own refusal.
    same = await till.other_shop().post(PAYMENTS, as_bytes(an_order()), a_key())
    assert (same.status, "payment_id" in same.plain) == (409, False)


async def test_a_key_that_was_used_stays_used_whatever_rules_change(till: Till, shop: Shop) -> None:
    key = a_key()
    first = await shop.create(key=key)
    till.small.clients.known[SHOP_KEY] = replace(SHOP, return_hosts=frozenset())
    till.small.billers.known.clear()
    till.small.connectors.known.clear()
    again = await shop.create(key=key)
    assert (again.status, again.plain["id"]) == (200, first.plain["id"])


async def test_the_repeat_tells_the_truth_of_now(shop: Shop) -> None:
    key = a_key()
    first = await shop.create(key=key)
    await shop.post(f"{PAYMENTS}/{first.plain['id']}/cancel", b"")
    again = await shop.create(key=key)
    assert (first.plain["status"], again.plain["status"], again.status) == ("pending", "failed", 200)


async def test_one_key_makes_a_payment_and_a_refund_apart(shop: Shop) -> None:
    key = a_key()
    created = await shop.create(key=key)
    paid = await shop.paid(shop.till.another_bill("000000000003"))
    assert (created.status, (await shop.refund(paid["id"], key=key)).status) == (201, 201)


async def test_the_key_of_a_refund_is_not_good_for_another_payment(shop: Shop) -> None:
    key = a_key()
    first = await shop.paid(shop.till.another_bill("000000000004"))
    second = await shop.paid(shop.till.another_bill("000000000005"))
    assert (await shop.refund(first["id"], key=key)).status == 201
    reply = await shop.refund(second["id"], key=key)
    assert (reply.status, code_of(reply)) == (422, "idempotency_key_reused")
