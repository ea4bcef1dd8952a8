"""A whole installation that collects by every connector, with one shop in front and one biller behind.

No network trouble here: the simulated providers have troubles of their own, and so has whoever writes to us.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.persistence.refunds.staff_actions import RefundStaffActions
from ekpay_switch.persistence.short_transactions import ShortTransactions
from sandbox.callers.client import return_page
from sandbox.callers.client.client import ApiClient
from sandbox.callers.client.return_page import ReturnPage
from sandbox.kit.tcp_ports import free_port
from sandbox.registry import PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminClient, SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.bkash import BkashAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.installation.installation import (
    WALLET,
    Stage,
    StageSettings,
    WalletPorts,
    running_stage,
)
from sandbox.rehearsals.installation.rest_shop import RestShop, create_shop
from tests.faults.finance import finance_office
from tests.faults.installation import ROOT
from tests.faults.matrix_installation import OpenSite, environment, retimed

# Ten times faster than life: 2 s to send, 4 s to answer. A doubt is asked about after 1, 2 and 3 s and then
# every second. A page that takes the money itself is ours for 20 s and a quote lives for 60 s; the providers'
# own pages live as long as ever, so that a page which we have given up can still be paid.
DIVISOR = 10
# Of these each manifest has those that its family needs.
CONNECTORS_IN_A_HURRY: Mapping[str, str] = {
    "answer_seconds": "40",
    "send_seconds": "20",
    "ask_after_seconds": "[10, 20, 30]",
    "ask_every_seconds": "10",
    "settle_margin_seconds": "5",
    "inquiries_per_second": "50",
    "page_ask_after_seconds": "[60, 120]",
}
PAGE_LIFE_IN_A_HURRY = "200"
BILLER = "nesco_prepaid"
BILLER_IN_A_HURRY: Mapping[str, str] = {"quote_life_seconds": "600"}
ACCOUNTS = 1_000
LOOK_SECONDS = 0.25

STANDINGS = """
SELECT p.id, p.state, p.quote_expires_at <= now() AS is_over,
  (SELECT count(*) FROM attempts AS a WHERE a.payment_id = p.id AND a.leg = 'funds' AND a.state <> 'closed')
    AS undecided,
  (SELECT coalesce(array_agg(r.state ORDER BY r.created_at, r.id), '{}') FROM refunds AS r
    WHERE r.payment_id = p.id) AS refunds
FROM payments AS p WHERE p.partner_id = $1
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a payment stands in our books: its state, its tries that nothing is known of yet, its refunds."""

    state: str
    is_over: bool
    undecided: int
    refunds: tuple[str, ...]


@dataclass(slots=True)
class Lookout:
    """One pair of eyes on the books for everybody who waits for something to happen."""

    standings: Mapping[UUID, Standing] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def look(self, database: Database, partner_id: str) -> None:
        """Look again and again, until cancelled."""
        connection = await database.connect("audit")
        try:
            while True:
                rows = await connection.fetch(STANDINGS, partner_id)
                self.standings = {
                    row["id"]: Standing(row["state"], row["is_over"], row["undecided"], tuple(row["refunds"]))
                    for row in rows
                }
                async with self._changed:
                    self._changed.notify_all()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await connection.close()

    async def next_look(self) -> None:
        """Wait until it has looked once more."""
        async with self._changed:
            await self._changed.wait()


@dataclass(frozen=True, slots=True)
class Site(OpenSite):
    """What stands: the processes, the shop that collects, and every book that can be opened.

    `families` are the desks of the families of providers by name; bKash has one of its own.
    """

    shop: RestShop
    client: ApiClient
    page: ReturnPage
    wallet: BkashAdminClient
    families: Mapping[str, AdminClient]
    biller: NescoAdminClient
    finance: RefundStaffActions
    lookout: Lookout

    @property
    def address(self) -> str:
        """The switch's base URL."""
        return self.stage.setting.switch_address


@asynccontextmanager
async def open_site(folder: Path) -> AsyncIterator[Site]:
    """Start everything; the database is deleted at the end, the logs are left."""
    with environment(folder / "home", hurried(folder / "config")) as settings:
        setting = _setting(settings.home)
        async with running_stage(setting) as stage, AsyncExitStack() as closing:
            stage.keeps_data = False
            await _start(stage)
            database = open_database(settings)
            shop = await create_shop(stage.tool, setting.wallet.return_place)
            wallet = BkashAdminClient(SimulatorAddress(setting.wallet.address, stage.passwords[WALLET]))
            await closing.enter_async_context(wallet)
            await wallet.subscribe(stage.callback_address)
            transactions = ShortTransactions(database.connect_hot)
            closing.push_async_callback(transactions.close)
            lookout = Lookout()
            client = ApiClient(setting.switch_address, shop.key, connections_max=64)
            biller = SimulatorAddress(setting.biller_address("nesco"), stage.passwords["nesco"])
            await closing.enter_async_context(_kept_going(lookout.look(database, shop.partner_id)))
            yield Site(
                stage=stage,
                database=database,
                shop=shop,
                client=await closing.enter_async_context(client),
                page=await closing.enter_async_context(return_page.open_return_page(shop.port)),
                wallet=wallet,
                families={
                    name: await closing.enter_async_context(AdminClient(SimulatorAddress(_local(port), "")))
                    for name, port in setting.gateways.items()
                },
                biller=await closing.enter_async_context(NescoAdminClient(biller)),
                finance=await finance_office(transactions),
                lookout=lookout,
            )


async def _start(stage: Stage) -> None:
    await stage.open_database()
    await stage.open_far_side()
    await stage.open_wallet()
    await stage.open_gateways()
    await stage.open_switch()


@asynccontextmanager
async def _kept_going(work: Any) -> AsyncIterator[None]:  # noqa: ANN401 - a coroutine of anything
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _setting(home: Path) -> StageSettings:
    # bKash and the biller are reached without a proxy: the port before each is its own.
    biller, wallet = free_port(), free_port()
    return StageSettings(
        home_folder=home,
        switch_port=free_port(),
        billers={"nesco": biller},
        proxied={"nesco": biller},
        control_port=free_port(),
        mailbox_port=free_port(),
        accounts=ACCOUNTS,
        time_divisor=DIVISOR,
        wallet_ports=WalletPorts(wallet, wallet, free_port()),
        gateways={str(name): free_port() for name in PROVIDER_FAMILIES},
        page_divisor=1,
        hosts={house.id: free_port() for house in PROVIDER_FAMILIES[InstitutionName.ISO8583].institutions},
    )


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def hurried(folder: Path) -> Path:
    """A copy of the configuration whose manifests wait for other times; what else they say stays."""
    shutil.copytree(ROOT / "config", folder)
    for manifest in (folder / "connectors").glob("*.toml"):
        text = retimed(manifest.name, manifest.read_text(), CONNECTORS_IN_A_HURRY)
        if re.search(r"(?m)^executes = false", text):
            # Where our word is missing, a page ends with the quote; elsewhere its own end frees the bill.
            text = retimed(manifest.name, text, {"page_life_seconds": PAGE_LIFE_IN_A_HURRY})
        manifest.write_text(text)
    biller = folder / "billers" / f"{BILLER}.toml"
    biller.write_text(retimed(biller.name, biller.read_text(), BILLER_IN_A_HURRY))
    return folder
