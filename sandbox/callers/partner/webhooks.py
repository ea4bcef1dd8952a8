"""A partner's receiver of notifications: Standard Webhooks 1.0.0, Ed25519.

It answers every request: 204 for a valid message, also a repeated one, and 400 for anything else. The checks
follow the specification alone and share no code with the signing side.
"""

import argparse
import base64
import binascii
import json
import re
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Event = dict[str, Any]
Read = Callable[[Mapping[str, str], bytes, Sequence[Ed25519PublicKey], float], tuple[str, Event]]

PUBLIC_PREFIX = "whpk_"
TOLERANCE_SECONDS = 300

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
_SIGNATURES_MAX = 8
_SIGNATURE_HEADER_MAX = 2_048
_BODY_BYTES_MAX = 20_000
_KEY_BYTES = 32
_ACCEPTED, _REFUSED = 204, 400


class MessageRefusedError(Exception):
    """The message is not from the switch, too old, or malformed; the text says which."""


def public_key(text: str) -> Ed25519PublicKey:
    """Read a key as it is published: `whpk_` and 32 bytes in base64.

    Raises:
        MessageRefusedError: the text is no such key.
    """
    if not text.startswith(PUBLIC_PREFIX):
        raise MessageRefusedError(f"a public key begins with {PUBLIC_PREFIX}")
    raw = _decode(text.removeprefix(PUBLIC_PREFIX))
    if raw is None or len(raw) != _KEY_BYTES:
        raise MessageRefusedError(f"a public key has {_KEY_BYTES} bytes")
    return Ed25519PublicKey.from_public_bytes(raw)


def read_message(
    headers: Mapping[str, str], body: bytes, keys: Sequence[Ed25519PublicKey], now: float
) -> tuple[str, Event]:
    """Check one message and return its id and its event; header names are in small letters.

    Raises:
        MessageRefusedError: `check_message` refuses it, or the body is no event.
    """
    return check_message(headers, body, keys, now), _event(body)


def read_ipn(
    headers: Mapping[str, str], body: bytes, keys: Sequence[Ed25519PublicKey], now: float
) -> tuple[str, Event]:
    """Check one IPN and return its id and its document; header names are in small letters.

    Raises:
        MessageRefusedError: `check_message` refuses it, or the body is no document of a payment.
    """
    message_id = check_message(headers, body, keys, now)
    document = _object(body)
    transaction = document.get("trnx_info")
    if not isinstance(document.get("msg_code"), str) or not isinstance(transaction, dict):
        raise MessageRefusedError("the body is no document of a payment")
    return message_id, document


def check_message(
    headers: Mapping[str, str], body: bytes, keys: Sequence[Ed25519PublicKey], now: float
) -> str:
    """Check the signature of a message and return its id; header names are in small letters.

    The body is not parsed before a signature of one of the keys is verified.

    Raises:
        MessageRefusedError: a header is missing or malformed, the time is more than five minutes off, or no
            signature is right.
    """
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(message_id):
        raise MessageRefusedError("webhook-id is missing or malformed")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise MessageRefusedError("webhook-timestamp is no whole number of seconds")
    if abs(int(timestamp) - now) > TOLERANCE_SECONDS:
        raise MessageRefusedError("webhook-timestamp is too far from now")
    signed = f"{message_id}.{timestamp}.".encode("ascii") + body
    signatures = _signatures(headers.get("webhook-signature", ""))
    if not any(_is_signed_by(key, signature, signed) for key in keys for signature in signatures):
        raise MessageRefusedError("no signature is right")
    return message_id


def _signatures(header: str) -> Sequence[bytes]:
    """The Ed25519 signatures of the header; other kinds and malformed ones are skipped."""
    if len(header) > _SIGNATURE_HEADER_MAX:
        raise MessageRefusedError("webhook-signature is too long")
    signatures = []
    for part in header.split(" ")[:_SIGNATURES_MAX]:
        marker, _, text = part.partition(",")
        signature = _decode(text) if marker == "v1a" else None
        if signature is not None:
            signatures.append(signature)
    return signatures


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_signed_by(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _event(body: bytes) -> Event:
    event = _object(body)
    if not isinstance(event.get("type"), str):
        raise MessageRefusedError("the body is no event")
    return event


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise MessageRefusedError("the body is no JSON") from None
    if not isinstance(document, dict):
        raise MessageRefusedError("the body is no JSON object")
    return document


class WebhookReceiver:
    """The receiver as a bare ASGI application; `events` holds each event once, by its `webhook-id`.

    `read` parses a message: an event, or with `read_ipn` the IPN of a merchant.

    `received_ids` holds the id of every valid message, repeats included. A real partner stores both in the
    transaction that uses the event, and answers only after it.
    """

    def __init__(
        self,
        keys: Sequence[str],
        now: Callable[[], float] = time.time,
        announce: Callable[[str], None] | None = None,
        read: Read = read_message,
    ) -> None:
        self._keys: Sequence[Ed25519PublicKey] = ()
        self._now, self._announce, self._read = now, announce, read
        self.trust(keys)
        self.events: dict[str, Event] = {}
        self.received_ids: list[str] = []
        self.refused: list[str] = []

    def trust(self, keys: Sequence[str]) -> None:
        """Verify messages with these keys from now on: those that the switch publishes for the endpoint."""
        self._keys = [public_key(key) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await _read_body(receive)
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        status = self.take(headers, body) if body is not None and scope["method"] == "POST" else _REFUSED
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Process one message and return the HTTP status of the answer."""
        try:
            message_id, event = self._read(headers, body, self._keys, self._now())
        except MessageRefusedError as refused:
            self.refused.append(str(refused))
            return _REFUSED
        self.received_ids.append(message_id)
        if message_id not in self.events:
            self.events[message_id] = event
            if self._announce:
                self._announce(json.dumps({"id": message_id} | event, ensure_ascii=False))
        return _ACCEPTED


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body, or None if it is longer than any message of ours; the rest is read and dropped."""
    body, more = b"", True
    while more:
        message = await receive()
        if len(body) <= _BODY_BYTES_MAX:
            body += message.get("body", b"")
        more = message.get("more_body", False)
    return body if len(body) <= _BODY_BYTES_MAX else None


def build_server(receiver: Callable[[Scope, Receive, Send], Awaitable[None]]) -> uvicorn.Server:
    """Return a server for a receiver, an ASGI application; the caller provides the listening socket."""
    config = uvicorn.Config(
        receiver, ws="none", lifespan="off", interface="asgi3", log_level="warning", access_log=False
    )
    return uvicorn.Server(config)


def main() -> None:
    """Receive on loopback until interrupted, and print each event once as a line of JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.callers.partner.webhooks", description=main.__doc__
    )
    parser.add_argument("keys", nargs="+", metavar="whpk_KEY", help="public key of the endpoint")
    parser.add_argument("--port", type=int, default=8210, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--ipn", action="store_true", help="receive IPNs of a merchant instead of events")
    arguments = parser.parse_args()
    read = read_ipn if arguments.ipn else read_message
    try:
        receiver = WebhookReceiver(arguments.keys, announce=lambda line: print(line, flush=True), read=read)  # noqa: T201 - its purpose
    except MessageRefusedError as problem:
        parser.error(str(problem))
    with socket.create_server(("127.0.0.1", arguments.port)) as listener, suppress(KeyboardInterrupt):
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)  # noqa: T201 - the same
        build_server(receiver).run(sockets=[listener])


if __name__ == "__main__":
    main()
