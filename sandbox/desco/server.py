"""The simulator on the wire: a bare ASGI application and the process that serves it.

There is no framework, no logging and no middleware on a request's way, because the switch is
measured against this process on the same two cores.
"""

import asyncio
import gc
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson
import uvicorn

from sandbox.desco import admin
from sandbox.desco.clock import Clock
from sandbox.desco.faults import Outage, OutageMode
from sandbox.desco.hang_up import HangUpProtocol, hang_up
from sandbox.desco.institution import Institution
from sandbox.desco.replies import (
    HTTP_503,
    LOST,
    NO_SUCH_PATH,
    TOO_LARGE,
    UNAUTHORISED,
    WRONG_METHOD,
    Message,
    Reply,
    error_reply,
)
from sandbox.desco.settings import DescoSettings
from sandbox.desco.wire import Form, MalformedRequestError

API_PREFIX = "/desco/api/"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_BODY_BYTES_MAX = 65_536
_KEEP_ALIVE_SECONDS = 75
_SHUTDOWN_SECONDS = 2
_BACKLOG = 2_048
_LOGIN = "login"


class DescoApp:
    """The ASGI application: DESCO's calls under `/desco/api/`, ours under `/_admin/`."""

    def __init__(self, institution: Institution) -> None:
        self._institution = institution
        self._outage = Outage()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._admin = admin.Admin(institution, self._outage, self._counts)
        self._calls: dict[str, tuple[str, Callable[[Form], Reply]]] = {
            f"{API_PREFIX}login": (_LOGIN, institution.login),
            f"{API_PREFIX}bills": ("list", institution.list_bills),
            f"{API_PREFIX}bill": ("info", institution.bill_info),
            f"{API_PREFIX}payment": ("save", institution.save_payment),
            f"{API_PREFIX}payment-status": ("status", institution.payment_status),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or close its connection when the answer is to be lost."""
        body = await _read_body(receive)
        if body is None:
            reply = TOO_LARGE
        elif scope["path"].startswith(admin.PREFIX):
            query = scope["query_string"].decode("ascii", "replace")
            reply = self._admin.answer(scope["method"], scope["path"], query, body)
        else:
            reply = await self._answer_call(scope, receive, body)
        if reply.delay_seconds:
            await asyncio.sleep(reply.delay_seconds)
        if reply.is_lost:
            hang_up(scope)
            return
        await send(reply.start)
        await send(reply.body)

    async def _answer_call(self, scope: Scope, receive: Receive, body: bytes) -> Reply:
        name, call = self._calls.get(scope["path"], ("other", None))
        if self._outage.mode is not OutageMode.NONE:
            reply = await self._out_of_order(receive)
        elif call is None:
            reply = NO_SUCH_PATH
        elif scope["method"] != "POST":
            reply = WRONG_METHOD
        elif name != _LOGIN and not self._is_admitted(scope):
            reply = UNAUTHORISED
        else:
            reply = _do(call, body)
        self._counts[name, reply.code] += 1
        return reply

    def _is_admitted(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"authorization":
                return self._institution.bearers.admits(value, self._institution.clock.now())
        return False

    async def _out_of_order(self, receive: Receive) -> Reply:
        if self._outage.mode is OutageMode.HTTP_503:
            return HTTP_503
        over = asyncio.ensure_future(self._outage.wait_until_over())
        # A caller that gives up frees its place, or a long outage would gather dead requests.
        gone = asyncio.ensure_future(_caller_gone(receive))
        try:
            await asyncio.wait((over, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            gone.cancel()
        return LOST


def _do(call: Callable[[Form], Reply], body: bytes) -> Reply:
    try:
        form = orjson.loads(body)
    except orjson.JSONDecodeError:
        return error_reply(400, "the body is no JSON")
    if not isinstance(form, dict):
        return error_reply(400, "the body is no JSON object")
    try:
        return call(form)
    except MalformedRequestError as error:
        return error_reply(400, str(error))


async def _read_body(receive: Receive) -> bytes | None:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False) and len(body) <= _BODY_BYTES_MAX:
        message = await receive()
        body += message.get("body", b"")
    return body if len(body) <= _BODY_BYTES_MAX else None


async def _caller_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def build_server(institution: Institution) -> uvicorn.Server:
    """Return a server for this institution; the caller gives it a listening socket."""
    config = uvicorn.Config(
        DescoApp(institution),
        loop="uvloop",
        http=HangUpProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        # Longer than any caller keeps a connection, so that only faults drop one.
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    return socket.create_server((host, port), backlog=_BACKLOG)


def serve(settings: DescoSettings, announce: Callable[[str], None]) -> None:
    """Serve until interrupted; `announce` is told the base address once calls are accepted.

    Raises:
        OSError: the address is taken.
        JournalInUseError: another simulator keeps the same book.
        BookOfAnotherWorldError: the book in `home` was begun with another seed.
    """
    institution = Institution.open(settings, Clock())
    with listen(settings.host, settings.port) as listener:
        host, port = listener.getsockname()[:2]
        announce(f"http://{host}:{port}{API_PREFIX.rstrip('/')}")
        # A replayed book is thousands of objects that never die: collecting them is lost time.
        gc.freeze()
        with suppress(KeyboardInterrupt):
            build_server(institution).run(sockets=[listener])
    institution.book.close()
