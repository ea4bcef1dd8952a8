"""A whole installation before all fifty billers, with a partner that pays and a shop that collects."""

import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ekpay_switch.persistence.audit import run as audit
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.settings import Settings
from sandbox.callers.client import return_page
from sandbox.callers.client.client import ApiClient
from sandbox.callers.client.return_page import ReturnPage
from sandbox.callers.partner.client import PartnerClient
from sandbox.kit.tcp_ports import free_port
from sandbox.registry import BILLER_FAMILIES
from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient, SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.bill_files import FAMILY, BillFileOffices
from sandbox.rehearsals.demo.admin_clients.biller_family import family_admin_clients
from sandbox.rehearsals.demo.admin_clients.bkash import BkashAdminClient
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.demo.paying.partner import PartnerSide
from sandbox.rehearsals.installation.installation import (
    WALLET,
    Stage,
    StageSettings,
    WalletPorts,
    running_stage,
)
from sandbox.rehearsals.installation.parties import BUCKETS, create_parties, top_up
from sandbox.rehearsals.installation.rest_shop import create_shop
from tests.faults.billers.stage import hurried

OLD_DESKS: Mapping[str, type[BillerAdminClient]] = {
    "desco": DescoAdminClient,
    "breb": BrebAdminClient,
    "nesco": NescoAdminClient,
}
TOP_UP_TAKA = 50_000_000
# Ten times faster than life; see `matrix_cells.HURRY`.
DIVISOR = 10
HURRY = {
    "ask_after_seconds": "[10, 20, 30]",
    "ask_every_seconds": "10",
    "not_found_settle_seconds": "40",
    "settle_margin_seconds": "5",
    "inquiries_per_second": "50",
}


@dataclass(frozen=True, slots=True)
class Street:
    """What stands: the processes, a partner, a shop, and a desk at each biller by its ekPay id."""

    stage: Stage
    database: Database
    side: PartnerSide
    shop: ApiClient
    page: ReturnPage
    desks: Mapping[str, BillerAdminClient]
    billers: Sequence[Mapping[str, Any]] = field(repr=False)

    async def rows(self, query: str, *arguments: object) -> Sequence[Any]:
        """Read our books as an auditor may."""
        connection = await self.database.connect("audit")
        try:
            rows: Sequence[Any] = await connection.fetch(query, *arguments)
        finally:
            await connection.close()
        return rows

    async def audited(self) -> str:
        """The first broken row of our books, or nothing."""
        finding = await audit.run(self.database)
        return "" if finding is None else str(finding)


@asynccontextmanager
async def open_street(folder: Path) -> AsyncIterator[Street]:
    """Start everything, with full prefunds; the database is deleted at the end, the logs are left."""
    with _environment(folder) as settings:
        setting = _setting(settings.home)
        async with running_stage(setting) as stage, AsyncExitStack() as closing:
            stage.keeps_data = False
            await _start(stage)
            cast = await create_parties(stage.tool, setting.switch_address, 1)
            (player,) = cast.partners
            for bucket in BUCKETS:
                await top_up(stage.tool, cast, player, bucket, TOP_UP_TAKA)
            shop = await create_shop(stage.tool, setting.wallet.return_place)
            wallet = BkashAdminClient(SimulatorAddress(setting.wallet.address, stage.passwords[WALLET]))
            await closing.enter_async_context(wallet)
            await wallet.subscribe(stage.callback_address)
            await offices_of(stage).load_bills()
            partner = await closing.enter_async_context(PartnerClient(cast.address, player.credentials()))
            yield Street(
                stage=stage,
                database=open_database(settings),
                side=PartnerSide(player, partner),
                shop=await closing.enter_async_context(ApiClient(setting.switch_address, shop.key)),
                page=await closing.enter_async_context(return_page.open_return_page(shop.port)),
                desks=await _desks(stage, closing),
                billers=await stage.tool.read("billers", "list", "--json"),
            )


def offices_of(stage: Stage) -> BillFileOffices:
    """The offices whose bills arrive as files."""
    address = SimulatorAddress(stage.setting.biller_address(FAMILY), stage.counter_password)
    return BillFileOffices(stage.tool, address, stage.setting.home_folder / "files")


async def _start(stage: Stage) -> None:
    await stage.open_database()
    await stage.open_far_side()
    await stage.open_counters()
    await stage.open_wallet()
    await stage.open_proxy()
    await stage.open_switch()


async def _desks(stage: Stage, closing: AsyncExitStack) -> Mapping[str, BillerAdminClient]:
    setting = stage.setting
    desks: dict[str, BillerAdminClient] = {}
    for name, kind in OLD_DESKS.items():
        address = SimulatorAddress(setting.biller_address(name), stage.passwords[name])
        desks[kind.biller] = await closing.enter_async_context(kind(address))
    families = [SimulatorAddress(setting.biller_address(name), "") for name in setting.counters]
    return {**desks, **await closing.enter_async_context(family_admin_clients(families, stage.tool))}


def _setting(home: Path) -> StageSettings:
    names = (*OLD_DESKS, *map(str, BILLER_FAMILIES))
    return StageSettings(
        home_folder=home,
        switch_port=free_port(),
        billers={name: free_port() for name in OLD_DESKS},
        counters={str(name): free_port() for name in BILLER_FAMILIES},
        proxied={name: free_port() for name in names},
        control_port=free_port(),
        mailbox_port=free_port(),
        accounts=2_000,
        time_divisor=DIVISOR,
        wallet_ports=WalletPorts(free_port(), free_port(), free_port()),
    )


@contextmanager
def _environment(folder: Path) -> Iterator[Settings]:
    """The environment that a stage hands on to its processes, put back at the end."""
    shutil.rmtree(folder / "config", ignore_errors=True)
    config = hurried(folder / "config", HURRY)
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(f"EKPAY_{name.upper()}", raising=False)
        patch.setenv("EKPAY_CONFIG", str(config))
        yield Settings(home=folder / "home", config=config)
