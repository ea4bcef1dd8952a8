"""Institutions on the wire: a bare ASGI application for each, and the process that serves them.

There is no framework, no logging and no middleware on a request's way, because the switch is
measured against this process on the same two cores. Several institutions share one process and
are told apart by the port they were called at.
"""

import asyncio
import gc
import re
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

import uvicorn
from typing_extensions import override

from sandbox.kit.institution import admin_api as admin
from sandbox.kit.institution.far_side import Call, FarSide
from sandbox.kit.institution.hang_up import HangUpProtocol, hang_up
from sandbox.kit.institution.http_request import BROWSER_PATH, Route, read_request
from sandbox.kit.institution.outage import Outage, OutageMode
from sandbox.kit.institution.pages import METHODS, PageHandler, read_visit
from sandbox.kit.institution.replies import LOST, Message, Reply
from sandbox.kit.institution.requests import MalformedRequestError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEEP_ALIVE_SECONDS = 75
_SHUTDOWN_SECONDS = 2
_BACKLOG = 2_048
_OLDEST_GENERATION = 2


_SLASHES = re.compile("/{2,}")


class InstitutionApp:
    """The ASGI application of one institution: its calls under its base path, ours under `/_admin/`."""

    def __init__(self, far_side: FarSide) -> None:
        self._far_side = far_side
        self._errors = far_side.errors
        self._outage = Outage()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._admin = admin.AdminRouter(far_side.admin_api(), self._outage, self._counts)
        self._calls = {f"{far_side.base_path}/{path}": call for path, call in far_side.calls().items()}
        self._calls |= far_side.root_calls()
        self._pages = far_side.pages()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or close its connection when the answer is to be lost."""
        body = await _read_body(receive, self._far_side.body_bytes_max)
        if body is None:
            reply = self._errors.too_large
        elif scope["path"].startswith(admin.PREFIX):
            query = scope["query_string"].decode("ascii", "replace")
            reply = self._admin.answer(scope["method"], scope["path"], query, body)
        else:
            reply = await self._answer_call(scope, receive, body)
        if reply.delay_seconds:
            await asyncio.sleep(reply.delay_seconds)
        if reply.waits_for is not None:
            await reply.waits_for()
        if reply.is_lost:
            hang_up(scope)
            return
        await send(reply.start)
        await send(reply.body)

    async def _answer_call(self, scope: Scope, receive: Receive, body: bytes) -> Reply:
        # Clients join a base URL and a path with two slashes, which the servers of providers merge.
        scope = {**scope, "path": _SLASHES.sub("/", scope["path"]), BROWSER_PATH: scope["path"]}
        call = self._calls.get(scope["path"])
        page = self._pages.get(scope["path"]) if call is None else None
        route = (
            self._far_side.route(scope["method"], scope["path"]) if call is None and page is None else None
        )
        if self._outage.mode is not OutageMode.NONE:
            reply = await self._out_of_order(receive)
        elif route is not None:
            reply = self._answer_route(route, scope, body)
        elif page is not None:
            reply = self._answer_page(page, scope, body)
        elif call is None:
            reply = self._errors.no_such_path
        elif scope["method"] != "POST":
            reply = self._errors.wrong_method
        else:
            reply = self._far_side.check_headers(call, scope["headers"]) or self._answer_form_call(call, body)
        named = call or route
        self._counts[named.name if named else "page" if page else "other", reply.code] += 1
        return reply

    def _answer_form_call(self, call: Call, body: bytes) -> Reply:
        try:
            return call.answer(self._far_side.read(body))
        except MalformedRequestError as error:
            return self._errors.malformed(str(error))

    def _answer_route(self, route: Route, scope: Scope, body: bytes) -> Reply:
        try:
            return route.answer(read_request(scope, body))
        except MalformedRequestError as error:
            return self._errors.malformed(str(error))

    def _answer_page(self, page: PageHandler, scope: Scope, body: bytes) -> Reply:
        if scope["method"] not in METHODS:
            return self._errors.wrong_method
        try:
            return page(read_visit(scope, body))
        except MalformedRequestError as error:
            return self._errors.malformed(str(error))

    async def _out_of_order(self, receive: Receive) -> Reply:
        if self._outage.mode is OutageMode.HTTP_503:
            return self._errors.http_503
        over = asyncio.ensure_future(self._outage.wait_until_over())
        # A caller that gives up frees its place, or a long outage would gather dead requests.
        disconnected = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            await asyncio.wait((over, disconnected), return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            disconnected.cancel()
        return LOST


class _AppsByPort:
    """Several institutions side by side; a request goes to the one whose port it came in by."""

    def __init__(self, by_port: Mapping[int, App]) -> None:
        self._by_port = by_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._by_port[scope["server"][1]](scope, receive, send)


class _Server(uvicorn.Server):
    """A server that also runs the background work of its institutions."""

    def __init__(self, config: uvicorn.Config, far_sides: Sequence[FarSide]) -> None:
        super().__init__(config)
        self._far_sides = far_sides

    @override
    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        async with asyncio.TaskGroup() as background:
            tasks = [background.create_task(far_side.work()) for far_side in self._far_sides]
            await super().serve(sockets)
            for task in tasks:
                task.cancel()


class ServedInstitution(NamedTuple):
    """An institution and the address it is to be served at; port 0 takes a free one."""

    far_side: FarSide
    host: str
    port: int


async def _read_body(receive: Receive, bytes_max: int) -> bytes | None:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False) and len(body) <= bytes_max:
        message = await receive()
        body += message.get("body", b"")
    return body if len(body) <= bytes_max else None


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def build_server(far_side: FarSide) -> uvicorn.Server:
    """Return a server for one institution; the caller gives it a listening socket."""
    return _server(InstitutionApp(far_side), [far_side])


def _server(app: App, far_sides: Sequence[FarSide]) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
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
    return _Server(config, far_sides)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    return socket.create_server((host, port), backlog=_BACKLOG)


@contextmanager
def frozen_garbage_collection() -> Iterator[None]:
    """Freeze whatever survives a full garbage collection, so that it is never walked again.

    A book only grows. Walking one of a million payments again takes more than a second, in which no call is
    answered, and at last longer than a payment waits for a connection to its biller.
    """

    def freeze(phase: str, info: Mapping[str, int]) -> None:
        if phase == "stop" and info["generation"] == _OLDEST_GENERATION:
            gc.freeze()

    gc.freeze()
    gc.callbacks.append(freeze)
    try:
        yield
    finally:
        gc.callbacks.remove(freeze)


def serve(stands: Sequence[ServedInstitution], announce: Callable[[str, str], None]) -> None:
    """Serve until interrupted; the books stay the caller's to close.

    `announce` gets the name and base address of each institution, in the order given, once
    calls to all of them are accepted.

    Raises:
        OSError: an address is taken; nobody is served then.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(listen(stand.host, stand.port)) for stand in stands]
        addresses = [listener.getsockname()[:2] for listener in sockets]
        apps: list[App] = [InstitutionApp(stand.far_side) for stand in stands]
        for stand, (host, port) in zip(stands, addresses, strict=True):
            stand.far_side.set_origin(f"http://{host}:{port}")
            announce(stand.far_side.name, f"http://{host}:{port}{stand.far_side.base_path}")
        ports = [port for _, port in addresses]
        app = apps[0] if len(apps) == 1 else _AppsByPort(dict(zip(ports, apps, strict=True)))
        stack.enter_context(frozen_garbage_collection())
        with suppress(KeyboardInterrupt):
            _server(app, [stand.far_side for stand in stands]).run(sockets=sockets)
