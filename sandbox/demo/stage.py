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
from collections.abc import AsyncIterator, Iterator, Mapping
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
_BILLERS, _PROXY = "billers", "proxy"


class NotReadyError(Exception):
    """A process was started and did not answer in time."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a stage stands: its folder, and TCP ports of this machine.

    `billers` are the ports at which the simulated billers listen, by name; `proxied` those before them, which
    the switch knows; `control_port` is where the proxy takes orders, `mailbox_port` where a partner is told.
    """

    home: Path
    switch_port: int
    billers: Mapping[str, int]
    proxied: Mapping[str, int]
    control_port: int
    mailbox_port: int
    accounts: int = 20_000
    time_divisor: int = TIME_DIVISOR

    @property
    def switch_address(self) -> str:
        """The switch's base URL."""
        return f"http://127.0.0.1:{self.switch_port}"

    @property
    def control_address(self) -> str:
        """Where the proxy takes orders."""
        return f"http://127.0.0.1:{self.control_port}"

    def biller_address(self, name: str) -> str:
        """A simulator's base URL, past the proxy."""
        return f"http://127.0.0.1:{self.billers[name]}"

    @property
    def sandbox_home(self) -> Path:
        """What the far side keeps: the billers' books, and who our partners are."""
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
        self.passwords = {name: _password(name) for name in setting.billers}
        environment = {name: value for name, value in os.environ.items() if name not in _REAL_DATABASE}
        environment |= {
            "EKPAY_HOME": str(setting.home),
            "EKPAY_TIME_DIVISOR": str(setting.time_divisor),
            "EKPAY_WEBHOOK_TRUSTED_HOSTS": f"127.0.0.1:{setting.mailbox_port}",
        }
        for name, port in setting.proxied.items():
            environment |= {
                f"EKPAY_{name.upper()}_URL": f"http://127.0.0.1:{port}/{name}/api",
                f"EKPAY_{name.upper()}_USER": "ekpay",
                f"EKPAY_{name.upper()}_PASSWORD": self.passwords[name],
            }
        self.tool = Tool(environment)
        self.children = Children(setting.logs, environment)

    async def open_far_side(self) -> None:
        """Start the simulated billers and wait until they answer."""
        setting = self.setting
        arguments = ["--home", str(setting.sandbox_home), "--slow-seconds", str(SLOW_SECONDS)]
        arguments += ["--accounts", str(setting.accounts)]
        for option, port in _port_options(setting.billers):
            arguments += [option, str(port)]
        await self.children.start(_BILLERS, [sys.executable, "-m", "sandbox", "serve", *arguments])
        for name in setting.billers:
            await answers(f"{setting.biller_address(name)}/_admin/health")

    async def open_proxy(self) -> None:
        """Start the proxy before the billers and wait until it answers."""
        setting = self.setting
        arguments = ["--control", f"127.0.0.1:{setting.control_port}"]
        for name, port in setting.proxied.items():
            arguments += ["--before", f"{name}:{port}:{setting.billers[name]}"]
        await self.children.start(_PROXY, [sys.executable, "-m", "sandbox.proxy", *arguments])
        await answers(f"{setting.control_address}/health")

    async def kill_far_side(self) -> None:
        """Kill the simulated billers; until they are opened again, connections to them come to nothing."""
        await self.children.stop(_BILLERS, signal.SIGKILL)

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


def _password(biller: str) -> str:
    return os.environ.get(f"EKPAY_{biller.upper()}_PASSWORD") or secrets.token_urlsafe(16)


def _port_options(ports: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """The options of `sandbox serve`; DESCO, the first there was, has the one without a name."""
    for name, port in ports.items():
        yield ("--port" if name == "desco" else f"--{name}-port"), port


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
