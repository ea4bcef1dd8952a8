"""The proxy's control calls over HTTP.

Every answer is JSON; an unreadable call is HTTP 400 with the names of the fields, and changes nothing.
"""

from typing import Annotated

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.network.proxy.fault_proxy import FaultProxy, UnknownFarSideError
from sandbox.network.proxy.faults import NetworkFaultOrder

_BODY_BYTES_MAX = 65_536
_SHUTDOWN_SECONDS = 2


class _FarSideSelection(BaseModel):
    """The far side of a call; all of them if it names none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    far_side: Annotated[str, Field(min_length=1)] | None = None


class _BodyTooLargeError(Exception):
    """The body of a call is longer than any order can be."""


class Control:
    """Answers the control calls of one proxy."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/faults", self._arm, methods=["POST"]),
                Route("/faults", self._lift, methods=["DELETE"]),
                Route("/faults", self._faults, methods=["GET"]),
                Route("/release", self._release, methods=["POST"]),
                Route("/stats", self._statistics, methods=["GET"]),
                Route("/health", self._health, methods=["GET"]),
            ],
            exception_handlers={
                ValidationError: _unreadable,
                UnknownFarSideError: _unknown_far_side,
                _BodyTooLargeError: _too_large,
            },
        )

    async def _arm(self, request: Request) -> Response:
        self._proxy.arm(NetworkFaultOrder.model_validate_json(await _body(request)))
        return JSONResponse(self._proxy.faults())

    async def _lift(self, request: Request) -> Response:
        self._proxy.lift(_selected_far_side(request))
        return JSONResponse(self._proxy.faults())

    async def _faults(self, _request: Request) -> Response:
        return JSONResponse(self._proxy.faults())

    async def _release(self, request: Request) -> Response:
        return JSONResponse({"released": self._proxy.release(_selected_far_side(request))})

    async def _statistics(self, _request: Request) -> Response:
        return JSONResponse(self._proxy.statistics())

    async def _health(self, _request: Request) -> Response:
        return JSONResponse(self._proxy.health())


def control_config(proxy: FaultProxy) -> uvicorn.Config:
    """The server configuration of the control calls of this proxy."""
    return uvicorn.Config(
        Control(proxy).app(),
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


def _selected_far_side(request: Request) -> str | None:
    return _FarSideSelection.model_validate(dict(request.query_params)).far_side


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _BODY_BYTES_MAX:
            raise _BodyTooLargeError
    return body


async def _unreadable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    fields = sorted({str(item["loc"][0]) if item["loc"] else "body" for item in error.errors()})
    return JSONResponse({"message": f"cannot read: {', '.join(fields)}"}, 400)


async def _unknown_far_side(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"message": "cannot read: far_side"}, 400)


async def _too_large(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"message": "body too large"}, 413)
