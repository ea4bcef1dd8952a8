"""The demo itself, read top to bottom: set the stage, act, settle, compare, end the day, audit."""

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
from sandbox.registry import GATEWAYS, Name
from sandbox.rehearsals.demo.admin_clients.admin_client import Address, Desk, Payable
from sandbox.rehearsals.demo.admin_clients.bill_files import FAMILY, Offices
from sandbox.rehearsals.demo.admin_clients.biller_family import house_desks
from sandbox.rehearsals.demo.admin_clients.breb import BrebDesk
from sandbox.rehearsals.demo.admin_clients.desco import DescoDesk
from sandbox.rehearsals.demo.admin_clients.nesco import NescoDesk
from sandbox.rehearsals.demo.collecting.book_reader import PayerOutcome, Witnesses, prove_payers
from sandbox.rehearsals.demo.collecting.load import PayerLoad
from sandbox.rehearsals.demo.collecting.participants import PayerSide, opened
from sandbox.rehearsals.demo.collecting.provider_scenarios import Provider, providers_of
from sandbox.rehearsals.demo.collecting.scenarios import PayerOrder
from sandbox.rehearsals.demo.collecting.script import PayerPlan, write_payer_script
from sandbox.rehearsals.demo.comparison.biller_books import (
    IN_REVIEW,
    Books,
    Comparison,
    OurLine,
    Prefund,
    TheirLine,
    compare,
)
from sandbox.rehearsals.demo.night.night_run import hold_nights
from sandbox.rehearsals.demo.paying import notification_endpoint as mailbox
from sandbox.rehearsals.demo.paying.load import House, Load
from sandbox.rehearsals.demo.paying.network_faults import Network
from sandbox.rehearsals.demo.paying.notification_endpoint import Mailbox
from sandbox.rehearsals.demo.paying.partner import PartnerSide
from sandbox.rehearsals.demo.paying.script import Order, Plan, Scene, write_script
from sandbox.rehearsals.demo.paying.utility_prefunds import deposit_faults, deposit_paisa, fill_deposits
from sandbox.rehearsals.demo.report import CLEAN, Notified, Outcome
from sandbox.rehearsals.installation.ekpay_command import few_at_once
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import (
    BUCKETS,
    Cast,
    Player,
    engage,
    prefund_paisa,
    top_up,
    with_new_secret,
)
from sandbox.rehearsals.installation.progress import Steps

CONCURRENCY = 24

_SETTLING = "settling what is in doubt"
_WAITING = "waiting for payers who left, for doubts and refunds"

# What a prefund holds beyond the bills that its partner will pay, in taka: fees, and money that is held.
_ROOM_TAKA = 50_000
_PAISA = 100


_DELIVERY = "delivery"
# Paid, or given back; an order that was refused before any money moved is nobody's news.
_NOTICED_CODES = frozenset({"0000", "1007", "1008"})
_DESKS: tuple[type[Desk], ...] = (DescoDesk, BrebDesk, NescoDesk)
_Payables = dict[str, list[Payable]]


class NoBillsLeftError(Exception):
    """The simulated billers have not enough unpaid bills left; use a fresh EKPAY_HOME."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """What stands when the load begins; prefunds are by partner and bucket, in paisa.

    `missing` are the connectors of the switch that nobody here plays.
    """

    cast: Cast
    scenes: Sequence[Scene]
    orders: Sequence[PayerOrder]
    providers: Sequence[Provider]
    missing: Sequence[str]
    topped_up_paisa: dict[tuple[str, str], int]
    dead_token: str
    deposits_paisa: Mapping[str, int]


async def play(stage: Stage, plan: Plan, payers: int, screen: Console) -> Outcome:
    """Run one demo on a stage whose processes are not started yet, and say what came of it.

    `payers` is how many bring their money themselves.

    Raises:
        NoBillsLeftError: there are too few bills for the plan.
        InstitutionSilentError: a simulator does not say what moved there.
        NothingToSpoilError: no connector has anything to pay.
        ToolFailedError: a command of the switch failed.
    """
    began_at = time.monotonic()
    with Steps(screen) as steps:
        with steps.step("starting PostgreSQL, billers, providers, proxy, switch and worker"):
            await _start(stage)
        async with _house(stage) as house:
            with steps.step("making staff, partners, a shop and prefunds"):
                opening = await _open(stage, house, plan, payers)
            with steps.step("taking over the bill files of offices that have no wire"):
                await _offices(stage).load_bills()
            began_on = dhaka_day(utc_now())
            async with _players(stage, house, opening) as players:
                await _act(players, opening, steps)
                with steps.step("bringing those offices the day's scrolls"):
                    await _offices(stage).send_scrolls(began_on)
                with steps.step("waiting for the last notifications"):
                    await players.box.wait_for(_settled(players))
                with steps.step("comparing the books, line by line"):
                    proof = await _prove(stage, house, opening, players)
            night = await hold_nights(stage, opening.cast, (began_on, plan.seed), proof.exported, steps)
        with steps.step("proving the books (ekpay audit)"):
            is_clean, last_line = await stage.tool.ask("audit")
    names = {player.id: player.name for player in opening.cast.players}
    box = players.box
    return Outcome(
        seed=plan.seed,
        seconds=time.monotonic() - began_at,
        time_divisor=stage.setting.time_divisor,
        payments=[line for line in proof.books.ours if line.partner_id in names],
        posted=proof.posted,
        notified=Notified(len(box.lines()), box.refusals, box.repeats, box.strangers),
        experience=players.load.experience,
        comparison=proof.comparison,
        audit=CLEAN if is_clean else last_line,
        payers=proof.payers,
        night=night,
        partner_names=names,
    )


def _offices(stage: Stage) -> Offices:
    address = Address(stage.setting.biller_address(FAMILY), stage.counter_password)
    return Offices(stage.tool, address, stage.setting.home / "files")


async def _start(stage: Stage) -> None:
    await stage.open_database()
    await stage.open_far_side()
    await stage.open_counters()
    await stage.open_wallet()
    await stage.open_gateways()
    await stage.open_proxy()
    await stage.open_switch()


@dataclass(frozen=True, slots=True)
class _Players:
    """Who acts: partners with the mailbox of one of them, and a shop with its payers."""

    sides: Sequence[PartnerSide]
    box: Mailbox
    side: PayerSide
    load: Load
    payer_load: PayerLoad


@asynccontextmanager
async def _players(stage: Stage, house: House, opening: _Opening) -> AsyncIterator[_Players]:
    async with (
        _sides(opening.cast) as sides,
        _mailbox(stage, opening.cast) as box,
        opened(stage) as side,
    ):
        load = Load(stage, house, sides, opening.dead_token)
        yield _Players(sides, box, side, load, PayerLoad(house, side, load.door))


async def _act(players: _Players, opening: _Opening, steps: Steps) -> None:
    """Partners pay and payers are collected from, side by side."""
    async with asyncio.TaskGroup() as both:
        both.create_task(_pay(players.load, opening, steps))
        both.create_task(_collect(players.payer_load, opening, steps))
    players.load.judge_references()
    players.payer_load.judge()


async def _pay(load: Load, opening: _Opening, steps: Steps) -> None:
    with steps.step("paying from prefunds", total=len(opening.scenes)) as step:
        await load.perform(opening.scenes, CONCURRENCY, step.advance)
    with steps.step(f"{_SETTLING} …") as step:
        await load.settle(lambda left: step.describe(f"{_SETTLING}: {left} left"))
        step.describe(_SETTLING)
    with steps.step("sending again what is over"):
        await load.repeat()


async def _collect(load: PayerLoad, opening: _Opening, steps: Steps) -> None:
    what = f"collecting over {len(opening.providers)} connectors"
    with steps.step(what, total=len(opening.orders)) as step:
        await load.perform(opening.orders, step.advance)
    with steps.step(f"{_WAITING} …") as step:
        await load.settle(lambda left: step.describe(f"{_WAITING}: {left} left"))
        step.describe(_WAITING)


@asynccontextmanager
async def _mailbox(stage: Stage, cast: Cast) -> AsyncIterator[Mailbox]:
    """The last partner has an endpoint, and the switch knows it."""
    port = stage.setting.mailbox_port
    async with mailbox.opened(cast.players[-1], port) as opened:
        await opened.register(stage.tool, f"http://127.0.0.1:{port}/")
        yield opened


def _settled(players: _Players) -> set[str]:
    """The references whose end its partner has heard, of which it must be told by itself as well."""
    return {
        one.text
        for side in players.sides
        if side.player.id == players.box.player.id
        for one in side.references.values()
        if one.code in _NOTICED_CODES
    }


@asynccontextmanager
async def _house(stage: Stage) -> AsyncIterator[House]:
    async with AsyncExitStack() as closing:
        desks: dict[str, Desk] = {}
        for kind in _DESKS:
            name = kind.name.lower()
            address = Address(stage.setting.biller_address(name), stage.passwords[name])
            desks[kind.biller] = await closing.enter_async_context(kind(address))
        families = [Address(stage.setting.biller_address(name), "") for name in stage.setting.counters]
        desks |= await closing.enter_async_context(house_desks(families, stage.tool))
        network = await closing.enter_async_context(Network(stage.setting.control_address))
        yield House(desks, network)


async def _open(stage: Stage, house: House, plan: Plan, payers: int) -> _Opening:
    """Make the cast, kill one token by a rotation, write the scripts and fill the prefunds for them."""
    listed = await stage.tool.read("connectors", "list", "--json")
    families = [GATEWAYS[Name(name)] for name in stage.setting.gateways]
    providers, missing = providers_of(listed, families)
    payer_plan = PayerPlan(plan.seed, payers, providers)
    payables, collected = await _payables(house, plan, payer_plan)
    cast = await engage(stage.tool, stage.setting.switch_address, plan.partners)
    first, *others = cast.players
    dead_token = await _token_of(cast, first)
    cast = replace(cast, players=(await with_new_secret(stage.tool, first), *others))
    scenes = write_script(plan, payables, {biller: desk.mischief for biller, desk in house.desks.items()})
    topped_up = await _fill_prefunds(stage, house, cast, scenes)
    deposits = await fill_deposits(stage.tool, cast)
    orders = write_payer_script(payer_plan, collected)
    return _Opening(cast, scenes, orders, providers, missing, topped_up, dead_token, deposits)


async def _fill_prefunds(
    stage: Stage, house: House, cast: Cast, scenes: Sequence[Scene]
) -> dict[tuple[str, str], int]:
    """Put into each bucket what its partner will need; how much that is, in paisa by partner and bucket."""
    wanted = {
        (player, bucket): _enough_taka(house, scenes, number, bucket)
        for number, player in enumerate(cast.players)
        for bucket in BUCKETS
    }

    async def _fill(whose: tuple[Player, str]) -> None:
        await top_up(stage.tool, cast, *whose, wanted[whose])

    await few_at_once(_fill, wanted)
    return {(player.id, bucket): taka * _PAISA for (player, bucket), taka in wanted.items()}


async def _payables(house: House, plan: Plan, payers: PayerPlan) -> tuple[_Payables, _Payables]:
    """What the partners pay, and what payers do."""
    for_partners: _Payables = {}
    for_payers: _Payables = {}
    for biller, desk in house.desks.items():
        count, more = plan.wanted(biller), payers.wanted(biller)
        found = await desk.payables(count + more)
        if len(found) < count + more:
            raise NoBillsLeftError(
                f"{desk.name} has {len(found)} unpaid bills left, {count + more} are wanted"
            )
        for_partners[biller], for_payers[biller] = found[:count], found[count:]
    return for_partners, for_payers


async def _token_of(cast: Cast, player: Player) -> str:
    async with PartnerClient(cast.address, player.credentials()) as client:
        return await client.get_token()


def _enough_taka(house: House, scenes: Sequence[Scene], partner: int, bucket: str) -> int:
    """What one partner will pay from one bucket, and some room."""
    own = [scene.bill for scene in scenes if isinstance(scene, Order) and scene.partner == partner]
    paid = [bill.amount_paisa for bill in own if house.desks[bill.biller].bucket == bucket]
    return sum(paid) // _PAISA + _ROOM_TAKA


@asynccontextmanager
async def _sides(cast: Cast) -> AsyncIterator[list[PartnerSide]]:
    async with AsyncExitStack() as closing:
        clients = [PartnerClient(cast.address, player.credentials()) for player in cast.players]
        for client in clients:
            await closing.enter_async_context(client)
        yield [PartnerSide(*pair) for pair in zip(cast.players, clients, strict=True)]


@dataclass(frozen=True, slots=True)
class _Proof:
    """Everybody's books; `posted` is how many payments stand in each biller's, by its name.

    `exported` are our payments as the switch tells them.
    """

    exported: Sequence[Mapping[str, Any]]
    books: Books
    posted: dict[str, int]
    payers: PayerOutcome
    comparison: Comparison


async def _prove(stage: Stage, house: House, opening: _Opening, players: _Players) -> _Proof:
    """Read all books, ask the billers again about what is in review, and hear partners and shop."""
    exported = await stage.tool.read_lines("payments", "export")
    ours = [_our_line(line) for line in exported]
    doubtful = {name for line in ours if line.state == IN_REVIEW for name in line.attempts}
    theirs: list[TheirLine] = []
    posted: Counter[str] = Counter()
    for desk in house.desks.values():
        lines = [replace(line, biller=desk.known_as) for line in await desk.whole_book()]
        posted[desk.told_as] += len(lines)
        theirs += [await desk.asked(line) if line.transaction_id in doubtful else line for line in lines]
    balances = await prefund_paisa(stage.tool)
    prefunds = {key: Prefund(paisa, balances[key]) for key, paisa in opening.topped_up_paisa.items()}
    told = [line for side in players.sides for line in side.told()]
    notified = {players.box.player.id: players.box.lines()}
    seen = Witnesses(exported, theirs, players.payer_load.experience)
    collecting = (opening.providers, opening.missing)
    payers = await prove_payers(stage.tool, players.side, collecting, seen)
    books = Books(ours, theirs, told, prefunds, notified)
    compared = compare(books)
    faults = deposit_faults(opening.deposits_paisa, await deposit_paisa(stage.tool), ours)
    compared = replace(compared, unexplained=[*compared.unexplained, *faults])
    return _Proof(exported, books, posted, payers, compared)


def _our_line(line: dict[str, Any]) -> OurLine:
    bill_number = line["bill_key"] if line["bill_number"] is None else line["bill_number"]
    told = (attempt for attempt in line["attempts"] if attempt["leg"] == _DELIVERY)
    references = tuple(attempt["reference"] for attempt in told)
    if references:
        # Who goes by its own quote is never told a reference of ours; the treasury has one of its own shape,
        # and a scroll tells the payment itself.
        names = (*references, bill_number, line["facts"].get("payment_id", bill_number), line["id"])
        references = tuple(dict.fromkeys(names))
    return OurLine(
        payment_id=line["id"],
        partner_id=line["partner_id"],
        reference=line["reference"],
        bill_number=bill_number,
        amount_paisa=line["amount"] + line["rounding"],
        charged_paisa=line["charge"] + line["fee"] + line["vat"],
        state=line["state"],
        scroll_no=line["scroll_no"],
        business_date=line["business_date"],
        attempts=references,
        biller=line["biller_id"],
        bucket=line["bucket"],
        owed_paisa=line["amount"],
        is_collected=bool(line["tries"]),
    )
