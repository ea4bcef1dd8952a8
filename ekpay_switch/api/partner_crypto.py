"""The encryption service that a partner runs beside its ekPay client: plain text in, envelope out, and back.

ekpay-syndicate-api.md, "Transport", row "helper". It is stateless: every request brings its secret, so one
process serves any number of partners and opens no database. What may surprise: the content type is ignored,
as clients send whatever their HTTP library sets by itself, and a form is text like any other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ekpay_switch.security.envelope import SECRET_BYTES, EnvelopeError, close_envelope, open_envelope

BASE = "/ekpayencryption"
HEALTH = "/health"
# Far more than the switch takes: its own answers, such as the list of all billers, are opened here as well.
BODY_BYTES_MAX = 1024 * 1024
BODY_SECONDS = 10.0

_HEADER, _PARAMETER = "x-api-key", "secretKey"
# Bills and payers pass through here: nothing between us and the client may keep a copy.
_NO_COPIES = {"Cache-Control": "no-store"}

Cipher = Callable[[bytes, bytes], bytes]
FindSecrets = Callable[[Request], Sequence[str]]


class RefusedTextError(Exception):
    """A request that is answered with 4xx; its text has nothing of the secret and of the body."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass(frozen=True, slots=True)
class _SecretSource:
    """Where a request carries its secret, and how that place is called."""

    name: str
    find: FindSecrets


_HEADER_SOURCE = _SecretSource(f"header {_HEADER}", lambda request: request.headers.getlist(_HEADER))
_QUERY_SOURCE = _SecretSource(
    f"parameter {_PARAMETER}", lambda request: request.query_params.getlist(_PARAMETER)
)


def build_partner_crypto(body_seconds: float = BODY_SECONDS) -> Starlette:
    """The service as an ASGI application; a body that takes longer than `body_seconds` is not waited for.

    Each operation answers with and without the path `/ekpayencryption` before it: clients do both.
    """
    operations = {
        "/encryptbody": (_encrypt, _HEADER_SOURCE),
        "/decryptbody": (_decrypt, _HEADER_SOURCE),
        "/encrypt": (_encrypt, _QUERY_SOURCE),
        "/decrypt": (_decrypt, _QUERY_SOURCE),
    }
    routes = [
        Route(base + path, _endpoint(turn, place, body_seconds), methods=["POST"])
        for path, (turn, place) in operations.items()
        for base in ("", BASE)
    ]
    return Starlette(routes=[*routes, Route(HEALTH, _health)])


async def _health(_: Request) -> Response:
    return PlainTextResponse("ready\n")


def _endpoint(
    turn: Cipher, place: _SecretSource, body_seconds: float
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            secret = _secret(place, request)
            body = await _whole_body(request, body_seconds)
            return PlainTextResponse(turn(body, secret), headers=_NO_COPIES)
        except RefusedTextError as refused:
            return PlainTextResponse(f"{refused.why}\n", refused.status, _NO_COPIES)

    return endpoint


def _secret(place: _SecretSource, request: Request) -> bytes:
    """The one secret that the request brings, as the content key."""
    secrets = place.find(request)
    if not any(secrets):
        raise RefusedTextError(401, f"the {place.name} is missing: it carries the shared secret")
    if len(secrets) > 1:
        raise RefusedTextError(400, f"the {place.name} comes more than once")
    (secret,) = secrets
    if len(secret) != SECRET_BYTES or not secret.isascii():
        raise RefusedTextError(400, f"the {place.name} must hold exactly {SECRET_BYTES} ASCII characters")
    return secret.encode("ascii")


async def _whole_body(request: Request, body_seconds: float) -> bytes:
    """The body; no more of it is read than what shows that it is too long."""
    body = bytearray()
    try:
        async with asyncio.timeout(body_seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    raise RefusedTextError(413, f"the body is larger than {BODY_BYTES_MAX} bytes")
    except TimeoutError:
        raise RefusedTextError(408, "the body did not arrive in time") from None
    except ClientDisconnect:
        raise RefusedTextError(400, "the body broke off") from None
    return bytes(body)


def _encrypt(body: bytes, secret: bytes) -> bytes:
    return close_envelope(_text(body, "the body"), secret)


def _decrypt(body: bytes, secret: bytes) -> bytes:
    try:
        opened = open_envelope(body, (secret,))
    except EnvelopeError:
        raise RefusedTextError(400, "the body is no envelope that this secret opens") from None
    return _text(opened, "what the envelope holds")


def _text(octets: bytes, origin: str) -> bytes:
    """The octets themselves, once they are known to be text."""
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedTextError(400, f"{origin} is not UTF-8 text") from None
    return octets
