"""The pages of the reference: an index, and one page for each API."""

import gzip
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.reference.lines import ReferencePage, reference_page

PATH = "/docs"
# The page of each document, by the last part of its path.
PAGES: Mapping[str, str] = MappingProxyType(
    {
        "v1": "/openapi.json",
        "merchant": "/openapi/merchant.json",
        "syndicate": "/openapi/syndicate.json",
    }
)
DocumentAt = Callable[[str], dict[str, Any]]


def mount(app: FastAPI, document_at: DocumentAt, pages: Pages, visits: RateLimit) -> None:
    """Add the pages; `document_at` builds the document of a path, and `visits` limits each address."""

    @cache
    def lines(name: str) -> ReferencePage:
        return reference_page(document_at(PAGES[name]))

    async def index(request: Request) -> Response:
        return pages.render(request, "reference/index.html", {"here": PATH})

    async def document(request: Request) -> Response:
        if not visits.allows(address_of(request)):
            return Response(status_code=429, headers={**pages.headers, "Retry-After": "1"})
        name = request.url.path.rpartition("/")[2]
        values = {
            "page": await run_in_threadpool(lines, name),
            "document": PAGES[name],
            "here": request.url.path,
        }
        return _zipped(request, pages.render(request, "reference/document.html", values))

    app.add_route(PATH, index, methods=["GET"])
    for name in PAGES:
        app.add_route(f"{PATH}/{name}", document, methods=["GET"])


def _zipped(request: Request, answer: Response) -> Response:
    """The answer zipped where the browser takes that: 80 KB are 12, and nothing in it is a secret."""
    answer.headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        answer.body = gzip.compress(bytes(answer.body), mtime=0)
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer
