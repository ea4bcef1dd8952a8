"""Bodies and amounts (api-conventions-and-security.md, T23 to T34), on every route that reads one."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.api_setup import Reply
from tests.api.v1.v1_setup import PAYMENTS, Content, Shop, Till, a_key, a_refund, an_order, as_bytes, code_of
from tests.factories import BILL_NO, TOTAL

Changed = Callable[..., Content]


class Route:
    """A POST route with a good body for it."""

    def __init__(self, shop: Shop, name: str) -> None:
        self.shop, self.name = shop, name
        self.path, self.good = PAYMENTS, an_order()

    async def prepare(self) -> "Route":
        if self.name == "create":
            return self
        till = self.shop.till
        order = till.another_bill("000000000009")
        if self.name == "refunds":
            payment, self.good = await self.shop.paid(order), a_refund()
        else:
            payment = await self.shop.made(order)
            self.good = {"instrument": "bkash"} if self.name == "tries" else {}
        self.path = f"{PAYMENTS}/{payment['id']}/{self.name}"
        return self

    async def send(self, body: bytes, content_type: str = "application/json") -> Reply:
        return await self.shop.post(self.path, body, a_key(), {"Content-Type": content_type})

    def image(self) -> object:
        small = self.shop.till.small
        states = [payment.state for payment in small.books.payments.values()]
        return states, len(small.tables.tries), len(small.tables.refunds), len(small.connector.orders)


@pytest.fixture(params=["create", "tries", "cancel", "refunds"])
async def route(shop: Shop, request: pytest.FixtureRequest) -> Route:
    return await Route(shop, request.param).prepare()


@pytest.fixture(params=["create", "refunds"])
async def money(shop: Shop, request: pytest.FixtureRequest) -> Route:
    """A route whose body names an amount."""
    return await Route(shop, request.param).prepare()


def with_amount(good: Content, written: str) -> bytes:
    """The body with an amount written in this way."""
    return as_bytes(good | {"amount": "AMOUNT"}).replace(b'"AMOUNT"', written.encode())


async def refused(route: Route, body: bytes, status: int, code: str) -> Reply:
    before = route.image()
    reply = await route.send(body)
    assert (reply.status, code_of(reply)) == (status, code)
    assert route.image() == before
    return reply


# ---- what is no JSON -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"null",
        b"[]",
        b"17",
        b'"text"',
        b"{",
        b"{} {}",
        b"{},",
        b"{}\0",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\\u0000"}',
        b'{"a":"line\nbreak"}',
        b'{"a":1,"a":1}',
        b'{"instrument":"bkash","instrument":"bkash"}',
        b'{"amount":100,"amount":1}',
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":+1}',
        b'{"a":0x10}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":{"b":[-1e400]}}',
        b'{"a":1} // comment',
        "{\u201camount\u201d:1}".encode(),
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b"{" + b",".join(b'"k%d":1' % n for n in range(4_000)) + b',"k1":1}',
    ],
)
async def test_what_is_not_one_json_object_is_refused(route: Route, body: bytes) -> None:
    reply = await refused(route, body, 400, "invalid_json")
    assert "errors" not in reply.plain


async def test_a_missing_body_is_no_json_where_one_is_needed(route: Route) -> None:
    if route.name == "cancel":
        assert (await route.send(b"")).status == 200
    else:
        await refused(route, b"", 400, "invalid_json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e999"])
async def test_an_amount_that_is_no_number_is_no_json(money: Route, number: str) -> None:
    await refused(money, with_amount(money.good, number), 400, "invalid_json")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/problem+json",
        "application/json, text/plain",
        "application/json; charset=utf-16",
    ],
)
async def test_what_is_not_sent_as_json_is_not_read(route: Route, content_type: str) -> None:
    before = route.image()
    reply = await route.send(as_bytes(route.good), content_type)
    assert (reply.status, code_of(reply)) == (415, "unsupported_media_type")
    assert route.image() == before


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON", "application/json; charset=UTF-8"]
)
async def test_json_may_be_called_so_in_any_spelling(route: Route, content_type: str) -> None:
    assert (await route.send(as_bytes(route.good), content_type)).status in {200, 201}


# ---- amounts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("-1", "out_of_range"),
        ("0", "out_of_range"),
        ("-0", "out_of_range"),
        (str(10**12 + 1), "out_of_range"),
        (str(10**24), "out_of_range"),
        ("9" * 5_000, "out_of_range"),
        ("-" + "9" * 5_000, "out_of_range"),
        ("1e3", "not_an_integer"),
        ("1E3", "not_an_integer"),
        ("100.0", "not_an_integer"),
        ("0.5", "not_an_integer"),
        (f"{TOTAL}.00", "not_an_integer"),
        (f'"{TOTAL}"', "not_an_integer"),
        ('""', "not_an_integer"),
        ("true", "not_an_integer"),
        ("false", "not_an_integer"),
        ("null", "not_an_integer"),
        ("[100]", "not_an_integer"),
        ("{}", "not_an_integer"),
        ('"\u09e7\u09e6\u09e6"', "not_an_integer"),
        ('"\u0661\u0660\u0660"', "not_an_integer"),
        ('"\uff11\uff10\uff10"', "not_an_integer"),
        ('"1\u09e60"', "not_an_integer"),
    ],
)
async def test_only_a_whole_number_of_paisa_is_an_amount(money: Route, written: str, code: str) -> None:
    reply = await refused(money, with_amount(money.good, written), 422, "validation_failed")
    assert reply.plain["errors"] == [{"pointer": "/amount", "code": code}]


@pytest.mark.parametrize(
    "digits", ["\u09e7\u09e6\u09e6", "\u0661\u0660\u0660", "\uff11\uff10\uff10", "1_000", "1,00,000"]
)
async def test_digits_of_other_scripts_are_no_json_number(money: Route, digits: str) -> None:
    await refused(money, with_amount(money.good, digits), 400, "invalid_json")


async def test_the_largest_amount_is_still_one(shop: Shop) -> None:
    reply = await shop.create(an_order(amount=10**12))
    assert (reply.status, code_of(reply)) == (422, "amount_mismatch")


async def test_digits_are_not_folded_in_what_names_a_bill(till: Till, shop: Shop) -> None:
    for digits in ("\u09e6", "\u0660", "\uff10"):
        reply = await shop.create(an_order(parameters={"bill_no": BILL_NO[:-1] + digits}))
        assert (reply.status, code_of(reply)) == (422, "validation_failed")
    assert "fetch" not in till.small.steps.taken


@pytest.mark.parametrize("currency", ["USD", "bdt", "BDT ", " BDT", "", "050", None, 50, ["BDT"], True])
async def test_only_taka_is_collected(till: Till, shop: Shop, currency: object) -> None:
    reply = await shop.create(an_order(currency=currency))
    assert (reply.status, code_of(reply)) == (422, "validation_failed")
    assert till.small.tables.collections == {}


# ---- members -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["status", "fee", "merchant_id", "is_refunded", "role", "Amount", "amount "])
async def test_a_member_that_nobody_knows_is_refused(route: Route, name: str) -> None:
    reply = await refused(route, as_bytes(route.good | {name: "x"}), 422, "validation_failed")
    pointer = f"/{name}" if name.islower() and name.replace("_", "").isalpha() else ""
    assert reply.plain["errors"] == [{"pointer": pointer, "code": "unknown_member"}]


async def test_each_member_is_needed(route: Route) -> None:
    for name in route.good:
        body = as_bytes({key: value for key, value in route.good.items() if key != name})
        reply = await refused(route, body, 422, "validation_failed")
        assert reply.plain["errors"] == [{"pointer": f"/{name}", "code": "missing"}]


@pytest.mark.parametrize("value", [None, True, 17, 1.5, [], {}, ["bkash"]])
async def test_each_text_must_be_a_text(route: Route, value: object) -> None:
    for name, good in route.good.items():
        if isinstance(good, str):
            reply = await refused(route, as_bytes(route.good | {name: value}), 422, "validation_failed")
            assert [one["pointer"] for one in reply.plain["errors"]] == [f"/{name}"]


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        [],
        "bill_no",
        {"bill_no": 92512345678},
        {"bill_no": None},
        {"bill_no": [BILL_NO]},
        {"bill_no": "0" * 201},
        {"bill_no": "a\tb"},
        {"bill_no": "a\r\nSet-Cookie: x"},
        {"bill_no": "\u202e" + BILL_NO},
        {"": BILL_NO},
        {"BILL_NO": BILL_NO},
        {"4111111111111111": BILL_NO},
        {"x" * 65: BILL_NO},
        {f"p{n}": "1" for n in range(21)},
    ],
)
async def test_parameters_are_few_short_texts(shop: Shop, parameters: object) -> None:
    reply = await shop.create(an_order(parameters=parameters))
    assert (reply.status, code_of(reply)) == (422, "validation_failed")
    assert all(one["pointer"].startswith("/parameters") for one in reply.plain["errors"])


async def test_no_refusal_repeats_what_was_sent(route: Route) -> None:
    card = "4111111111111111"
    bodies = [route.good | {card: card}, route.good | {"x" + card: {card: card}}]
    bodies += [route.good | {name: card} for name in route.good]
    bodies += [route.good | {name: {card: card}} for name in route.good]
    for body in bodies:
        reply = await route.send(as_bytes(body))
        if reply.status != 422:
            # A card number is a good reason for a refund as far as anybody can tell.
            assert (route.name, reply.status) == ("refunds", 201)
            continue
        assert card not in reply.body.decode()
        assert card not in str(reply.headers)


RUDE = [
    "' OR '1'='1",
    "'; DROP TABLE payments; --",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "$(reboot)",
    "`id`",
    "*)(uid=*",
    "../../etc/passwd",
    "%00",
    "<script>alert(1)</script>",
    "\r\nX: y",
    "\x1b[31m",
    "=1+1",
    "\u202eabc",
    "A" * 100_000,
]


@pytest.mark.parametrize("rude", RUDE)
async def test_rude_texts_are_stored_as_text_or_refused(route: Route, rude: str) -> None:
    for name, good in route.good.items():
        changes: list[object] = [rude] if isinstance(good, str) else []
        changes += [{"bill_no": rude}, {rude: "1"}] if name == "parameters" else []
        for change in changes:
            reply = await route.send(as_bytes(route.good | {name: change}))
            assert reply.status in {201, 413, 422}
            if reply.status == 201:
                assert (name, reply.plain["reason"]) == ("reason", rude)


async def test_reasons_in_bangla_come_back_as_they_were(shop: Shop) -> None:
    reason = "ভুল মিটারে দেওয়া হয়েছে \u200d\u200c"
    paid = await shop.paid()
    reply = await shop.refund(paid["id"], a_refund(amount=1, reason=reason))
    assert (reply.status, reply.plain["reason"]) == (201, reason)
    assert (await shop.refund(paid["id"], a_refund(amount=1, reason=""))).status == 422
    assert (await shop.refund(paid["id"], a_refund(amount=1, reason="x" * 201))).status == 422


# ---- anything at all -----------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
NAMES = st.sampled_from([*an_order(), *a_refund()]) | st.text(max_size=8)


@settings(max_examples=300, deadline=None)
@given(
    path=st.sampled_from(["", "/tries", "/cancel", "/refunds"]),
    body=st.binary(max_size=200)
    | st.dictionaries(NAMES, VALUES, max_size=8).map(lambda v: json.dumps(v).encode()),
    changes=st.dictionaries(NAMES, VALUES, max_size=3),
    is_near=st.booleans(),
)
async def test_nothing_that_is_sent_is_answered_500(
    path: str, body: bytes, changes: dict[str, object], *, is_near: bool
) -> None:
    till = Till()
    shop = till.shop()
    made = await shop.made(till.another_bill("000000000008"))
    if is_near:
        body = json.dumps((a_refund() if path == "/refunds" else an_order()) | changes).encode()
    reply = await shop.post(f"{PAYMENTS}/{made['id']}{path}" if path else PAYMENTS, body, a_key())
    assert reply.status in {200, 201, 400, 409, 422}
    if reply.status >= 400:
        code_of(reply)
