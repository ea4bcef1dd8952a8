"""How much a hanging connector slows down the others: `connector_hang_loss`.

Payments are created at a first wallet as fast as the switch takes them, and a few a second at a second
wallet. The second one answers in the odd turns and hangs in the even ones: the load is the same, only the
hanging differs. Every payment of the first wallet must get its page in both.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from rich.console import Console

from benchmarks.kit.far_side_relay import FarSideRelay, open_relay
from benchmarks.kit.load import Load, run_wrk
from benchmarks.kit.stage import (
    StageError,
    ekpay_command,
    environment,
    served_sandbox,
    served_switch,
    until_ready,
)
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.persistence.migrate import migrate
from ekpay_switch.persistence.parties.api_keys import ApiKeys
from ekpay_switch.persistence.parties.partners import NewPartner, Partners
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.settings import Settings
from sandbox.kit.provider.switch_environment import settings_for_switch
from sandbox.providers.token_init_status.family import TokenInitStatusFamily

HEALTHY, SICK = "upay", "tap"
CLIENTS = 24  # one client of REST v1 may make fifty payments a second
_SICK_PER_SECOND = 10
_RATE_MAX = 1_000
_LOAD = Load(1, 16)
_SCRIPT = Path(__file__).with_name("orders.lua")
_PASSWORD = "gateway-sandbox"  # noqa: S105 - the sandbox's own, it opens nothing else
_NESCO_PASSWORD = "nesco-sandbox"  # noqa: S105 - the same
_RETURN_HOST = "127.0.0.1:9"
_BILLER, _FIRST_CUSTOMER, _CUSTOMERS = "b9002", 10_000_000, 100_000
_AMOUNT = 50_000


@dataclass(frozen=True, slots=True)
class HangingLoss:
    """Payments a second at the healthy connector while the other one answers, and while it hangs."""

    answering: tuple[float, ...]
    hanging: tuple[float, ...]
    audit: str

    @property
    def loss(self) -> float:
        """The share of the healthy rate that was lost; negative if nothing was lost."""
        return 1 - median(self.hanging) / median(self.answering)

    def figures(self) -> dict[str, Any]:
        """The keys of results.json."""
        return {"connector_hang_loss": round(self.loss, 3), "connector_hang_rates": asdict(self)}

    def show(self, console: Console) -> None:
        """Print both rates and the loss."""
        medians = (median(rates) for rates in (self.answering, self.hanging))
        rates = " and ".join(f"{rate:.0f}/s" for rate in medians)
        text = f"payments made beside a connector that answers, and that hangs: {rates}"
        console.print(f"{text}, loss {self.loss:.1%} (aim under 5 %)", highlight=False)


@dataclass(frozen=True, slots=True)
class _Stage:
    home_folder: Path
    switch_url: str
    keys: tuple[str, ...]
    relay: FarSideRelay


class _Orders:
    """Orders, each for a new customer under a new idempotency key."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        self._numbers = count()

    def next_order(self, instrument: str) -> tuple[int, str, str]:
        """The number of the API key (from 1), the idempotency key and the body."""
        number = next(self._numbers)
        order = {
            "biller": _BILLER,
            "parameters": {"customer_no": str(_FIRST_CUSTOMER + number), "amount": str(_AMOUNT // 100)},
            "amount": _AMOUNT,
            "currency": "BDT",
            "instrument": instrument,
            "return_url": f"http://{_RETURN_HOST}/back",
        }
        return 1 + number % len(self._keys), f"bench-{number:024}", json.dumps(order)

    def key(self, number: int) -> str:
        return self._keys[number - 1]


async def measure(rounds: int = 3, seconds: int = 4) -> HangingLoss:
    """Take turns, `rounds` of each kind.

    Raises:
        StageError: something did not start, or a payment of the healthy connector was not made.
        LoadError: wrk failed.
    """
    async with _open_stage() as stage:
        orders = _Orders(stage.keys)
        rates: dict[bool, list[float]] = {False: [], True: []}
        await _turn(stage, orders, 2)
        for _ in range(rounds):
            for hangs in (False, True):
                stage.relay.hangs = hangs
                rates[hangs].append(await _turn(stage, orders, seconds))
        stage.relay.hangs = False
        return HangingLoss(tuple(rates[False]), tuple(rates[True]), await _audit(stage.home_folder))


async def _turn(stage: _Stage, orders: _Orders, seconds: int) -> float:
    """Payments a second at the healthy connector."""
    with tempfile.TemporaryDirectory(prefix="ekpay-wrk-") as name:
        folder = Path(name)
        (folder / "keys").write_text("".join(f"{key}\n" for key in stage.keys))
        lines = (" ".join(map(str, orders.next_order(HEALTHY))) for _ in range(_RATE_MAX * seconds))
        (folder / "orders").write_text("".join(f"{line}\n" for line in lines))
        sick_load = asyncio.create_task(_pay_at_sick_connector(stage, orders))
        try:
            result = await run_wrk(_SCRIPT, stage.switch_url, folder, seconds, _LOAD)
        finally:
            sick_load.cancel()
            await asyncio.gather(sick_load, return_exceptions=True)
    if result["not_2xx"] or result["broken"] or result["sent_by"][0] > _RATE_MAX * seconds:
        raise StageError(f"payments at the healthy connector were not made: {result}")
    return float(result["answered"]) / float(result["seconds"])


async def _pay_at_sick_connector(stage: _Stage, orders: _Orders) -> None:
    """Create payments at the second connector at a steady rate, without waiting for answers."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as running,
    ):
        while True:
            running.create_task(_make_payment(session, stage, orders))
            await asyncio.sleep(1 / _SICK_PER_SECOND)


async def _make_payment(session: aiohttp.ClientSession, stage: _Stage, orders: _Orders) -> None:
    key, idempotency, body = orders.next_order(SICK)
    headers = {
        "Authorization": f"Bearer {orders.key(key)}",
        "Content-Type": "application/json",
        "Idempotency-Key": idempotency,
    }
    url = f"{stage.switch_url}/v1/payments"
    async with session.post(url, data=body, headers=headers) as answer:
        await answer.read()


@asynccontextmanager
async def _open_stage() -> AsyncIterator[_Stage]:
    home_folder = Path(tempfile.mkdtemp(prefix="ekpay-bench-"))
    settings = Settings(home=home_folder, database_url=None)
    arguments = ["--port", "nesco=0", "--port", "token_init_status=0", "--accounts", str(_CUSTOMERS)]
    try:
        database = open_database(settings)
        await migrate(database)
        keys = tuple([await _add_partner(number, settings, database) for number in range(1, CLIENTS + 1)])
        with served_sandbox(home_folder, arguments) as (addresses, _):
            origin = addresses["TOKEN_INIT_STATUS"]
            async with open_relay(urlsplit(origin).port or 0) as relay:
                environ = settings_for_switch(
                    [TokenInitStatusFamily], {TokenInitStatusFamily.family: origin}, _PASSWORD
                )
                environ[f"EKPAY_{SICK.upper()}_URL"] = f"http://127.0.0.1:{relay.port}/{SICK}"
                environ |= {"EKPAY_NESCO_URL": addresses["NESCO"], "EKPAY_NESCO_PASSWORD": _NESCO_PASSWORD}
                with served_switch(home_folder, **environ) as (url, process):
                    await until_ready(url, process, home_folder)
                    yield _Stage(home_folder, url, keys, relay)
    finally:
        EmbeddedPostgres(home_folder).destroy()
        shutil.rmtree(home_folder)


async def _add_partner(number: int, settings: Settings, database: Database) -> str:
    """The API key of one more partner."""
    name, engine = f"bench{number:02d}", database.engine()
    try:
        await Partners(engine, KeyRing.open(settings.home)).add(NewPartner(name, name, f"{name}-user"))
        return await ApiKeys(engine).add(name, [_RETURN_HOST])
    finally:
        await engine.dispose()


async def _audit(home_folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *ekpay_command("audit"), env=environment(home_folder), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return (output.decode().strip().splitlines() or ["no answer"])[-1]
