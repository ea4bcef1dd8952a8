"""A merchant's server that keeps every push as it came, and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Letterbox:
    """Where the provider pushes to; keeps what came, and answers as it is told."""

    url: str = ""
    answer: str = '{"received": true}'
    letters: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.letters.append((headers, await request.read()))
        self.came.set()
        return web.Response(text=self.answer, content_type="application/json")

    async def until(self, letters: int) -> None:
        async with asyncio.timeout(10):
            while len(self.letters) < letters:
                self.came.clear()
                await self.came.wait()


@asynccontextmanager
async def a_letterbox() -> AsyncIterator[Letterbox]:
    letterbox = Letterbox()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", letterbox.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        letterbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield letterbox
    finally:
        await runner.cleanup()
