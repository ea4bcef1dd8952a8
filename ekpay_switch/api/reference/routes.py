"""The three documents at their addresses: built when somebody first asks, and never from what was sent."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.api.reference.merchant_api import merchant_document
from ekpay_switch.api.reference.rest_v1 import rest_v1_document
from ekpay_switch.api.reference.syndicate_api import syndicate_document

_CACHED_SECONDS = 300
_HEADERS = {"Cache-Control": f"public, max-age={_CACHED_SECONDS}"}
DOCUMENTS: Mapping[str, Callable[[], dict[str, Any]]] = MappingProxyType(
    {
        "/openapi.json": rest_v1_document,
        "/openapi/merchant.json": merchant_document,
        "/openapi/syndicate.json": syndicate_document,
    }
)


@cache
def document_at(path: str) -> dict[str, Any]:
    """The document that is served there, built once.

    Raises:
        KeyError: there is none.
    """
    return DOCUMENTS[path]()


@cache
def document_text(path: str) -> str:
    """The same as it is written into docs/openapi and served."""
    return json.dumps(document_at(path), indent=1, ensure_ascii=False) + "\n"


def mount(app: FastAPI) -> None:
    """Add the documents; each takes a tenth of a second to build, away from the loop."""

    async def serve(request: Request) -> Response:
        text = await run_in_threadpool(document_text, request.url.path)
        return Response(text, headers=_HEADERS, media_type="application/json")

    for path in DOCUMENTS:
        app.add_route(path, serve, methods=["GET"])
