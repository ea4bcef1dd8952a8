"""Who takes part in a demo: the billers, the partners, a shop with its payers, and the citizens."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sandbox.callers.partner.client import PartnerClient
from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient, SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.biller_family import family_admin_clients
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.demo.admin_clients.sms import SmsAdminClient
from sandbox.rehearsals.demo.citizens.load import CitizenLoad
from sandbox.rehearsals.demo.collecting.load import PayerLoad
from sandbox.rehearsals.demo.collecting.participants import PayerSide, open_payer_side
from sandbox.rehearsals.demo.opening import Opening
from sandbox.rehearsals.demo.paying import notification_endpoint as mailbox
from sandbox.rehearsals.demo.paying.load import DemoBillers, PartnerLoad
from sandbox.rehearsals.demo.paying.network_faults import NetworkFaults
from sandbox.rehearsals.demo.paying.notification_endpoint import NotificationEndpoint
from sandbox.rehearsals.demo.paying.partner import PartnerSide
from sandbox.rehearsals.demo.paying.script import PartnerOrder
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import Parties

# Paid or refunded; a partner is not notified of an order that was refused before any money moved.
_NOTIFIED_CODES = frozenset({"0000", "1007", "1008"})
_ADMIN_CLIENTS: tuple[type[BillerAdminClient], ...] = (DescoAdminClient, BrebAdminClient, NescoAdminClient)


@dataclass(frozen=True, slots=True)
class Participants:
    """Partners, the endpoint of one of them, a shop with its payers, all loads, and the SMS gateway."""

    partner_sides: list[PartnerSide]
    endpoint: NotificationEndpoint
    payer_side: PayerSide
    load: PartnerLoad
    payer_load: PayerLoad
    citizen_load: CitizenLoad
    sms: SmsAdminClient

    def notified_references(self) -> set[str]:
        """References with a final answer, of which the switch must notify the partner too."""
        return {
            reference.text
            for side in self.partner_sides
            if side.player.id == self.endpoint.player.id
            for reference in side.references.values()
            if reference.code in _NOTIFIED_CODES
        }


@asynccontextmanager
async def open_participants(
    stage: Stage, billers: DemoBillers, opening: Opening
) -> AsyncIterator[Participants]:
    """Everybody but the billers, with open connections."""
    async with (
        _open_partner_sides(opening) as sides,
        _open_endpoint(stage, opening.parties) as endpoint,
        open_payer_side(stage) as payer_side,
        SmsAdminClient(SimulatorAddress(stage.setting.sms_address, "")) as sms,
    ):
        load = PartnerLoad(stage, billers, sides, opening.dead_token)
        payer_load = PayerLoad(billers, payer_side, load.availability)
        switch = stage.setting.switch_address
        citizen_load = CitizenLoad(switch, billers, opening.providers, sms, load.availability)
        yield Participants(sides, endpoint, payer_side, load, payer_load, citizen_load, sms)


@asynccontextmanager
async def open_billers(stage: Stage) -> AsyncIterator[DemoBillers]:
    """The admin clients of every biller, and the network before them."""
    async with AsyncExitStack() as closing:
        admin_clients: dict[str, BillerAdminClient] = {}
        for kind in _ADMIN_CLIENTS:
            name = kind.name.lower()
            address = SimulatorAddress(stage.setting.biller_address(name), stage.passwords[name])
            admin_clients[kind.biller] = await closing.enter_async_context(kind(address))
        families = [
            SimulatorAddress(stage.setting.biller_address(name), "") for name in stage.setting.counters
        ]
        admin_clients |= await closing.enter_async_context(family_admin_clients(families, stage.tool))
        network = await closing.enter_async_context(NetworkFaults(stage.setting.control_address))
        yield DemoBillers(admin_clients, network)


@asynccontextmanager
async def _open_endpoint(stage: Stage, parties: Parties) -> AsyncIterator[NotificationEndpoint]:
    """Open a notification endpoint for the last partner and register it with the switch."""
    port = stage.setting.mailbox_port
    async with mailbox.open_endpoint(parties.partners[-1], port) as endpoint:
        await endpoint.register(stage.tool, f"http://127.0.0.1:{port}/")
        yield endpoint


@asynccontextmanager
async def _open_partner_sides(opening: Opening) -> AsyncIterator[list[PartnerSide]]:
    parties = opening.parties
    billers = {scene.bill.biller for scene in opening.scenes if isinstance(scene, PartnerOrder)}
    async with AsyncExitStack() as closing:
        clients = [PartnerClient(parties.address, player.credentials()) for player in parties.partners]
        for client in clients:
            await closing.enter_async_context(client)
        sides = [PartnerSide(*pair) for pair in zip(parties.partners, clients, strict=True)]
        for side in sides:
            await side.require_listed(billers)
        yield sides
