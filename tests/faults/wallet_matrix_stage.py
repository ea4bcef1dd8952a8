"""A whole installation that collects by bKash, with a witness on the line and a shop in front.

No network trouble here: the simulated bKash has troubles of its own, and so has whoever writes to us.
"""

import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ekpay_switch.persistence import audit
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.settings import Settings
from sandbox.client import return_page
from sandbox.client.client import ApiClient
from sandbox.client.return_page import ReturnPage
from sandbox.demo.bkash_desk import BkashDesk
from sandbox.demo.children import free_port
from sandbox.demo.desco_desk import DescoDesk
from sandbox.demo.desks import Address, Desk
from sandbox.demo.nesco_desk import NescoDesk
from sandbox.demo.shop import engage_shop
from sandbox.demo.stage import WALLET, Setting, Stage, WalletPorts, staged
from tests.faults.installation import ROOT
from tests.faults.wallet_matrix_wire import Witness, standing_before

# Ten times faster than life: 1 s to send, 3.2 s to answer. A page is looked at after 6 and 9 s; a doubt is
# asked about after 1, 2 and 3 s and then every second. DESCO's bills are promised for 12 s.
DIVISOR = 10
HURRY: Mapping[str, Mapping[str, str]] = {
    "connectors/bkash": {
        "page_ask_after_seconds": "[60, 90]",
        "ask_after_seconds": "[10, 20, 30]",
        "ask_every_seconds": "10",
        "settle_margin_seconds": "5",
        "inquiries_per_second": "50",
    },
    "billers/desco_postpaid": {"quote_life_seconds": "120"},
}
DESKS: Mapping[str, type[Desk]] = {"desco": DescoDesk, "nesco": NescoDesk}
ACCOUNTS = 1_000
# Everything that says when something about a payment was; the ledger and its chain are as they were.
AGE = """
UPDATE payments SET created_at = created_at - $2::interval, updated_at = updated_at - $2::interval,
  quote_expires_at = quote_expires_at - $2::interval WHERE id = $1;
UPDATE collections SET pay_until = pay_until - $2::interval WHERE payment_id = $1;
UPDATE attempts SET opened_at = opened_at - $2::interval, closed_at = closed_at - $2::interval,
  send_until = send_until - $2::interval WHERE payment_id = $1;
UPDATE tries SET page_until = page_until - $2::interval, asked_at = asked_at - $2::interval,
  collected_at = collected_at - $2::interval WHERE payment_id = $1;
UPDATE callbacks SET at = at - $2::interval WHERE provider_reference IN
  (SELECT provider_reference FROM tries WHERE payment_id = $1)
"""


@dataclass(frozen=True, slots=True)
class WalletSite:
    """What stands: the processes, the shop that collects, and every book that can be opened."""

    stage: Stage
    database: Database
    client: ApiClient
    page: ReturnPage
    wallet: BkashDesk
    desks: Mapping[str, Desk]
    witness: Witness

    async def rows(self, query: str, *arguments: object) -> Sequence[Any]:
        """Read our books as an auditor may."""
        connection = await self.database.connect("audit")
        try:
            rows: Sequence[Any] = await connection.fetch(query, *arguments)
        finally:
            await connection.close()
        return rows

    async def age(self, payment_id: UUID, age: object) -> None:
        """Let everything about a payment have been so much earlier, as only the database's owner can."""
        connection = await self.database.connect("owner")
        try:
            async with connection.transaction():
                for statement in AGE.split(";\n"):
                    await connection.execute(statement, payment_id, age)
        finally:
            await connection.close()

    async def audited(self) -> str:
        """The first broken row of our books, or nothing."""
        finding = await audit.run(self.database)
        return "" if finding is None else str(finding)

    def alarms(self, payment_id: UUID) -> list[str]:
        """Every alarm that web process or worker has raised about a payment."""
        lines = [line for name in ("switch", "worker") for line in self._log(name)]
        return sorted(
            {
                line["notice"]
                for line in lines
                if (line.get("event"), line.get("payment_id")) == ("alarm", str(payment_id))
            }
        )

    def _log(self, name: str) -> list[Mapping[str, Any]]:
        text = (self.stage.setting.logs / f"{name}.log").read_text(errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]


@asynccontextmanager
async def open_site(folder: Path) -> AsyncIterator[WalletSite]:
    """Start everything; the database is deleted at the end, the logs are left."""
    with _environment(folder) as settings:
        setting = _setting(settings.home)
        async with staged(setting) as stage, AsyncExitStack() as closing:
            stage.keeps_data = False
            await stage.open_database()
            await stage.open_far_side()
            await stage.open_wallet()
            ports = setting.wallet
            witness = await closing.enter_async_context(standing_before(ports.address, ports.proxied_port))
            await stage.open_switch()
            shop = await engage_shop(stage.tool, ports.return_place)
            wallet = BkashDesk(Address(ports.address, stage.passwords[WALLET]))
            await closing.enter_async_context(wallet)
            await wallet.subscribe(stage.callback_address)
            yield WalletSite(
                stage=stage,
                database=open_database(settings),
                client=await closing.enter_async_context(ApiClient(setting.switch_address, shop.key)),
                page=await closing.enter_async_context(return_page.opened(shop.port)),
                wallet=wallet,
                desks={
                    name: await closing.enter_async_context(
                        kind(Address(setting.biller_address(name), stage.passwords[name]))
                    )
                    for name, kind in DESKS.items()
                },
                witness=witness,
            )


def _setting(home: Path) -> Setting:
    billers = {name: free_port() for name in DESKS}
    return Setting(
        home=home,
        switch_port=free_port(),
        billers=billers,
        proxied=billers,
        control_port=free_port(),
        mailbox_port=free_port(),
        accounts=ACCOUNTS,
        time_divisor=DIVISOR,
        wallet_ports=WalletPorts(free_port(), free_port(), free_port()),
    )


@contextmanager
def _environment(folder: Path) -> Iterator[Settings]:
    """The environment that a stage hands on to its processes, put back at the end."""
    config = _hurried(folder / "config")
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(f"EKPAY_{name.upper()}", raising=False)
        patch.setenv("EKPAY_CONFIG", str(config))
        yield Settings(home=folder / "home", config=config)


def _hurried(folder: Path) -> Path:
    """A copy of the configuration whose manifests wait for other times; what else they say stays."""
    shutil.copytree(ROOT / "config", folder)
    for name, hurry in HURRY.items():
        manifest = folder / f"{name}.toml"
        text = manifest.read_text()
        for key, value in hurry.items():
            text, times = re.subn(rf"(?m)^{key} = [^#\n]*", f"{key} = {value} ", text)
            assert times == 1, f"{manifest.name} has {times} lines of {key}"
        manifest.write_text(text)
    return folder
