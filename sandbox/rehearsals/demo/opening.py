"""The opening of a demo's day: its parties, the scripts that follow from the seed, and the money."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sandbox.callers.partner.client import PartnerClient
from sandbox.registry import PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.citizens.script import CitizenOrder, CitizenPlan, write_citizen_script
from sandbox.rehearsals.demo.collecting.provider_scenarios import DemoProvider, providers_of
from sandbox.rehearsals.demo.collecting.scenarios import PayerOrder
from sandbox.rehearsals.demo.collecting.script import PayerPlan, write_payer_script
from sandbox.rehearsals.demo.paying.load import DemoBillers
from sandbox.rehearsals.demo.paying.own_capital import pay_in_capital
from sandbox.rehearsals.demo.paying.partner_prefunds import fill_prefunds
from sandbox.rehearsals.demo.paying.script import PartnerPlan, Scene, write_script
from sandbox.rehearsals.demo.paying.utility_prefunds import fill_deposits
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import Parties, StagePartner, create_parties, rotate_secret

_Payables = dict[str, list[Payable]]


class NoBillsLeftError(Exception):
    """The simulated billers have too few unpaid bills left; use a fresh EKPAY_HOME."""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A demo's day: the payments of partners, how many payers pay a shop, how many citizens come."""

    partners: PartnerPlan
    payers: int
    citizens: int


@dataclass(frozen=True, slots=True)
class Opening:
    """The state when the load begins; prefunds are by partner and bucket, in paisa.

    `unplayed_connectors` are the switch's connectors that the sandbox does not simulate.
    """

    parties: Parties
    scenes: Sequence[Scene]
    orders: Sequence[PayerOrder]
    citizens: Sequence[CitizenOrder]
    providers: Sequence[DemoProvider]
    unplayed_connectors: Sequence[str]
    topped_up_paisa: dict[tuple[str, str], int]
    dead_token: str
    deposits_paisa: Mapping[str, int]


async def open_day(stage: Stage, billers: DemoBillers, plan: DayPlan) -> Opening:
    """Create the parties, end one token by a rotation, write the scripts and fill the prefunds for them.

    Raises:
        NoBillsLeftError: there are too few bills for the plan.
        CommandFailedError: a command of the switch failed.
    """
    seed = plan.partners.seed
    listed = await stage.tool.read("connectors", "list", "--json")
    families = [PROVIDER_FAMILIES[InstitutionName(name)] for name in stage.setting.gateways]
    providers, missing = providers_of(listed, families)
    payer_plan = PayerPlan(seed, plan.payers, providers)
    citizen_plan = CitizenPlan(seed, plan.citizens, list(billers.admin_clients), providers)
    plans = (plan.partners, payer_plan, citizen_plan)
    for_partners, for_payers, for_citizens = await _payables(billers, plans)
    parties = await create_parties(stage.tool, stage.setting.switch_address, plan.partners.partners)
    first, *other_partners = parties.partners
    dead_token = await _token_of(parties, first)
    parties = replace(parties, partners=(await rotate_secret(stage.tool, first), *other_partners))
    mischief = {biller: desk.mischief for biller, desk in billers.admin_clients.items()}
    scenes = write_script(plan.partners, for_partners, mischief)
    topped_up, deposits = await asyncio.gather(
        fill_prefunds(stage.tool, billers.admin_clients, parties, scenes),
        fill_deposits(stage.tool, parties),
    )
    await pay_in_capital(stage.tool, parties, sum(deposits.values()))
    return Opening(
        parties=parties,
        scenes=scenes,
        orders=write_payer_script(payer_plan, for_payers),
        citizens=write_citizen_script(citizen_plan, for_citizens),
        providers=providers,
        unplayed_connectors=missing,
        topped_up_paisa=topped_up,
        dead_token=dead_token,
        deposits_paisa=deposits,
    )


async def _payables(
    billers: DemoBillers, plans: Sequence[PartnerPlan | PayerPlan | CitizenPlan]
) -> list[_Payables]:
    """The bills that each plan needs, no bill for two of them."""
    dealt: list[_Payables] = [{} for _ in plans]
    for biller, admin_client in billers.admin_clients.items():
        counts = [plan.payables_needed(biller) for plan in plans]
        bills = await admin_client.payables(sum(counts))
        if len(bills) < sum(counts):
            raise NoBillsLeftError(
                f"{admin_client.name} has {len(bills)} unpaid bills left, {sum(counts)} are wanted"
            )
        for payables, count in zip(dealt, counts, strict=True):
            payables[biller], bills = bills[:count], bills[count:]
    return dealt


async def _token_of(parties: Parties, player: StagePartner) -> str:
    async with PartnerClient(parties.address, player.credentials()) as client:
        return await client.get_token()
