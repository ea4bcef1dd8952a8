"""Health checks and metrics, for operators and their tools."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ekpay_switch import telemetry


def mount(app: FastAPI, is_ready: Callable[[], Awaitable[bool]], queue_depth: Callable[[], int]) -> None:
    """Add /health/live, /health/ready and /metrics. A proxy keeps all three from the outside (T81)."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_: Request) -> Response:
        if await is_ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "database unavailable"}, 503, {"Retry-After": "1"})

    async def metrics(_: Request) -> Response:
        telemetry.QUEUE_DEPTH.set(queue_depth())
        return Response(telemetry.render(), media_type=telemetry.METRICS_CONTENT_TYPE)

    app.add_route("/health/live", live)
    app.add_route("/health/ready", ready)
    app.add_route("/metrics", metrics)
