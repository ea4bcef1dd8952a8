"""The public keys of endpoints at their well-known address."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI

from ekpay_switch.api import webhook_keys
from ekpay_switch.api.problems import install_error_handlers
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.webhook_signatures import WebhookKeys
from sandbox.callers.partner.webhooks import public_key

KEYS = WebhookKeys(KeyRing(bytes(32)))
ENDPOINT, ROTATING = UUID(int=0xA), UUID(int=0xB)


class KnownEndpoints:
    """Two endpoints, one of them in the overlap of a rotation."""

    async def key_generations(self, endpoint_id: UUID) -> Sequence[int]:
        return {ENDPOINT: (1,), ROTATING: (3, 2)}.get(endpoint_id, ())


@dataclass
class Site:
    session: aiohttp.ClientSession
    origin: str

    async def request(self, name: str, method: str = "GET") -> tuple[int, str, bytes]:
        url = f"{self.origin}/.well-known/ekpay-webhook-keys/{name}"
        async with self.session.request(method, url) as answer:
            return answer.status, answer.headers.get("Cache-Control", ""), await answer.read()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    install_error_handlers(app)
    webhook_keys.mount(app, KnownEndpoints(), KEYS)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - the server tells nobody when it is ready
            await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        yield Site(session, f"http://127.0.0.1:{port}")
    server.should_exit = True
    await serving


async def test_the_keys_of_an_endpoint_are_public_the_newest_first(site: Site) -> None:
    status, cached, body = await site.request(str(ROTATING))
    assert (status, cached) == (200, "public, max-age=300")
    assert json.loads(body) == [KEYS.public_key(ROTATING, 3), KEYS.public_key(ROTATING, 2)]
    assert all(public_key(key) for key in json.loads(body))
    assert json.loads((await site.request(str(ENDPOINT)))[2]) == [KEYS.public_key(ENDPOINT, 1)]


@pytest.mark.parametrize(
    "name",
    [
        str(UUID(int=1)),
        "",
        "x",
        ENDPOINT.hex,
        str(ENDPOINT).upper(),
        f"{{{ENDPOINT}}}",
        "..%2f..",
        "%00",
        "9" * 500,
    ],
)
async def test_what_is_no_endpoint_of_ours_is_not_found(site: Site, name: str) -> None:
    status, _, body = await site.request(name)
    assert status == 404
    assert json.loads(body) == {"type": "about:blank", "title": "not found", "status": 404}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_the_keys_are_only_read(site: Site, method: str) -> None:
    assert (await site.request(str(ENDPOINT), method))[0] == 405
