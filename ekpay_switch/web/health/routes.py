"""`/status` and `/status.csv`: what is well and what is not, before somebody pays (docs/adr/0119).

Read from records that the worker reckons each minute, so that a visit costs the database one small read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.domain.health import Promises
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.health import HealthRecords
from ekpay_switch.ports.world import World
from ekpay_switch.web.health.lines import GROUPS, HealthLine, health_lines, kept_share, stop_lines
from ekpay_switch.web.health.open_data import csv_of
from ekpay_switch.web.pages import Pages, Refresh

PATH = "/status"
ROUTE = "status"
REFRESH_SECONDS, RETRY_SECONDS = 60, 10


@dataclass(frozen=True, slots=True)
class HealthPage:
    """What the page needs; `visits` limits the calls of one address."""

    world: World
    health: HealthRecords
    promises: Promises
    pages: Pages
    visits: RateLimit


Build = Callable[[Request, HealthPage, Sequence[HealthLine]], Response]


def mount(app: FastAPI, page: HealthPage) -> None:
    """Add the page and its data."""

    async def show(request: Request) -> Response:
        answer = await _answer(request, page, _page)
        telemetry.HTTP_REQUESTS.labels(ROUTE, answer.status_code).inc()
        return answer

    async def data(request: Request) -> Response:
        answer = await _answer(request, page, _data)
        telemetry.HTTP_REQUESTS.labels(ROUTE, answer.status_code).inc()
        return answer

    app.add_route(PATH, show, methods=["GET"])
    app.add_route(f"{PATH}.csv", data, methods=["GET"])


async def _answer(request: Request, page: HealthPage, build: Build) -> Response:
    if not page.visits.allows(address_of(request)):
        return _message(request, page, "busy", 429)
    try:
        lines = await health_lines(await page.health.all(), page.promises, page.world)
    except Exception as error:  # noqa: BLE001 - whoever looks whether all is well is owed a page
        telemetry.count_error("status_broke_off", error=error)
        return _message(request, page, "away", 503)
    return build(request, page, lines)


def _page(request: Request, page: HealthPage, lines: Sequence[HealthLine]) -> Response:
    groups = [(name, [line for line in lines if line.group == name]) for name in GROUPS]
    values = {
        "here": PATH,
        "about": "",
        "groups": [(name, members) for name, members in groups if members],
        "kept": kept_share(lines),
        "stops": stop_lines(page.promises, page.world),
        "promises": page.promises,
        "now": page.world.clock.now(),
        "as_of": max((line.record.at for line in lines if line.record is not None), default=None),
    }
    refresh = Refresh(REFRESH_SECONDS)
    return page.pages.render(request, "health/health.html", values, refresh=refresh)


def _data(_: Request, page: HealthPage, lines: Sequence[HealthLine]) -> Response:
    headers = {**page.pages.headers, "Content-Disposition": 'attachment; filename="status.csv"'}
    return Response(csv_of(lines), 200, headers, "text/csv; charset=utf-8")


def _message(request: Request, page: HealthPage, about: str, status: int) -> Response:
    values: dict[str, object] = {
        "here": PATH,
        "about": about,
        "groups": [],
        "kept": None,
        "as_of": None,
        "stops": (),
    }
    shared = {"promises": page.promises, "now": page.world.clock.now()}
    answer = page.pages.render(request, "health/health.html", {**values, **shared}, status)
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer
