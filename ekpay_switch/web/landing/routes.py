"""`/programs`: what this is, where programmers find the reference, and in a rehearsal what to try first."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.web.landing.notes import RehearsalNotes
from ekpay_switch.web.pages import Pages

PATH = "/programs"


@dataclass(frozen=True, slots=True)
class LandingPage:
    """What the page needs; `metrics_url` and `notes` are shown in a rehearsal only, None in earnest."""

    pages: Pages
    metrics_url: str = ""
    notes: Callable[[], RehearsalNotes] | None = None


def mount(app: FastAPI, landing: LandingPage) -> None:
    """Add the page."""

    async def show(request: Request) -> Response:
        values = {
            "here": PATH,
            "is_rehearsal": landing.notes is not None,
            "metrics_url": landing.metrics_url,
            "notes": RehearsalNotes() if landing.notes is None else landing.notes(),
        }
        return landing.pages.render(request, "landing/landing.html", values)

    app.add_route(PATH, show, methods=["GET"])
