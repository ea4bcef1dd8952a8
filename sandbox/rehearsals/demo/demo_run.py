"""The steps of a demo: start it, pay and collect, settle, compare, end the day, decide what waits, audit."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from sandbox.kit.institution.clock import dhaka_day, utc_now
from sandbox.rehearsals.demo.admin_clients.admin_client import SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.bill_files import FAMILY, BillFileOffices
from sandbox.rehearsals.demo.citizens.books import CitizenOutcome, compare_citizens
from sandbox.rehearsals.demo.citizens.load import CitizenLoad
from sandbox.rehearsals.demo.collecting.book_reader import ComparisonInputs, PayerOutcome, compare_payers
from sandbox.rehearsals.demo.collecting.load import PayerLoad
from sandbox.rehearsals.demo.comparison.biller_books import (
    IN_REVIEW,
    ComparedBooks,
    Comparison,
    PrefundBalance,
    TheirLine,
    compare,
)
from sandbox.rehearsals.demo.comparison.exported_payments import is_of_biller, our_line
from sandbox.rehearsals.demo.deciding.doors import DayEvidence, open_doors
from sandbox.rehearsals.demo.night.night_run import NightOutcome, run_nights
from sandbox.rehearsals.demo.opening import DayPlan, Opening, open_day
from sandbox.rehearsals.demo.participants import Participants, open_billers, open_participants
from sandbox.rehearsals.demo.paying.load import DemoBillers, PartnerLoad
from sandbox.rehearsals.demo.paying.notification_endpoint import NotificationEndpoint
from sandbox.rehearsals.demo.paying.utility_prefunds import deposit_faults, deposit_paisa
from sandbox.rehearsals.demo.report import CLEAN, DemoOutcome, EndpointCounts
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import prefund_paisa
from sandbox.rehearsals.installation.progress import ProgressSteps

CONCURRENCY = 24
_SETTLING = "settling doubtful payments"
_WAITING = "waiting for abandoned pages, doubtful payments and refunds"
_PORTAL_NUMBERS = (
    "SELECT coalesce(json_object_agg(ekpay_trnx_id, payment_id), '{}') FROM merchant_orders "
    "WHERE partner_id = 'portal'"
)


async def play(stage: Stage, plan: DayPlan, screen: Console) -> DemoOutcome:
    """Run one demo on a stage whose processes are not started yet, and return its outcome.

    Raises:
        NoBillsLeftError: there are too few bills for the plan.
        InstitutionUnavailableError: a simulator does not return its movements.
        NothingToInjectError: no connector has anything to pay.
        CommandFailedError: a command of the switch failed.
        NothingWaitsError: nothing waits where two persons must have something to decide.
    """
    began_at = time.monotonic()
    with ProgressSteps(screen, expected_seconds(plan)) as steps:
        with steps.step("starting PostgreSQL, billers, providers, proxy, switch and worker"):
            await _start(stage)
        async with open_billers(stage) as billers:
            opening = await _open_day(stage, billers, plan, steps)
            began_on = dhaka_day(utc_now())
            async with open_participants(stage, billers, opening) as participants:
                await _act(participants, opening, steps)
                with steps.step("sending those offices the day's scrolls, awaiting the last notifications"):
                    await _offices(stage).send_scrolls(began_on)
                    await participants.endpoint.wait_for(participants.notified_references())
                proof = await _prove_day(stage, billers, opening, participants, steps)
            night = await run_nights(
                stage, opening.parties, proof.exported, steps, began_on=began_on, seed=plan.partners.seed
            )
            with steps.step("deciding by two persons what waits, and explaining every open alarm"):
                doors = await open_doors(stage, billers, opening.parties, _evidence_of(proof, night))
        with steps.step("proving the books (ekpay audit)"):
            is_clean, last_line = await stage.tool.ask("audit")
    names = {player.id: player.name for player in opening.parties.partners}
    return DemoOutcome(
        seed=plan.partners.seed,
        seconds=time.monotonic() - began_at,
        time_divisor=stage.setting.time_divisor,
        payments=[line for line in proof.books.ours if line.partner_id in names],
        posted=proof.posted,
        notified=_endpoint_counts(participants.endpoint),
        experience=participants.load.experience,
        comparison=proof.comparison,
        audit=CLEAN if is_clean else last_line,
        payers=proof.payers,
        citizens=proof.citizens,
        night=night,
        doors=doors,
        partner_names=names,
    )


def _evidence_of(proof: "_ComparedBooks", night: NightOutcome) -> DayEvidence:
    return DayEvidence(
        exported=proof.exported,
        comparison=proof.comparison,
        payers=proof.payers,
        citizens=proof.citizens,
        standing_breaks=night.standing,
        unagreed=night.payouts.unagreed,
    )


def expected_seconds(plan: DayPlan) -> float:
    """About how long a demo takes alone on two quiet cores: most of it is waiting and starting commands."""
    return 150.0 + plan.partners.payments / 50 + plan.payers / 20 + plan.citizens / 10


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
        starting.create_task(stage.open_sms())
        starting.create_task(stage.open_proxy())
    await stage.open_switch()


async def _act(participants: Participants, opening: Opening, steps: ProgressSteps) -> None:
    """Let partners pay, the shop collect from payers and citizens use the portal, concurrently.

    Citizens come once the partners have paid: until then billers are killed and cut off.
    """
    are_billers_up = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_pay(participants.load, opening, steps, are_billers_up))
        tasks.create_task(_collect(participants.payer_load, opening, steps))
        tasks.create_task(_visit_portal(participants.citizen_load, opening, steps, are_billers_up))
    participants.load.check_references()
    participants.payer_load.check_ends()


async def _pay(
    load: PartnerLoad, opening: Opening, steps: ProgressSteps, are_billers_up: asyncio.Event
) -> None:
    with steps.step("paying from prefunds", total=len(opening.scenes)) as step:
        await load.perform(opening.scenes, CONCURRENCY, step.advance)
    are_billers_up.set()
    with steps.step(f"{_SETTLING} …") as step:
        await load.settle(lambda count: step.describe(f"{_SETTLING}: {count} left"))
        step.describe(f"{_SETTLING}, repeating finished orders")
        await load.repeat()


async def _collect(load: PayerLoad, opening: Opening, steps: ProgressSteps) -> None:
    description = f"collecting over {len(opening.providers)} connectors"
    with steps.step(description, total=len(opening.orders)) as step:
        await load.perform(opening.orders, step.advance)
    with steps.step(f"{_WAITING} …") as step:
        await load.settle(lambda count: step.describe(f"{_WAITING}: {count} left"))
        step.describe(_WAITING)


async def _visit_portal(
    load: CitizenLoad, opening: Opening, steps: ProgressSteps, are_billers_up: asyncio.Event
) -> None:
    await are_billers_up.wait()
    with steps.step("citizens pay at the portal", total=len(opening.citizens)) as step:
        await load.perform(opening.citizens, step.advance)


async def _open_day(stage: Stage, billers: DemoBillers, plan: DayPlan, steps: ProgressSteps) -> Opening:
    with steps.step("making staff, partners and prefunds, importing bill files of offices without an API"):
        # The bills of those offices are there before citizens' and partners' are chosen.
        await _offices(stage).load_bills()
        return await open_day(stage, billers, plan)


@dataclass(frozen=True, slots=True)
class _ComparedBooks:
    """The books of all sides; `posted` is how many payments are in each biller's book, by its name.

    `exported` are the switch's exported payments.
    """

    exported: Sequence[Mapping[str, Any]]
    books: ComparedBooks
    posted: dict[str, int]
    payers: PayerOutcome
    citizens: CitizenOutcome
    comparison: Comparison


async def _prove_day(
    stage: Stage,
    billers: DemoBillers,
    opening: Opening,
    participants: Participants,
    steps: ProgressSteps,
) -> _ComparedBooks:
    with steps.step("comparing the books, line by line"):
        return await _compare_books(stage, billers, opening, participants)


async def _compare_books(
    stage: Stage, billers: DemoBillers, opening: Opening, participants: Participants
) -> _ComparedBooks:
    """Read all books, query billers again about payments in review, and compare with partners and shop."""
    exported = await stage.tool.read_lines("payments", "export")
    ours = [our_line(line) for line in exported if is_of_biller(line)]
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
    numbers = await stage.tool.read("db", "psql", "-XAtqc", _PORTAL_NUMBERS)
    texts = await participants.sms.texts()
    citizens = compare_citizens(participants.citizen_load.experience, exported, numbers, texts)
    return _ComparedBooks(exported, books, posted, payers, citizens, comparison)
