"""The shop as an ASGI application, and the process that serves it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.callers.ekshop.admin_api import ShopAdminApi
from sandbox.callers.ekshop.pages import Pages
from sandbox.callers.ekshop.shop import Shop, ShopSettings
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.hang_up import HangUpProtocol, hang_up
from sandbox.kit.institution.server import listen

_IPN_BYTES_MAX = 65_536
_KEEP_ALIVE_SECONDS = 75
_SHUTDOWN_SECONDS = 2


class _NoResponse(Response):
    """Closes the connection in place of an answer."""

    async def __call__(self, scope: object, _receive: object, _send: object) -> None:
        assert isinstance(scope, dict)
        hang_up(scope)


class IpnEndpoint:
    """The endpoint for IPNs: each payment has an address of its own."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def take(self, request: Request) -> Response:
        """Process one IPN and answer it by the shop's conduct."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _IPN_BYTES_MAX:
                return Response(status_code=413)
        headers = {name: request.headers[name] for name in _SIGNED_HEADERS if name in request.headers}
        answer = await self._shop.listener.take(request.path_params["secret"], headers, body)
        await asyncio.sleep(answer.wait_seconds)
        if answer.is_lost:
            return _NoResponse()
        return Response(answer.body, answer.status, media_type=answer.content_type)


def build_app(shop: Shop) -> Starlette:
    """The application of one shop; its calls to the switch live as long as it is served."""

    @asynccontextmanager
    async def connected(_app: Starlette) -> AsyncIterator[None]:
        async with shop.api:
            yield

    ipn = Route("/ipn/{secret}", IpnEndpoint(shop).take, methods=["POST"])
    return Starlette(routes=[*Pages(shop).routes(), *ShopAdminApi(shop).routes(), ipn], lifespan=connected)


def build_server(app: Starlette) -> uvicorn.Server:
    """A server for the shop; the caller gives it a listening socket."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http=HangUpProtocol,
            ws="none",
            lifespan="on",
            interface="asgi3",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
    )


def serve(settings: ShopSettings, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve one shop until interrupted; `announce` gets its address once it listens.

    Raises:
        OSError: the address is taken, or the book cannot be opened.
        JournalInUseError: another process keeps the book open.
        BrokenJournalError: the book cannot be read.
    """
    with listen(host, port) as listener, suppress(KeyboardInterrupt):
        shop = Shop(settings, Clock())
        try:
            announce(f"http://{host}:{listener.getsockname()[1]}")
            build_server(build_app(shop)).run(sockets=[listener])
        finally:
            shop.close()


_SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
