"""A whole installation before three far sides, each behind the fault proxy: the stage of the demo, hurried.

Nothing is killed here. What is spoiled is the network, one exchange at a time or all of it.
"""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.settings import Settings
from sandbox.kit.tcp_ports import free_port
from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient, SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.installation.installation import Stage, StageSettings, running_stage
from sandbox.rehearsals.installation.parties import BUCKETS, Parties, create_parties, top_up
from tests.faults.installation import PATIENCE_SECONDS, POLL_SECONDS, ROOT

DESKS: Mapping[str, type[BillerAdminClient]] = {
    "desco": DescoAdminClient,
    "breb": BrebAdminClient,
    "nesco": NescoAdminClient,
}
TOP_UP_TAKA = 5_000_000
ACCOUNTS = 5_000


class Proxy:
    """Gives orders to the fault proxy; use it as an asynchronous context manager."""

    def __init__(self, control: str) -> None:
        self._control = control
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def arm(self, far_side: str, fault: str, **order: object) -> None:
        await self._call("POST", "faults", {"far_side": far_side, "fault": fault, **order})

    async def lift(self, far_side: str) -> None:
        await self._call("DELETE", f"faults?far_side={far_side}")

    async def release(self, far_side: str) -> int:
        released: int = (await self._call("POST", f"release?far_side={far_side}"))["released"]
        return released

    async def counted(self) -> Mapping[str, Any]:
        """What has passed and what was struck, by far side."""
        counted: Mapping[str, Any] = (await self._call("GET", "stats"))["far_sides"]
        return counted

    async def has_struck(self, far_side: str, fault: str) -> None:
        """Wait until a fault has struck at this far side, now or before.

        Raises:
            TimeoutError: it has not.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if (await self.counted())[far_side]["struck"].get(fault):
                    return
                await asyncio.sleep(POLL_SECONDS)

    async def _call(self, method: str, path: str, order: object = None) -> Any:  # noqa: ANN401 - JSON
        async with self._session.request(method, f"{self._control}/{path}", json=order) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


@dataclass
class Site:
    """What stands: the processes, whom they serve, and every book that can be opened."""

    stage: Stage
    database: Database
    cast: Parties
    proxy: Proxy
    desks: Mapping[str, BillerAdminClient]
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def rows(self, query: str, *arguments: object) -> Sequence[Any]:
        """Read our books as an auditor may."""
        async with self._reading:
            connection = await self.database.connect("audit")
            try:
                rows: Sequence[Any] = await connection.fetch(query, *arguments)
            finally:
                await connection.close()
        return rows

    async def book(self, far_side: str) -> Mapping[str, Any]:
        """All that a far side believes."""
        return await self.desks[far_side].admin("GET", "dump")

    def alarms(self) -> list[tuple[str, str]]:
        """Every alarm that web process or worker has raised: payment and reason."""
        lines = [line for name in ("switch", "worker") for line in self._log(name)]
        return [(line["payment_id"], line["notice"]) for line in lines if line.get("event") == "alarm"]

    def _log(self, name: str) -> list[Mapping[str, Any]]:
        text = (self.stage.setting.logs / f"{name}.log").read_text(errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]


@asynccontextmanager
async def open_site(
    folder: Path, divisor: int, hurry: Mapping[str, str], partners: int
) -> AsyncIterator[Site]:
    """Start everything, with full prefunds; the database is deleted at the end, the logs are left."""
    with _environment(folder, hurry) as settings:
        billers, proxied = ({name: free_port() for name in DESKS} for _ in range(2))
        setting = StageSettings(
            home_folder=settings.home,
            switch_port=free_port(),
            billers=billers,
            proxied=proxied,
            control_port=free_port(),
            mailbox_port=free_port(),
            accounts=ACCOUNTS,
            time_divisor=divisor,
        )
        async with running_stage(setting) as stage, AsyncExitStack() as closing:
            stage.keeps_data = False
            await stage.open_database()
            await stage.open_far_side()
            await stage.open_proxy()
            await stage.open_switch()
            cast = await _cast(stage, partners)
            proxy = await closing.enter_async_context(Proxy(setting.control_address))
            desks = {
                name: await closing.enter_async_context(
                    kind(SimulatorAddress(setting.biller_address(name), stage.passwords[name]))
                )
                for name, kind in DESKS.items()
            }
            yield Site(stage, open_database(settings), cast, proxy, desks)


async def _cast(stage: Stage, partners: int) -> Parties:
    cast = await create_parties(stage.tool, stage.setting.switch_address, partners)
    for player in cast.partners:
        for bucket in BUCKETS:
            await top_up(stage.tool, cast, player, bucket, TOP_UP_TAKA)
    return cast


@contextmanager
def _environment(folder: Path, hurry: Mapping[str, str]) -> Iterator[Settings]:
    """The environment that a stage hands on to its processes, put back at the end."""
    config = hurried(folder / "config", hurry)
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(f"EKPAY_{name.upper()}", raising=False)
        patch.setenv("EKPAY_CONFIG", str(config))
        yield Settings(home=folder / "home", config=config)


def hurried(folder: Path, hurry: Mapping[str, str]) -> Path:
    """A copy of the configuration whose manifests wait for other times; what else they say stays."""
    shutil.copytree(ROOT / "config", folder)
    for manifest in (folder / "billers").glob("*.toml"):
        text = manifest.read_text()
        for name, value in hurry.items():
            text, times = re.subn(rf"(?m)^{name} = [^#\n]*", f"{name} = {value} ", text)
            assert times == 1, f"{manifest.name} has {times} lines of {name}"
        manifest.write_text(text)
    return folder
