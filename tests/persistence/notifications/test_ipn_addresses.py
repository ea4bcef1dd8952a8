"""The address of an order is a stranger's wish to connect somewhere in our name (T60 to T64)."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import asyncpg
import pytest

from ekpay_switch.jobs.notifier import Notifier
from ekpay_switch.ports.notifications import NotificationPorts
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wire.public_addresses import AddressRules
from ekpay_switch.wire.webhooks import WebhookLimits, WebhookSender
from tests.persistence.notifications.ipn_setup import Stand, a_stand
from tests.persistence.notifications.notifier_setup import DUE, PACE, UNPAUSED, Post, answering
from tests.persistence.staff_rows import persons
from tests.wire.scripted_peer import Caller, rude_peer

BOMB = gzip.compress(bytes(50_000_000))
NOT_PUBLIC = "the host has an address that is not public"
REFUSED = {
    "https://127.0.0.1/ipn": NOT_PUBLIC,
    "https://[::1]/ipn": NOT_PUBLIC,
    "https://169.254.169.254/latest/meta-data": NOT_PUBLIC,
    "https://10.0.0.1/ipn": NOT_PUBLIC,
    "https://100.64.0.1/ipn": NOT_PUBLIC,
    "https://0.0.0.0/ipn": NOT_PUBLIC,
    "https://[64:ff9b::7f00:1]/ipn": NOT_PUBLIC,
    "https://[::ffff:7f00:1]/ipn": NOT_PUBLIC,
    "https://[::ffff:127.0.0.1]/ipn": "host name",
    "https://0x7f.1/ipn": "host name",
    "https://2130706433/ipn": "host name",
    "https://127.1/ipn": "host name",
    "http://8.8.8.8/ipn": "must begin with https://",
    "file:///etc/passwd": "https://",
    "gopher://8.8.8.8/_": "https://",
    "ftp://8.8.8.8/ipn": "https://",
    "javascript:alert(1)": "https://",
    "https://8.8.8.8:22/ipn": "port 22",
    "https://8.8.8.8:25/ipn": "port 25",
    "https://8.8.8.8:5432/ipn": "port 5432",
    "https://8.8.8.8:6379/ipn": "port 6379",
    "https://user:secret@8.8.8.8/ipn": "no credentials",
    "https://8.8.8.8/ipn#part": "no fragment",
    "https://8.8.8.8\\@127.0.0.1/ipn": "no URL has",
    "//8.8.8.8/ipn": "https://",
    "shop": "https://",
}


@pytest.fixture
async def stand(post: Post) -> AsyncIterator[Stand]:
    async with a_stand(post) as stand:
        yield stand


async def literally(host: str, _: int) -> Sequence[str]:
    return [host]


def office_of(
    stand: Stand,
    resolve: Callable[[str, int], Awaitable[Sequence[str]]],
    rules: AddressRules | None = None,
    seconds: float = 10.0,
) -> NotificationPorts:
    """The stand's office with a resolver of the test's own."""
    trusted = AddressRules(trusted=frozenset(stand.post.trusted))
    sender = WebhookSender(SystemClock(), resolve, WebhookLimits(seconds, rules=rules or trusted))
    return replace(stand.post.office(), sender=sender)


async def one_round(office: NotificationPorts) -> None:
    notifier = Notifier(office, PACE.lease_seconds)
    await notifier.take_up()
    await notifier.slots.settle()


async def test_each_address_that_may_not_be_reached_is_a_failed_try_with_its_reason(stand: Stand) -> None:
    """T60, T62, T64: refused at send time, logged in words, and what comes behind it in the queue is sent."""
    sent = {url: await stand.ordered(url) for url in REFUSED}
    for payment_id in sent.values():
        await stand.ends(payment_id, "completed")
    async with rude_peer(answering(200)) as peer:
        good = await stand.sold(peer)
        office = office_of(stand, literally)
        for _ in range(len(REFUSED) + 1):
            await one_round(office)
            await stand.books.tell(UNPAUSED)
        assert len(peer.heard) == 1
    for url, payment_id in sent.items():
        assert await stand.deliveries(payment_id) == [("completed", "waiting")], url
        (why,) = await stand.whys(payment_id)
        assert REFUSED[url] in why, url
        assert "secret" not in why
        assert await stand.tries(payment_id) == [(None, False)]
    assert await stand.deliveries(good) == [("completed", "delivered")]


async def test_a_name_that_turns_to_loopback_after_the_order_is_refused_when_sent(stand: Stand) -> None:
    """T61: what counts is the answer of the try itself, and the connection goes nowhere else."""
    async with rude_peer(answering(200)) as inside:
        rules = AddressRules(ports=frozenset({inside.port}))
        payment_id = await stand.ordered(f"https://shop.example:{inside.port}/ipn")
        await stand.ends(payment_id, "completed")
        answers = iter([["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1"]])

        async def rebinding(_: str, __: int) -> Sequence[str]:
            return next(answers)

        for _ in range(2):
            await one_round(office_of(stand, rebinding, rules))
            await stand.books.tell(DUE)
        assert inside.connections == 0
    assert await stand.whys(payment_id) == [NOT_PUBLIC]
    assert await stand.tries(payment_id) == [(None, False)] * 2


async def test_a_redirect_to_loopback_is_not_followed(stand: Stand) -> None:
    """T62."""
    async with rude_peer(answering(200)) as inside:

        async def manners(caller: Caller) -> None:
            await caller.answer(b"", 302, f"Location: {inside.url('/admin')}\r\n")

        async with rude_peer(manners) as peer:
            payment_id = await stand.sold(peer)
            await stand.post.round()
        assert inside.connections == 0
    assert await stand.tries(payment_id) == [(302, False)]
    assert await stand.whys(payment_id) == ["HTTP 302"]


async def _drip(caller: Caller) -> None:
    for letter in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000:
        await caller.say(bytes([letter]))
        await asyncio.sleep(0.02)


async def _drip_the_body(caller: Caller) -> None:
    await caller.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await caller.say(b".")
        await asyncio.sleep(0.02)


async def _flood(caller: Caller) -> None:
    await caller.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\n\r\n")
    while True:
        await caller.say(bytes(1 << 20))


async def _bomb(caller: Caller) -> None:
    await caller.answer(BOMB, 200, "Content-Encoding: gzip\r\n")


IN_NO_TIME = (Caller.stay_silent, _drip, _drip_the_body)


@pytest.mark.parametrize(
    ("manners", "status"),
    [(Caller.stay_silent, None), (_drip, None), (_drip_the_body, 200), (_flood, 200), (_bomb, 200)],
    ids=["never answers", "drips its head", "drips its body", "five gigabytes", "a gzip bomb"],
)
async def test_an_address_that_wastes_our_time_is_cut_off_and_the_others_go_on(
    stand: Stand, manners: Callable[[Caller], Awaitable[None]], status: int | None
) -> None:
    """T63: cut at the deadline and at the size; of an answer that came, only its status counts."""
    await stand.shop.merchant("other")
    async with rude_peer(manners) as rude, rude_peer(answering(200)) as quick:
        wasted = await stand.sold(rude)
        good = await stand.ordered(quick.url("/ipn"), partner_id="other")
        await stand.ends(good, "completed")
        await one_round(office_of(stand, on_loopback, seconds=2.0 if manners in IN_NO_TIME else 10.0))
    ended = "waiting" if status is None else "delivered"
    assert await stand.deliveries(wasted) == [("completed", ended)]
    assert await stand.tries(wasted) == [(status, False)]
    assert await stand.deliveries(good) == [("completed", "delivered")]


async def on_loopback(_: str, __: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def test_plain_http_is_posted_to_where_two_persons_have_agreed_to_it(stand: Stand) -> None:
    """And only to a public address: the agreement is about reading on the way, not about our own network."""
    payment_id = await stand.ordered("http://shop.example/ipn")
    await stand.ends(payment_id, "completed")
    tried: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        tried.append((host, port))
        return ["127.0.0.1"]

    office = office_of(stand, resolve)
    await one_round(office)
    assert (await stand.whys(payment_id), tried) == (["the URL must begin with https://"], [])
    await stand.books.tell(persons("a", "b"))
    await stand.books.tell(
        "UPDATE merchants SET return_hosts = '[\"shop.example\"]', insecure_ipns_asked_by = 'a', "
        "insecure_ipns_approved_by = 'b'"
    )
    await stand.books.tell(DUE)
    await one_round(office)
    assert (await stand.whys(payment_id), tried) == ([NOT_PUBLIC], [("shop.example", 80)])


@pytest.mark.parametrize(("asked_by", "approved_by"), [("a", "a"), (None, "a"), ("a", "nobody")])
async def test_the_table_takes_no_single_persons_approval_of_plain_http(
    stand: Stand, asked_by: str | None, approved_by: str
) -> None:
    await stand.books.tell(persons("a"))
    approval = "UPDATE merchants SET insecure_ipns_asked_by = $1, insecure_ipns_approved_by = $2"
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="insecure_ipns"):
        await stand.books.tell(approval, asked_by, approved_by)
