"""The encryption service of partners over a real socket: text in, text out, nothing of it kept or told."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ekpay_switch.api.partner_crypto import BASE, BODY_BYTES_MAX, build_partner_crypto
from sandbox.kit.jwe import seal, unseal
from tests.factories import SECRET

OTHER_SECRET = "Z" * 32
MESSAGE = json.dumps({"hdrs": {"nm": "FETCH_BLL_REQ"}, "nm": "রাহেলা খাতুন"}, ensure_ascii=False)
BOTH = ("", BASE)
IN_HEADER = ("/encryptbody", "/decryptbody")
IN_QUERY = ("/encrypt", "/decrypt")


@dataclass(frozen=True)
class Told:
    status: int
    kind: str
    text: str


@dataclass
class Desk:
    """The service on a loopback port, and a client of it."""

    origin: str
    session: aiohttp.ClientSession

    async def post(self, path: str, body: bytes | str, headers: dict[str, str] | None = None) -> Told:
        octets = io.BytesIO(body.encode() if isinstance(body, str) else body)
        async with self.session.post(self.origin + path, data=octets, headers=headers) as answer:
            return Told(answer.status, answer.content_type, await answer.text())

    async def keyed(self, path: str, body: bytes | str, secret: str = SECRET) -> Told:
        """The secret where this path wants it."""
        if path.endswith("body"):
            return await self.post(path, body, {"x-api-key": secret})
        return await self.post(f"{path}?secretKey={quote(secret, safe='')}", body)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    app = build_partner_crypto(body_seconds=0.3)
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpToolsProtocol(config, state, {}), "127.0.0.1", 0
    )
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield Desk(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", session)
    server.close()
    for connection in list(state.connections):
        connection.shutdown()
    await server.wait_closed()


@pytest.mark.parametrize("base", BOTH)
@pytest.mark.parametrize(("encrypt", "decrypt"), [IN_HEADER, IN_QUERY])
async def test_what_it_encrypts_a_partners_own_codec_opens_and_the_other_way_round(
    base: str, encrypt: str, decrypt: str, desk: Desk
) -> None:
    sealed = await desk.keyed(base + encrypt, MESSAGE)
    assert (sealed.status, sealed.kind) == (200, "text/plain")
    assert unseal(sealed.text, SECRET) == MESSAGE.encode()
    opened = await desk.keyed(base + decrypt, seal(MESSAGE.encode(), SECRET))
    assert opened == Told(200, "text/plain", MESSAGE)


@pytest.mark.parametrize(
    "text", ["", " ", "\r\nno JSON at all\r\n", "\N{ZERO WIDTH NO-BREAK SPACE}{}", "a\0b"]
)
async def test_text_comes_back_octet_by_octet(text: str, desk: Desk) -> None:
    sealed = await desk.keyed("/encrypt", text)
    assert (await desk.keyed("/decrypt", sealed.text)).text == text


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "rubbish",
    ],
)
async def test_any_content_type_is_taken(kind: str, desk: Desk) -> None:
    headers = {"x-api-key": SECRET, "Content-Type": kind}
    assert unseal((await desk.post("/encryptbody", MESSAGE, headers)).text, SECRET) == MESSAGE.encode()


async def test_an_envelope_copied_with_a_line_break_is_opened(desk: Desk) -> None:
    assert (await desk.keyed("/decryptbody", seal(b"{}", SECRET) + "\r\n")).text == "{}"


@pytest.mark.parametrize("path", [*IN_HEADER, *IN_QUERY])
async def test_a_request_without_its_secret_is_told_so(path: str, desk: Desk) -> None:
    told = await desk.post(path, MESSAGE)
    assert (told.status, told.kind) == (401, "text/plain")
    assert "is missing" in told.text
    assert (await desk.keyed(path, MESSAGE, "")).status == 401


@pytest.mark.parametrize("path", [*IN_HEADER, *IN_QUERY])
@pytest.mark.parametrize("secret", ["short", "x" * 31, "x" * 33, "é" * 16, "é" * 32, "x" * 31 + "\xff"])
async def test_a_secret_of_another_form_is_told_so(path: str, secret: str, desk: Desk) -> None:
    told = await desk.keyed(path, MESSAGE, secret)
    assert (told.status, told.kind) == (400, "text/plain")
    assert "exactly 32 ASCII characters" in told.text
    assert secret not in told.text


async def test_a_secret_in_the_place_of_the_other_form_is_missing(desk: Desk) -> None:
    assert (await desk.post(f"/encryptbody?secretKey={SECRET}", MESSAGE)).status == 401
    assert (await desk.post("/encrypt", MESSAGE, {"x-api-key": SECRET})).status == 401


async def test_two_secrets_in_one_request_are_one_too_many(desk: Desk) -> None:
    told = await desk.post(f"/encrypt?secretKey={SECRET}&secretKey={OTHER_SECRET}", MESSAGE)
    assert (told.status, "more than once" in told.text) == (400, True)


def spoilt(sealed: str) -> str:
    return sealed[:-1] + ("A" if sealed[-1] != "A" else "B")


UNOPENABLE: list[bytes | str] = [
    "",
    "no envelope",
    MESSAGE,
    "a.b.c.d.e",
    "....",
    b"\xff\xfe\x00",
    seal(MESSAGE.encode(), OTHER_SECRET),
    spoilt(seal(MESSAGE.encode(), SECRET)[:-1]),
    "e30." + seal(b"{}", SECRET).split(".", 1)[1],
    "[" * 60_000,
]


@pytest.mark.parametrize("path", ["/decryptbody", "/decrypt"])
@pytest.mark.parametrize("body", UNOPENABLE, ids=range(len(UNOPENABLE)))
async def test_what_cannot_be_decrypted_is_refused_and_not_repeated(
    path: str, body: bytes | str, desk: Desk
) -> None:
    told = await desk.keyed(path, body)
    assert told == Told(400, "text/plain", "the body is no envelope that this secret opens\n")


async def test_what_is_no_text_is_refused_both_ways(desk: Desk) -> None:
    told = await desk.keyed("/encryptbody", b"\xff\xfe{}")
    assert (told.status, told.text) == (400, "the body is not UTF-8 text\n")
    told = await desk.keyed("/decryptbody", seal(b"\xff\xfe{}", SECRET))
    assert (told.status, told.text) == (400, "what the envelope holds is not UTF-8 text\n")


async def test_the_largest_body_passes_and_one_byte_more_is_refused(desk: Desk) -> None:
    assert (await desk.keyed("/encryptbody", b"x" * BODY_BYTES_MAX)).status == 200
    told = await desk.keyed("/encryptbody", b"x" * (BODY_BYTES_MAX + 1))
    assert (told.status, told.kind) == (413, "text/plain")
    assert f"larger than {BODY_BYTES_MAX} bytes" in told.text


async def test_a_half_sent_body_is_not_waited_for_long(desk: Desk) -> None:
    port = int(desk.origin.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /encryptbody HTTP/1.1\r\nHost: s\r\nx-api-key: {SECRET}\r\nContent-Length: 100\r\n\r\nhalf"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_client_that_hangs_up_leaves_it_working(desk: Desk) -> None:
    port = int(desk.origin.rsplit(":", 1)[1])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /encryptbody HTTP/1.1\r\nHost: s\r\nx-api-key: {SECRET}\r\n".encode())
    writer.write(b"Content-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.transport.abort()
    assert (await desk.keyed("/encrypt", "{}")).status == 200


@pytest.mark.parametrize("path", ["/", "/syndicate/api/fetch-bill", f"{BASE}/", "/encryptbody/x"])
async def test_another_path_is_not_found_in_plain_text(path: str, desk: Desk) -> None:
    told = await desk.keyed(path, MESSAGE)
    assert (told.status, told.kind, told.text) == (404, "text/plain", "Not Found")


@pytest.mark.parametrize("path", [*IN_HEADER, *IN_QUERY])
async def test_only_post_turns_anything(path: str, desk: Desk) -> None:
    async with desk.session.get(desk.origin + path, headers={"x-api-key": SECRET}) as answer:
        assert (answer.status, answer.content_type) == (405, "text/plain")


async def test_health_is_answered_without_a_secret(desk: Desk) -> None:
    async with desk.session.get(f"{desk.origin}/health") as answer:
        assert (answer.status, await answer.text()) == (200, "ready\n")


async def test_no_answer_may_be_kept_on_the_way(desk: Desk) -> None:
    for headers in ({"x-api-key": SECRET}, {}):
        async with desk.session.post(f"{desk.origin}/encryptbody", data=b"{}", headers=headers) as answer:
            assert answer.headers["Cache-Control"] == "no-store"


async def test_no_line_is_written_whatever_is_asked(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    for path in (*IN_HEADER, *IN_QUERY):
        for body in UNOPENABLE:
            await desk.keyed(path, body)
    assert tuple(capfd.readouterr()) == ("", "")
