"""Sending to URLs that partners chose: every limit, every refusal, and nobody else held up (T60 to T64)."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from ekpay_switch.domain.notifications import SendResult
from ekpay_switch.wire.public_addresses import AddressRules, UnsafeAddressError, target_of
from ekpay_switch.wire.webhooks import NameResolver, WebhookLimits, WebhookSender, resolve_checked
from tests.wire.conftest import HandClock
from tests.wire.scripted_peer import Caller, RudePeer, rude_peer

BODY = b'{"type":"payment.completed"}'
HEADERS = {"webhook-id": "msg_1"}
LOOPBACK = "127.0.0.1"


@dataclass
class ScriptedNames:
    """A resolver that gives each answer once and then the last one again; it notes what it was asked."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, _: int) -> Sequence[str]:
        self.asked.append(host)
        answer = self.answers[0]
        if len(self.answers) > 1:
            self.answers.pop(0)
        if not answer:
            raise OSError(-2, "Name or service not known")
        return answer


def a_sender(
    peer: RudePeer | None = None,
    *,
    names: ScriptedNames | None = None,
    seconds: float = 5.0,
    certificates: ssl.SSLContext | None = None,
) -> WebhookSender:
    trusted = frozenset({f"{LOOPBACK}:{peer.port}", f"localhost:{peer.port}"} if peer else ())
    limits = WebhookLimits(try_seconds=seconds, rules=AddressRules(trusted=trusted))
    resolve = (names or ScriptedNames([[LOOPBACK]])).resolve
    return WebhookSender(HandClock(), resolve, limits, certificates)


async def answered(manners: Callable[[Caller], Awaitable[None]], seconds: float = 5.0) -> SendResult:
    async with rude_peer(manners) as peer:
        return await a_sender(peer, seconds=seconds).send(peer.url("/hooks"), HEADERS, BODY)


# ---- what is sent, and what an answer means


async def test_one_try_is_one_post_with_its_headers_and_no_more() -> None:
    async with rude_peer(lambda caller: caller.answer(b"", 204)) as peer:
        sender = a_sender(peer)
        for _ in range(2):
            assert await sender.send(peer.url("/hooks?bank=1"), HEADERS, BODY) == SendResult(204, "HTTP 204")
    assert peer.connections == 2
    first = peer.heard[0]
    assert (first.method, first.path, first.body) == ("POST", "/hooks?bank=1", BODY)
    assert first.headers["webhook-id"] == "msg_1"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "referer"} & set(first.headers)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """T62."""
    async with rude_peer(lambda caller: caller.answer(b"")) as inside:
        location = f"Location: {inside.url('/admin')}\r\n"
        assert await answered(lambda caller: caller.answer(b"", 302, location)) == SendResult(302, "HTTP 302")
    assert inside.connections == 0


async def test_cookies_are_neither_kept_nor_sent() -> None:
    async with rude_peer(lambda caller: caller.answer(b"", 200, "Set-Cookie: a=b\r\n")) as peer:
        sender = a_sender(peer)
        for _ in range(2):
            await sender.send(peer.url(), HEADERS, BODY)
    assert "cookie" not in peer.heard[1].headers


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with rude_peer(lambda caller: caller.answer(b"")) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{LOOPBACK}:{proxy.port}")
        assert (await answered(lambda caller: caller.answer(b""))).status == 200
    assert proxy.connections == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("9" * 40, 999_999_999.0),
        ("Mon, 20 Oct 2025 06:02:00 GMT", 120.0),
        ("Mon, 20 Oct 2025 05:00:00 GMT", 0.0),
        ("Mon, 20 Oct 2025 06:02:00 -0000", 120.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Mon, 99 Oct 2025 06:02:00 GMT", None),
        ("", None),
    ],
)
async def test_retry_after_is_read_in_both_forms(header: str, seconds: float | None) -> None:
    tried = await answered(lambda caller: caller.answer(b"", 429, f"Retry-After: {header}\r\n"))
    assert tried == SendResult(429, "HTTP 429", seconds)


# ---- endpoints that take their time, or ours (T63)


async def _drip_the_head(caller: Caller) -> None:
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
    await caller.answer(gzip.compress(bytes(50_000_000)), 200, "Content-Encoding: gzip\r\n")


async def _rubbish(caller: Caller) -> None:
    await caller.say(b"SSH-2.0-OpenSSH_9.6\r\n")
    await caller.hang_up()


@pytest.mark.parametrize("manners", [Caller.stay_silent, _drip_the_head])
async def test_without_a_head_in_time_there_is_no_answer(
    manners: Callable[[Caller], Awaitable[None]],
) -> None:
    assert await answered(manners, 0.3) == SendResult(None, "no answer within 0.3 s")


async def test_a_status_stands_whatever_becomes_of_the_body() -> None:
    assert await answered(_drip_the_body, 0.5) == SendResult(200, "HTTP 200")
    assert await answered(_flood) == SendResult(200, "HTTP 200")
    assert await answered(_bomb) == SendResult(200, "HTTP 200")


@pytest.mark.parametrize("manners", [Caller.hang_up, _rubbish])
async def test_a_connection_that_breaks_is_no_answer(manners: Callable[[Caller], Awaitable[None]]) -> None:
    tried = await answered(manners)
    assert tried.status is None
    assert tried.why
    assert "SSH" not in tried.why


async def test_a_head_without_end_is_no_answer() -> None:
    async def endless(caller: Caller) -> None:
        await caller.say(b"HTTP/1.1 200 OK\r\n")
        while True:
            await caller.say(b"X-More: " + b"a" * 4_096 + b"\r\n")

    assert (await answered(endless)).status is None


async def test_an_endpoint_that_hangs_does_not_hold_up_another() -> None:
    async with rude_peer(Caller.stay_silent) as silent, rude_peer(lambda caller: caller.answer(b"")) as quick:
        hanging = asyncio.create_task(a_sender(silent, seconds=60).send(silent.url(), HEADERS, BODY))
        assert (await a_sender(quick).send(quick.url(), HEADERS, BODY)).status == 200
        assert not hanging.done()
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


# ---- where it connects to (T60, T61)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "https://10.0.0.1/",
        "https://0x7f.1/", "https://2130706433/", "https://127.1/", "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/", "https://100.64.0.1/", "https://0.0.0.0/", "http://8.8.8.8/",
        "file:///etc/passwd", "gopher://8.8.8.8/", "ftp://8.8.8.8/", "https://8.8.8.8:22/",
        "https://8.8.8.8:25/", "https://8.8.8.8:5432/", "https://8.8.8.8:6379/", "https://a@8.8.8.8/", "https://8.8.8.8/#a",
    ],
)  # fmt: skip
async def test_what_was_refused_at_registration_is_refused_at_each_send(url: str) -> None:
    async def literally(host: str, _: int) -> Sequence[str]:
        return [host]

    sender = WebhookSender(HandClock(), literally, WebhookLimits(try_seconds=5))
    tried = await sender.send(url, HEADERS, BODY)
    assert tried.status is None
    assert any(word in tried.why for word in ("public", "URL", "port"))


@pytest.mark.parametrize("near", [["10.1.2.3"], ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "fd00::1"], [""]])
async def test_a_name_with_an_address_near_us_is_refused(near: list[str]) -> None:
    names = ScriptedNames([near])
    tried = await a_sender(names=names).send("https://rebind.example/", HEADERS, BODY)
    assert tried == SendResult(None, "the host has an address that is not public")


async def test_a_name_that_changes_its_mind_leads_only_to_what_was_checked() -> None:
    """T61: the check and the connection share one answer of the resolver; nobody asks a second time."""
    async with rude_peer(lambda caller: caller.answer(b"")) as peer:
        names = ScriptedNames([[LOOPBACK], ["203.0.113.77"]])
        sender = a_sender(peer, names=names)
        assert (await sender.send(f"http://localhost:{peer.port}/", HEADERS, BODY)).status == 200
        assert (peer.connections, names.asked) == (1, ["localhost"])
        rules = AddressRules(ports=frozenset({peer.port}))
        names = ScriptedNames([["10.0.0.1"], [LOOPBACK]])
        sender = WebhookSender(HandClock(), names.resolve, WebhookLimits(5.0, rules=rules))
        tried = await sender.send(f"https://rebind.example:{peer.port}/", HEADERS, BODY)
        assert tried == SendResult(None, "the host has an address that is not public")
        assert (peer.connections, names.asked) == (1, ["rebind.example"])


async def test_a_literal_address_goes_where_it_was_checked_and_nowhere_else() -> None:
    """A literal address passes no resolver of the HTTP client, so the socket itself is guarded."""
    async with rude_peer(lambda caller: caller.answer(b"")) as peer:
        sender = a_sender(peer, names=ScriptedNames([["203.0.113.77"]]))
        tried = await sender.send(peer.url(), HEADERS, BODY)
    assert tried == SendResult(None, "the address changed after it was checked")
    assert peer.connections == 0


async def test_a_name_without_an_address_is_no_answer() -> None:
    tried = await a_sender(names=ScriptedNames([[]])).send("https://gone.example/", HEADERS, BODY)
    assert tried == SendResult(None, "the name has no address")


async def test_a_name_server_that_never_answers_is_cut_at_the_deadline() -> None:
    async def never(_: str, __: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    sender = WebhookSender(HandClock(), never, WebhookLimits(try_seconds=0.1))
    assert await sender.send("https://slow.example/", HEADERS, BODY) == SendResult(
        None, "no answer within 0.1 s"
    )


async def test_nobody_listening_is_no_answer() -> None:
    async with rude_peer(Caller.hang_up) as peer:
        pass
    tried = await a_sender(peer).send(peer.url(), HEADERS, BODY)
    assert tried.status is None
    assert tried.why.startswith("ClientConnectorError")


async def test_the_system_resolver_answers_with_addresses() -> None:
    names = NameResolver()
    try:
        assert set(await names.resolve(LOOPBACK, 443)) == {LOOPBACK}
        trusted = AddressRules(trusted=frozenset({"127.0.0.1:443"}))
        target = target_of("https://127.0.0.1/", trusted)
        assert await resolve_checked(target, names.resolve) == (LOOPBACK,)
        with pytest.raises(UnsafeAddressError, match="not public"):
            await resolve_checked(replace(target, is_trusted=False), names.resolve)
    finally:
        names.close()


# ---- certificates


@dataclass
class Certified:
    port: int
    heard: list[bytes]
    trusting: ssl.SSLContext


@asynccontextmanager
async def a_tls_endpoint(folder: Path, name: str) -> AsyncIterator[Certified]:
    """An https endpoint on loopback whose certificate is for `name`, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, begins, begins + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    file = folder / "both.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=context)
    trusting = ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.DER))
    try:
        yield Certified(server.sockets[0].getsockname()[1], heard, trusting)
    finally:
        server.close()
        await server.wait_closed()


async def _send_by_tls(endpoint: Certified, certificates: ssl.SSLContext | None) -> SendResult:
    rules = AddressRules(trusted=frozenset({f"bank.example:{endpoint.port}"}))
    names = ScriptedNames([[LOOPBACK]])
    sender = WebhookSender(HandClock(), names.resolve, WebhookLimits(5.0, rules=rules), certificates)
    return await sender.send(f"https://bank.example:{endpoint.port}/", HEADERS, BODY)


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with a_tls_endpoint(tmp_path, "bank.example") as endpoint:
        tried = await _send_by_tls(endpoint, None)
        assert (tried.status, tried.why.split(":")[0]) == (None, "ClientConnectorCertificateError")
        assert endpoint.heard == []
        assert await _send_by_tls(endpoint, endpoint.trusting) == SendResult(204, "HTTP 204")
        assert len(endpoint.heard) == 1


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    async with a_tls_endpoint(tmp_path, "other.example") as endpoint:
        tried = await _send_by_tls(endpoint, endpoint.trusting)
        assert (tried.status, endpoint.heard) == (None, [])
