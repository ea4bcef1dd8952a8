"""A whole installation that collects by bKash, with a witness on the line and a shop in front.

No network trouble here: the simulated bKash has troubles of its own, and so has whoever writes to us.
"""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ekpay_switch.persistence.engine import open_database
from ekpay_switch.persistence.refunds.staff_actions import RefundStaffActions
from ekpay_switch.persistence.short_transactions import ShortTransactions
from sandbox.callers.client import return_page
from sandbox.callers.client.client import ApiClient
from sandbox.callers.client.return_page import ReturnPage
from sandbox.kit.tcp_ports import free_port
from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient, SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.bkash import BkashAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.installation.installation import WALLET, StageSettings, WalletPorts, running_stage
from sandbox.rehearsals.installation.rest_shop import create_shop
from tests.faults.finance import finance_office
from tests.faults.installation import ROOT
from tests.faults.matrix_installation import OpenSite, environment, retimed
from tests.faults.wallets.counting_proxy import Witness, standing_before

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
DESKS: Mapping[str, type[BillerAdminClient]] = {"desco": DescoAdminClient, "nesco": NescoAdminClient}
ACCOUNTS = 1_000


@dataclass(frozen=True, slots=True)
class WalletSite(OpenSite):
    """What stands: the processes, the shop that collects, and every book that can be opened."""

    client: ApiClient
    page: ReturnPage
    wallet: BkashAdminClient
    desks: Mapping[str, BillerAdminClient]
    witness: Witness
    finance: RefundStaffActions


@asynccontextmanager
async def open_site(folder: Path) -> AsyncIterator[WalletSite]:
    """Start everything; the database is deleted at the end, the logs are left."""
    with environment(folder / "home", _hurried(folder / "config")) as settings:
        setting = _setting(settings.home)
        async with running_stage(setting) as stage, AsyncExitStack() as closing:
            stage.keeps_data = False
            await stage.open_database()
            await stage.open_far_side()
            await stage.open_wallet()
            ports = setting.wallet
            witness = await closing.enter_async_context(standing_before(ports.address, ports.proxied_port))
            await stage.open_switch()
            shop = await create_shop(stage.tool, ports.return_place)
            wallet = BkashAdminClient(SimulatorAddress(ports.address, stage.passwords[WALLET]))
            await closing.enter_async_context(wallet)
            await wallet.subscribe(stage.callback_address)
            database = open_database(settings)
            transactions = ShortTransactions(database.connect_hot)
            closing.push_async_callback(transactions.close)
            yield WalletSite(
                stage=stage,
                database=database,
                client=await closing.enter_async_context(ApiClient(setting.switch_address, shop.key)),
                page=await closing.enter_async_context(return_page.open_return_page(shop.port)),
                wallet=wallet,
                desks={
                    name: await closing.enter_async_context(
                        kind(SimulatorAddress(setting.biller_address(name), stage.passwords[name]))
                    )
                    for name, kind in DESKS.items()
                },
                witness=witness,
                finance=await finance_office(transactions),
            )


def _setting(home: Path) -> StageSettings:
    billers = {name: free_port() for name in DESKS}
    return StageSettings(
        home_folder=home,
        switch_port=free_port(),
        billers=billers,
        proxied=billers,
        control_port=free_port(),
        mailbox_port=free_port(),
        accounts=ACCOUNTS,
        time_divisor=DIVISOR,
        wallet_ports=WalletPorts(free_port(), free_port(), free_port()),
    )


def _hurried(folder: Path) -> Path:
    """A copy of the configuration whose manifests wait for other times; what else they say stays."""
    shutil.copytree(ROOT / "config", folder)
    for name, hurry in HURRY.items():
        manifest = folder / f"{name}.toml"
        manifest.write_text(retimed(manifest.name, manifest.read_text(), hurry, needs_all=True))
    return folder
