"""The sample receiver: what is ours is taken once, and rubbish is refused and never breaks it (T69)."""

import asyncio
import base64
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sandbox.callers.partner.webhooks import (
    MessageRefusedError,
    WebhookReceiver,
    build_server,
    public_key,
    read_ipn,
    read_message,
)
from sandbox.kit.institution.server import listen
from tests.sandbox.caller import ROOT

NOW = 1_700_000_000
EVENT = {"type": "payment.completed", "timestamp": "2026-03-01T06:00:00Z", "data": {"version": 2}}
BODY = json.dumps(EVENT).encode()
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def published(key: Ed25519PrivateKey) -> str:
    return "whpk_" + base64.b64encode(key.public_key().public_bytes_raw()).decode()


@dataclass
class Signed:
    """A message as the switch signs it; each part can be replaced after."""

    message_id: str = "msg_1"
    timestamp: str = str(NOW)
    body: bytes = BODY
    key: Ed25519PrivateKey = field(default=SIGNER)

    @property
    def signature(self) -> str:
        signed = f"{self.message_id}.{self.timestamp}.".encode() + self.body
        return "v1a," + base64.b64encode(self.key.sign(signed)).decode()

    def headers(self, **replaced: str) -> dict[str, str]:
        headers = {
            "webhook-id": self.message_id,
            "webhook-timestamp": self.timestamp,
            "webhook-signature": self.signature,
        }
        return headers | {name.replace("_", "-"): value for name, value in replaced.items()}


def a_receiver() -> WebhookReceiver:
    return WebhookReceiver([published(SIGNER)], lambda: float(NOW))


def an_ipn(**replaced: object) -> bytes:
    return json.dumps({"msg_code": "1020", "trnx_info": {"mer_trnx_id": "T1"}} | replaced).encode()


def test_an_ipn_of_ours_is_taken_and_nothing_else_is_one() -> None:
    receiver = WebhookReceiver([published(SIGNER)], lambda: float(NOW), read=read_ipn)
    for body, status in (
        (an_ipn(), 204),
        (an_ipn(msg_code=1020), 400),
        (an_ipn(trnx_info=[]), 400),
        (BODY, 400),
    ):
        assert receiver.take(Signed(body=body).headers(), body) == status
    assert receiver.events == {"msg_1": json.loads(an_ipn())}
    assert receiver.take(Signed(body=an_ipn(), key=OTHER).headers(), an_ipn()) == 400
    assert receiver.take(Signed(body=an_ipn(), timestamp=str(NOW - 301)).headers(), an_ipn()) == 400


@pytest.mark.parametrize("signature", ["", "v1", "v1,%%%", "v1,a,b", "v1a,%%%", "v1a," + "A" * 1_000_000])
def test_an_ipn_under_a_signature_of_rubbish_is_refused(signature: str) -> None:
    """T69."""
    receiver = WebhookReceiver([published(SIGNER)], lambda: float(NOW), read=read_ipn)
    assert receiver.take(Signed(body=an_ipn()).headers(webhook_signature=signature), an_ipn()) == 400
    assert receiver.events == {}


def test_a_message_of_ours_is_taken_and_a_repeat_is_the_same_message() -> None:
    receiver, signed = a_receiver(), Signed()
    assert [receiver.take(signed.headers(), BODY) for _ in range(2)] == [204, 204]
    later = Signed(timestamp=str(NOW + 299))
    assert receiver.take(later.headers(), BODY) == 204
    assert receiver.events == {"msg_1": EVENT}
    assert receiver.received_ids == ["msg_1"] * 3


@pytest.mark.parametrize(
    "message",
    [
        Signed(timestamp=str(NOW - 301)),
        Signed(timestamp=str(NOW + 301)),
        Signed(timestamp="0"),
        Signed(timestamp="-1700000000"),
        Signed(timestamp="1700000000.5"),
        Signed(timestamp="17_0000_0000"),
        Signed(timestamp="১৭০০০০০০০০"),
        Signed(timestamp=""),
        Signed(timestamp="9" * 400),
        Signed(message_id=""),
        Signed(message_id="a b"),
        Signed(message_id="a.1"),
        Signed(message_id="a" * 500),
        Signed(key=OTHER),
        Signed(body=b""),
        Signed(body=b"[]"),
        Signed(body=b'{"type": 1}'),
        Signed(body=b"\xff\xfe"),
        Signed(body=b"[" * 19_000),
    ],
    ids=lambda signed: f"{signed.message_id[:9]}/{signed.timestamp[:14]}/{signed.body[:9]!r}",
)
def test_a_message_that_is_old_foreign_or_no_event_is_refused(message: Signed) -> None:
    receiver = a_receiver()
    assert receiver.take(message.headers(), message.body) == 400
    assert (receiver.events, len(receiver.refused)) == ({}, 1)


@pytest.mark.parametrize(
    "signature",
    ["", "v1", "v1,", "v1,%%%", "v1,a,b", "v1a", "v1a,", "v1a,%%%", "v1a,a,b", "v1a,AAAA",
     "v1a," + "A" * 86 + "==", " ", ",", "v1a,ছছছছ", "v2," + "A" * 88, "v1a " * 1_000,
     "v1a," + "A" * 1_000_000],
)  # fmt: skip
def test_a_signature_header_of_rubbish_is_refused(signature: str) -> None:
    receiver = a_receiver()
    assert receiver.take(Signed().headers(webhook_signature=signature), BODY) == 400


@pytest.mark.parametrize("changed", ["webhook_id", "webhook_timestamp"])
def test_a_signature_is_for_its_own_id_and_time(changed: str) -> None:
    other = {"webhook_id": "msg_2", "webhook_timestamp": str(NOW + 1)}[changed]
    assert a_receiver().take(Signed().headers(**{changed: other}), BODY) == 400
    assert a_receiver().take(Signed().headers(), BODY + b" ") == 400


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(missing: str) -> None:
    headers = Signed().headers()
    del headers[missing]
    assert a_receiver().take(headers, BODY) == 400


def test_one_right_signature_among_others_is_enough() -> None:
    """As during a rotation, or beside kinds that this receiver does not know."""
    both = f"v1,Zm9v v1a,%%% {Signed(key=OTHER).signature} {Signed().signature}"
    assert a_receiver().take(Signed().headers(webhook_signature=both), BODY) == 204


@given(st.text(max_size=200), st.text(max_size=40), st.text(max_size=40), st.binary(max_size=200))
def test_no_rubbish_at_all_breaks_it(signature: str, message_id: str, timestamp: str, body: bytes) -> None:
    headers = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    assert a_receiver().take(headers, body) == 400


@pytest.mark.parametrize(
    "text", ["", "whpk_", "whpk_%%%", "whpk_AAAA", "whsk_" + "A" * 44, published(SIGNER)[5:]]
)
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MessageRefusedError):
        public_key(text)


def test_a_receiver_without_keys_takes_nothing() -> None:
    with pytest.raises(MessageRefusedError, match="no signature"):
        read_message(Signed().headers(), BODY, [], NOW)


# ---- over the wire


@asynccontextmanager
async def served(receiver: WebhookReceiver) -> AsyncIterator[str]:
    listener = listen("127.0.0.1", 0)
    server = build_server(receiver)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hooks"
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def test_over_the_wire_every_message_is_answered_and_a_megabyte_is_refused() -> None:
    receiver = a_receiver()
    huge = Signed(body=b'{"type": "' + b"a" * 1_000_000 + b'"}')
    async with served(receiver) as url, aiohttp.ClientSession() as session:

        async def status(method: str, headers: dict[str, str], body: bytes) -> int:
            async with session.request(method, url, headers=headers, data=body) as answer:
                return answer.status

        assert await status("POST", Signed().headers(), BODY) == 204
        assert await status("POST", huge.headers(), huge.body) == 400
        assert await status("GET", Signed().headers(), BODY) == 400
        assert await status("POST", {}, b"") == 400
        assert await status("POST", Signed().headers(webhook_signature="v1"), BODY) == 400
    assert receiver.received_ids == ["msg_1"]


async def test_the_receiver_is_started_by_hand_and_prints_each_event_once() -> None:
    command = (sys.executable, "-m", "sandbox.callers.partner.webhooks", published(SIGNER), "--port", "0")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            url = (await process.stdout.readline()).decode().split()[-1]
            signed = Signed(timestamp=str(int(time.time())))
            for _ in range(2):
                async with session.post(url, headers=signed.headers(), data=BODY) as answer:
                    assert answer.status == 204
            line = await process.stdout.readline()
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()
    assert json.loads(line) == {"id": "msg_1"} | EVENT
    assert rest == b""


async def test_the_receiver_is_not_started_with_a_key_that_is_none() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox.callers.partner.webhooks", "whsk_secret"),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, problem = await process.communicate()
    assert (process.returncode, b"begins with whpk_" in problem) == (2, True)
