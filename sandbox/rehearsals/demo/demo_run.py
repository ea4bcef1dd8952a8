"""The steps of a demo: start it, pay and collect, settle, compare, end the day, decide what waits, audit."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from sandbox.callers.partner.client import PartnerClient
from sandbox.kit.institution.clock import dhaka_day, utc_now
from sandbox.registry import PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient, Payable, SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.bill_files import FAMILY, BillFileOffices
from sandbox.rehearsals.demo.admin_clients.biller_family import family_admin_clients
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.demo.collecting.book_reader import ComparisonInputs, PayerOutcome, compare_payers
from sandbox.rehearsals.demo.collecting.load import PayerLoad
from sandbox.rehearsals.demo.collecting.participants import PayerSide, open_payer_side
from sandbox.rehearsals.demo.collecting.provider_scenarios import DemoProvider, providers_of
from sandbox.rehearsals.demo.collecting.scenarios import PayerOrder
from sandbox.rehearsals.demo.collecting.script import PayerPlan, write_payer_script
from sandbox.rehearsals.demo.comparison.biller_books import (
    IN_REVIEW,
    ComparedBooks,
    Comparison,
    PrefundBalance,
    TheirLine,
    compare,
)
from sandbox.rehearsals.demo.comparison.exported_payments import our_line
from sandbox.rehearsals.demo.deciding.doors import DayEvidence, open_doors
from sandbox.rehearsals.demo.night.night_run import run_nights
from sandbox.rehearsals.demo.paying import notification_endpoint as mailbox
from sandbox.rehearsals.demo.paying.load import DemoBillers, PartnerLoad
from sandbox.rehearsals.demo.paying.network_faults import NetworkFaults
from sandbox.rehearsals.demo.paying.notification_endpoint import NotificationEndpoint
from sandbox.rehearsals.demo.paying.own_capital import pay_in_capital
from sandbox.rehearsals.demo.paying.partner import PartnerSide
from sandbox.rehearsals.demo.paying.partner_prefunds import fill_prefunds
from sandbox.rehearsals.demo.paying.script import PartnerOrder, PartnerPlan, Scene, write_script
from sandbox.rehearsals.demo.paying.utility_prefunds import deposit_faults, deposit_paisa, fill_deposits
from sandbox.rehearsals.demo.report import CLEAN, DemoOutcome, EndpointCounts
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import (
    Parties,
    StagePartner,
    create_parties,
    prefund_paisa,
    rotate_secret,
)
from sandbox.rehearsals.installation.progress import ProgressSteps

CONCURRENCY = 24
_SETTLING = "settling doubtful payments"
_WAITING = "waiting for abandoned pages, doubtful payments and refunds"

# Paid or refunded; a partner is not notified of an order that was refused before any money moved.
_NOTIFIED_CODES = frozenset({"0000", "1007", "1008"})
_ADMIN_CLIENTS: tuple[type[BillerAdminClient], ...] = (DescoAdminClient, BrebAdminClient, NescoAdminClient)
_Payables = dict[str, list[Payable]]


class NoBillsLeftError(Exception):
    """The simulated billers have too few unpaid bills left; use a fresh EKPAY_HOME."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """The state when the load begins; prefunds are by partner and bucket, in paisa.

    `unplayed_connectors` are the switch's connectors that the sandbox does not simulate.
    """

    parties: Parties
    scenes: Sequence[Scene]
    orders: Sequence[PayerOrder]
    providers: Sequence[DemoProvider]
    unplayed_connectors: Sequence[str]
    topped_up_paisa: dict[tuple[str, str], int]
    dead_token: str
    deposits_paisa: Mapping[str, int]


async def play(stage: Stage, plan: PartnerPlan, payers: int, screen: Console) -> DemoOutcome:
    """Run one demo on a stage whose processes are not started yet, and return its outcome.

    `payers` is how many payers pay by a connector.

    Raises:
        NoBillsLeftError: there are too few bills for the plan.
        InstitutionUnavailableError: a simulator does not return its movements.
        NothingToInjectError: no connector has anything to pay.
        CommandFailedError: a command of the switch failed.
        NothingWaitsError: nothing waits where two persons must have something to decide.
    """
    began_at = time.monotonic()
    with ProgressSteps(screen, expected_seconds(plan.payments, payers)) as steps:
        with steps.step("starting PostgreSQL, billers, providers, proxy, switch and worker"):
            await _start(stage)
        async with _open_billers(stage) as billers:
            opening = await _open_day(stage, billers, plan, payers, steps)
            began_on = dhaka_day(utc_now())
            async with _open_participants(stage, billers, opening) as participants:
                await _act(participants, opening, steps)
                with steps.step("sending those offices the day's scrolls"):
                    await _offices(stage).send_scrolls(began_on)
                proof = await _prove_day(stage, billers, opening, participants, steps)
            night = await run_nights(
                stage, opening.parties, proof.exported, steps, began_on=began_on, seed=plan.seed
            )
            with steps.step("deciding by two persons what waits, and explaining every open alarm"):
                evidence = DayEvidence(
                    proof.exported, proof.comparison, proof.payers, night.standing, night.payouts.unagreed
                )
                doors = await open_doors(stage, billers, opening.parties, evidence)
        with steps.step("proving the books (ekpay audit)"):
            is_clean, last_line = await stage.tool.ask("audit")
    names = {player.id: player.name for player in opening.parties.partners}
    return DemoOutcome(
        seed=plan.seed,
        seconds=time.monotonic() - began_at,
        time_divisor=stage.setting.time_divisor,
        payments=[line for line in proof.books.ours if line.partner_id in names],
        posted=proof.posted,
        notified=_endpoint_counts(participants.endpoint),
        experience=participants.load.experience,
        comparison=proof.comparison,
        audit=CLEAN if is_clean else last_line,
        payers=proof.payers,
        night=night,
        doors=doors,
        partner_names=names,
    )


def expected_seconds(payments: int, payers: int) -> float:
    """About how long a demo takes alone on two quiet cores: most of it is waiting and starting commands."""
    return 175.0 + payments / 50 + payers / 20


def _endpoint_counts(endpoint: NotificationEndpoint) -> EndpointCounts:
    return EndpointCounts(len(endpoint.lines()), endpoint.refusals, endpoint.repeats, endpoint.strangers)


def _offices(stage: Stage) -> BillFileOffices:
    address = SimulatorAddress(stage.setting.biller_address(FAMILY), stage.counter_password)
    return BillFileOffices(stage.tool, address, stage.setting.home_folder / "files")


async def _start(stage: Stage) -> None:
    """Start database and simulators side by side, and the switch once they answer."""
    async with asyncio.TaskGroup() as starting:
        starting.create_task(stage.open_database())
        starting.create_task(stage.open_far_side())
        starting.create_task(stage.open_counters())
        starting.create_task(stage.open_wallet())
        starting.create_task(stage.open_gateways())
        starting.create_task(stage.open_proxy())
    await stage.open_switch()


@dataclass(frozen=True, slots=True)
class _Participants:
    """Who takes part: partners, the notification endpoint of one of them, and a shop with its payers."""

    partner_sides: Sequence[PartnerSide]
    endpoint: NotificationEndpoint
    payer_side: PayerSide
    load: PartnerLoad
    payer_load: PayerLoad


@asynccontextmanager
async def _open_participants(
    stage: Stage, billers: DemoBillers, opening: _Opening
) -> AsyncIterator[_Participants]:
    async with (
        _open_partner_sides(opening) as sides,
        _open_endpoint(stage, opening.parties) as endpoint,
        open_payer_side(stage) as payer_side,
    ):
        load = PartnerLoad(stage, billers, sides, opening.dead_token)
        yield _Participants(
            sides, endpoint, payer_side, load, PayerLoad(billers, payer_side, load.availability)
        )


async def _act(participants: _Participants, opening: _Opening, steps: ProgressSteps) -> None:
    """Let partners pay and the shop collect from payers, concurrently."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_pay(participants.load, opening, steps))
        tasks.create_task(_collect(participants.payer_load, opening, steps))
    participants.load.check_references()
    participants.payer_load.check_ends()


async def _pay(load: PartnerLoad, opening: _Opening, steps: ProgressSteps) -> None:
    with steps.step("paying from prefunds", total=len(opening.scenes)) as step:
        await load.perform(opening.scenes, CONCURRENCY, step.advance)
    with steps.step(f"{_SETTLING} …") as step:
        await load.settle(lambda count: step.describe(f"{_SETTLING}: {count} left"))
        step.describe(_SETTLING)
    with steps.step("repeating finished orders"):
        await load.repeat()


async def _collect(load: PayerLoad, opening: _Opening, steps: ProgressSteps) -> None:
    description = f"collecting over {len(opening.providers)} connectors"
    with steps.step(description, total=len(opening.orders)) as step:
        await load.perform(opening.orders, step.advance)
    with steps.step(f"{_WAITING} …") as step:
        await load.settle(lambda count: step.describe(f"{_WAITING}: {count} left"))
        step.describe(_WAITING)


@asynccontextmanager
async def _open_endpoint(stage: Stage, parties: Parties) -> AsyncIterator[NotificationEndpoint]:
    """Open a notification endpoint for the last partner and register it with the switch."""
    port = stage.setting.mailbox_port
    async with mailbox.open_endpoint(parties.partners[-1], port) as endpoint:
        await endpoint.register(stage.tool, f"http://127.0.0.1:{port}/")
        yield endpoint


def _notified_references(participants: _Participants) -> set[str]:
    """References with a final answer, of which the switch must notify the partner too."""
    return {
        reference.text
        for side in participants.partner_sides
        if side.player.id == participants.endpoint.player.id
        for reference in side.references.values()
        if reference.code in _NOTIFIED_CODES
    }


@asynccontextmanager
async def _open_billers(stage: Stage) -> AsyncIterator[DemoBillers]:
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


async def _open_day(
    stage: Stage, billers: DemoBillers, plan: PartnerPlan, payers: int, steps: ProgressSteps
) -> _Opening:
    with steps.step("making staff, partners and prefunds, importing bill files of offices without an API"):
        async with asyncio.TaskGroup() as opening_tasks:
            opening = opening_tasks.create_task(_open(stage, billers, plan, payers))
            opening_tasks.create_task(_offices(stage).load_bills())
    return opening.result()


async def _open(stage: Stage, billers: DemoBillers, plan: PartnerPlan, payers: int) -> _Opening:
    """Create the parties, end one token by a rotation, write the scripts and fill the prefunds for them."""
    listed = await stage.tool.read("connectors", "list", "--json")
    families = [PROVIDER_FAMILIES[InstitutionName(name)] for name in stage.setting.gateways]
    providers, missing = providers_of(listed, families)
    payer_plan = PayerPlan(plan.seed, payers, providers)
    payables, collected = await _payables(billers, plan, payer_plan)
    parties = await create_parties(stage.tool, stage.setting.switch_address, plan.partners)
    first, *other_partners = parties.partners
    dead_token = await _token_of(parties, first)
    parties = replace(parties, partners=(await rotate_secret(stage.tool, first), *other_partners))
    scenes = write_script(
        plan, payables, {biller: desk.mischief for biller, desk in billers.admin_clients.items()}
    )
    topped_up, deposits = await asyncio.gather(
        fill_prefunds(stage.tool, billers.admin_clients, parties, scenes),
        fill_deposits(stage.tool, parties),
    )
    await pay_in_capital(stage.tool, parties, sum(deposits.values()))
    orders = write_payer_script(payer_plan, collected)
    return _Opening(parties, scenes, orders, providers, missing, topped_up, dead_token, deposits)


async def _payables(
    billers: DemoBillers, plan: PartnerPlan, payers: PayerPlan
) -> tuple[_Payables, _Payables]:
    """The bills that partners and payers will pay."""
    for_partners: _Payables = {}
    for_payers: _Payables = {}
    for biller, admin_client in billers.admin_clients.items():
        count, more = plan.payables_needed(biller), payers.payables_needed(biller)
        bills = await admin_client.payables(count + more)
        if len(bills) < count + more:
            raise NoBillsLeftError(
                f"{admin_client.name} has {len(bills)} unpaid bills left, {count + more} are wanted"
            )
        for_partners[biller], for_payers[biller] = bills[:count], bills[count:]
    return for_partners, for_payers


async def _token_of(parties: Parties, player: StagePartner) -> str:
    async with PartnerClient(parties.address, player.credentials()) as client:
        return await client.get_token()


@asynccontextmanager
async def _open_partner_sides(opening: _Opening) -> AsyncIterator[list[PartnerSide]]:
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


@dataclass(frozen=True, slots=True)
class _ComparedBooks:
    """The books of all sides; `posted` is how many payments are in each biller's book, by its name.

    `exported` are the switch's exported payments.
    """

    exported: Sequence[Mapping[str, Any]]
    books: ComparedBooks
    posted: dict[str, int]
    payers: PayerOutcome
    comparison: Comparison


async def _prove_day(
    stage: Stage,
    billers: DemoBillers,
    opening: _Opening,
    participants: _Participants,
    steps: ProgressSteps,
) -> _ComparedBooks:
    with steps.step("waiting for the last notifications"):
        await participants.endpoint.wait_for(_notified_references(participants))
    with steps.step("comparing the books, line by line"):
        return await _compare_books(stage, billers, opening, participants)


async def _compare_books(
    stage: Stage, billers: DemoBillers, opening: _Opening, participants: _Participants
) -> _ComparedBooks:
    """Read all books, query billers again about payments in review, and compare with partners and shop."""
    exported = await stage.tool.read_lines("payments", "export")
    ours = [our_line(line) for line in exported]
    doubtful = {name for line in ours if line.state == IN_REVIEW for name in line.attempts}
    theirs: list[TheirLine] = []
    posted: Counter[str] = Counter()
    for admin_client in billers.admin_clients.values():
        lines = [replace(line, biller=admin_client.known_as) for line in await admin_client.whole_book()]
        posted[admin_client.told_as] += len(lines)
        theirs += [
            await admin_client.with_stated_amount(line) if line.transaction_id in doubtful else line
            for line in lines
        ]
    balances = await prefund_paisa(stage.tool)
    prefunds = {key: PrefundBalance(paisa, balances[key]) for key, paisa in opening.topped_up_paisa.items()}
    partner_lines = [line for side in participants.partner_sides for line in side.partner_lines()]
    notified = {participants.endpoint.player.id: participants.endpoint.lines()}
    inputs = ComparisonInputs(exported, theirs, participants.payer_load.experience)
    payers = await compare_payers(
        stage.tool,
        participants.payer_side,
        opening.providers,
        inputs,
        unplayed_connectors=opening.unplayed_connectors,
    )
    books = ComparedBooks(ours, theirs, partner_lines, prefunds, notified)
    comparison = compare(books)
    faults = deposit_faults(opening.deposits_paisa, await deposit_paisa(stage.tool), ours)
    comparison = replace(comparison, unexplained=[*comparison.unexplained, *faults])
    return _ComparedBooks(exported, books, posted, payers, comparison)
