"""The stage: home, addresses, and the processes of a whole installation on this machine.

The database is always the embedded one: a stage invents partners and moves money, so a database that
`EKPAY_DATABASE_URL` names is left alone.
"""

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from sandbox.demo.children import Children
from sandbox.demo.tool import Tool

TIME_DIVISOR = 20
"""What the manifests' waiting times are divided by, so that a doubt of minutes is settled in seconds."""

SLOW_SECONDS = 3
"""How late a slow answer of the simulator is: later than the switch waits, once its times are divided."""

_REAL_DATABASE = ("EKPAY_DATABASE_URL", "EKPAY_DATABASE_OWNER_URL", "EKPAY_DATABASE_AUDIT_URL")
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.1
_HTTP_OK = 200
_DESCO = "desco"


class NotReadyError(Exception):
    """A process was started and did not answer in time."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a stage stands: its folder and two TCP ports of this machine."""

    home: Path
    switch_port: int
    desco_port: int
    desco_accounts: int = 20_000
    time_divisor: int = TIME_DIVISOR

    @property
    def switch_address(self) -> str:
        """The switch's base URL."""
        return f"http://127.0.0.1:{self.switch_port}"

    @property
    def desco_address(self) -> str:
        """The simulator's base URL."""
        return f"http://127.0.0.1:{self.desco_port}"

    @property
    def sandbox_home(self) -> Path:
        """What the far side keeps: DESCO's book, and who our partners are."""
        return self.home / "sandbox"

    @property
    def logs(self) -> Path:
        """Where each process writes what it has to say."""
        return self.home / "logs"


class Stage:
    """A running installation: the tool that looks into it, and the processes that it is made of."""

    def __init__(self, setting: Setting) -> None:
        """Nothing is started yet."""
        self.setting = setting
        self.keeps_data = True
        self.desco_password = os.environ.get("EKPAY_DESCO_PASSWORD") or secrets.token_urlsafe(16)
        environment = {name: value for name, value in os.environ.items() if name not in _REAL_DATABASE}
        environment |= {
            "EKPAY_HOME": str(setting.home),
            "EKPAY_TIME_DIVISOR": str(setting.time_divisor),
            "EKPAY_DESCO_URL": f"{setting.desco_address}/desco/api",
            "EKPAY_DESCO_USER": "ekpay",
            "EKPAY_DESCO_PASSWORD": self.desco_password,
        }
        self.tool = Tool(environment)
        self.children = Children(setting.logs, environment)

    async def open_far_side(self) -> None:
        """Start the simulated DESCO and wait until it answers."""
        setting = self.setting
        arguments = ["--port", str(setting.desco_port), "--home", str(setting.sandbox_home)]
        arguments += ["--accounts", str(setting.desco_accounts), "--slow-seconds", str(SLOW_SECONDS)]
        await self.children.start(_DESCO, [sys.executable, "-m", "sandbox", "serve", *arguments])
        await answers(f"{setting.desco_address}/_admin/health")

    async def kill_far_side(self) -> None:
        """Kill the simulated DESCO; until it is opened again, connections to it are refused."""
        await self.children.stop(_DESCO, signal.SIGKILL)

    async def open_switch(self) -> None:
        """Start the switch's web process and its worker, and wait until payments can be taken."""
        port = str(self.setting.switch_port)
        serve = self.tool.command("serve", "--host", "127.0.0.1", "--port", port)
        await self.children.start("switch", serve)
        await self.children.start("worker", self.tool.command("worker"))
        await answers(f"{self.setting.switch_address}/health/ready")

    async def open_database(self) -> None:
        """Start the embedded PostgreSQL and bring it to the newest schema."""
        await self.tool.run("migrate")

    async def close_database(self) -> None:
        """Stop the embedded PostgreSQL; unless `keeps_data`, all it holds is deleted."""
        await self.tool.run("db", "stop", *([] if self.keeps_data else ["--destroy"]))


@asynccontextmanager
async def staged(setting: Setting) -> AsyncIterator[Stage]:
    """A stage whose processes and database are stopped at the end, whatever happened on it."""
    setting.home.mkdir(parents=True, exist_ok=True)
    stage = Stage(setting)
    try:
        async with stage.children:
            yield stage
    finally:
        await stage.close_database()


async def answers(url: str) -> None:
    """Wait until this address answers with HTTP 200.

    Raises:
        NotReadyError: it did not within a minute.
    """
    give_up_at = time.monotonic() + _READY_SECONDS
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < give_up_at:
            try:
                async with session.get(url) as answer:
                    if answer.status == _HTTP_OK:
                        return
            except aiohttp.ClientError:
                pass  # nobody listens there yet
            await asyncio.sleep(_POLL_SECONDS)
    raise NotReadyError(f"{url} does not answer")
