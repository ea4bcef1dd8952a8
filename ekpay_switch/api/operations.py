"""Health checks and metrics: two health checks for proxies, and an application of their own for operators.

What an operator reads is served on an address of its own (docs/adr/0079): nobody outside learns it or slows
payments down by asking for it (api-conventions-and-security.md, T81).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ekpay_switch import telemetry

# Why the process takes no payments; empty where it does.
WhyNotReady = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Health:
    """What operators ask of a process.

    `count` counts what SQL counts, unless that was done a moment ago, and returns the seconds since a worker
    did its rounds; None where the database does not answer. `queue_depth` counts the steps that wait for a
    group commit. `started_at` is when the process began to serve, UTC; in a rehearsal no money is real.
    """

    why_not_ready: WhyNotReady
    count: Callable[[], Awaitable[float | None]]
    queue_depth: Callable[[], int]
    worker_silent_seconds_max: float
    started_at: datetime
    is_rehearsal: bool


def mount(app: FastAPI, why_not_ready: WhyNotReady) -> None:
    """Add /health/live and /health/ready to the public application."""
    for route in _health_routes(why_not_ready):
        app.router.routes.append(route)


def build_operations_app(health: Health) -> Starlette:
    """The application for operators: both health checks, /health/detail and /metrics."""

    async def detail(_: Request) -> Response:
        silent_seconds = await health.count()
        if silent_seconds is None:
            return JSONResponse({"status": "database unavailable"}, 503)
        is_silent = silent_seconds > health.worker_silent_seconds_max
        return JSONResponse(
            {
                "status": "worker silent" if is_silent else "well",
                "worker_silent_seconds": round(silent_seconds, 1),
                "queue_depth": health.queue_depth(),
                "started_at": health.started_at.isoformat(timespec="seconds"),
                "is_rehearsal": health.is_rehearsal,
            },
            503 if is_silent else 200,
        )

    async def metrics(_: Request) -> Response:
        await health.count()
        telemetry.QUEUE_DEPTH.set(health.queue_depth())
        return Response(telemetry.render(), media_type=telemetry.METRICS_CONTENT_TYPE)

    own = [Route("/health/detail", detail), Route("/metrics", metrics)]
    return Starlette(routes=[*_health_routes(health.why_not_ready), *own])


def _health_routes(why_not_ready: WhyNotReady) -> list[Route]:
    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_: Request) -> Response:
        reason = await why_not_ready()
        if not reason:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": reason}, 503, {"Retry-After": "1"})

    return [Route("/health/live", live), Route("/health/ready", ready)]
