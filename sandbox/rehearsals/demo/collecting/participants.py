"""The payers' side: a shop with its client and return page, and the admin clients of all providers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sandbox.callers.client import return_page
from sandbox.callers.client.client import ApiClient
from sandbox.callers.client.return_page import ReturnPage
from sandbox.registry import PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.demo.admin_clients.admin_client import SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.bkash import BkashAdminClient
from sandbox.rehearsals.demo.admin_clients.provider_family import ProviderAdminClient
from sandbox.rehearsals.installation.installation import WALLET, Stage
from sandbox.rehearsals.installation.rest_shop import create_shop


@dataclass(frozen=True, slots=True)
class PayerSide:
    """A shop that is ready to collect; `gateways` are the admin clients by connector id."""

    shop_id: str
    client: ApiClient
    page: ReturnPage
    bkash: BkashAdminClient
    gateways: Mapping[str, ProviderAdminClient]


@asynccontextmanager
async def open_payer_side(stage: Stage) -> AsyncIterator[PayerSide]:
    """Open a new shop that is ready to collect, and subscribe the switch to bKash's notifications."""
    wallet = stage.setting.wallet
    shop = await create_shop(stage.tool, wallet.return_place)
    async with AsyncExitStack() as closing:
        page = await closing.enter_async_context(return_page.open_return_page(wallet.return_port))
        client = await closing.enter_async_context(ApiClient(stage.setting.switch_address, shop.key))
        bkash = await closing.enter_async_context(
            BkashAdminClient(SimulatorAddress(wallet.address, stage.passwords[WALLET]))
        )
        await bkash.subscribe(stage.callback_address)
        gateways: dict[str, ProviderAdminClient] = {}
        for name, port in stage.setting.gateways.items():
            admin_client = await closing.enter_async_context(
                ProviderAdminClient(SimulatorAddress(f"http://127.0.0.1:{port}", ""))
            )
            gateways |= dict.fromkeys(
                (institution.id for institution in PROVIDER_FAMILIES[InstitutionName(name)].institutions),
                admin_client,
            )
        yield PayerSide(shop.partner_id, client, page, bkash, gateways)
