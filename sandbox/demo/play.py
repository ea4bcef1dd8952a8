"""The demo itself, read top to bottom: set the stage, act, settle, compare, audit."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from sandbox.demo.cast import Cast, Player, engage, prefund_paisa, top_up, with_new_secret
from sandbox.demo.compare import IN_REVIEW, Books, OurLine, Prefund, TheirLine, compare
from sandbox.demo.desco_desk import DescoDesk, UnpaidBill
from sandbox.demo.load import Load
from sandbox.demo.partner_side import PartnerSide
from sandbox.demo.report import CLEAN, Outcome
from sandbox.demo.script import Order, Plan, Scene, write_script
from sandbox.demo.stage import Stage
from sandbox.demo.steps import Steps
from sandbox.desco.wire import amount_field
from sandbox.partner.client import PartnerClient

CONCURRENCY = 24

_SETTLING = "settling what is in doubt"

# What a prefund holds beyond the bills that its partner will pay, in taka: fees, and money that is held.
_ROOM_TAKA = 50_000
_PAISA = 100


class NoBillsLeftError(Exception):
    """The simulated DESCO has not enough unpaid bills left; use a fresh EKPAY_HOME."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """What stands when the load begins."""

    cast: Cast
    scenes: Sequence[Scene]
    topped_up_paisa: dict[str, int]
    dead_token: str


async def play(stage: Stage, plan: Plan, screen: Console) -> Outcome:
    """Run one demo on a stage whose processes are not started yet, and say what came of it.

    Raises:
        NoBillsLeftError: there are too few bills for the plan.
        ToolFailedError: a command of the switch failed.
    """
    began_at = time.monotonic()
    with Steps(screen) as steps:
        with steps.step("starting PostgreSQL, DESCO, switch and worker"):
            await stage.open_database()
            await stage.open_far_side()
            await stage.open_switch()
        async with DescoDesk(stage.setting.desco_address, stage.desco_password) as desk:
            with steps.step("making staff, partners and prefunds"):
                opening = await _open(stage, desk, plan)
            async with _sides(opening.cast) as sides:
                load = Load(stage, desk, sides, opening.dead_token)
                await _act(load, opening, steps)
            with steps.step("comparing the books, line by line"):
                books = await _books(stage, desk, opening, sides)
        with steps.step("proving the books (ekpay audit)"):
            is_clean, last_line = await stage.tool.ask("audit")
    names = {player.id: player.name for player in opening.cast.players}
    return Outcome(
        seed=plan.seed,
        seconds=time.monotonic() - began_at,
        time_divisor=stage.setting.time_divisor,
        payments=[line for line in books.ours if line.partner_id in names],
        posted_by_biller=len(books.theirs),
        experience=load.experience,
        comparison=compare(books),
        audit=CLEAN if is_clean else last_line,
        partner_names=names,
    )


async def _act(load: Load, opening: _Opening, steps: Steps) -> None:
    with steps.step("paying", total=len(opening.scenes)) as step:
        await load.perform(opening.scenes, CONCURRENCY, step.advance)
    with steps.step(f"{_SETTLING} …") as step:
        await load.settle(lambda left: step.describe(f"{_SETTLING}: {left} left"))
        step.describe(_SETTLING)
    with steps.step("sending again what is over"):
        await load.repeat()
    load.judge_references()


async def _open(stage: Stage, desk: DescoDesk, plan: Plan) -> _Opening:
    """Make the cast, kill one token by a rotation, write the script and pay for it in advance."""
    bills = await desk.unpaid(plan.bills)
    if len(bills) < plan.bills:
        raise NoBillsLeftError(NoBillsLeftError.__doc__)
    cast = await engage(stage.tool, stage.setting.switch_address, plan.partners)
    first, *others = cast.players
    dead_token = await _token_of(cast, first)
    cast = replace(cast, players=(await with_new_secret(stage.tool, first), *others))
    scenes = write_script(plan, bills)
    topped_up = {}
    for number, player in enumerate(cast.players):
        paid = [scene.bill for scene in scenes if isinstance(scene, Order) and scene.partner == number]
        taka = _enough_taka(paid)
        await top_up(stage.tool, cast, player, taka)
        topped_up[player.id] = taka * _PAISA
    return _Opening(cast, scenes, topped_up, dead_token)


async def _token_of(cast: Cast, player: Player) -> str:
    async with PartnerClient(cast.address, player.credentials()) as client:
        return await client.get_token()


def _enough_taka(bills: Sequence[UnpaidBill]) -> int:
    return sum(bill.amount_paisa for bill in bills) // _PAISA + _ROOM_TAKA


@asynccontextmanager
async def _sides(cast: Cast) -> AsyncIterator[list[PartnerSide]]:
    async with AsyncExitStack() as closing:
        clients = [PartnerClient(cast.address, player.credentials()) for player in cast.players]
        for client in clients:
            await closing.enter_async_context(client)
        yield [PartnerSide(*pair) for pair in zip(cast.players, clients, strict=True)]


async def _books(stage: Stage, desk: DescoDesk, opening: _Opening, sides: Sequence[PartnerSide]) -> Books:
    """Read both books, ask the biller again about what is in review, and hear the partners."""
    ours = [_our_line(line) for line in await stage.tool.read_lines("payments", "export")]
    doubtful = {reference for line in ours if line.state == IN_REVIEW for reference in line.attempts}
    theirs = [_their_line(line) for line in await desk.book()]
    theirs = [await _asked(line, desk) if line.transaction_id in doubtful else line for line in theirs]
    balances = await prefund_paisa(stage.tool)
    return Books(
        ours=ours,
        theirs=theirs,
        told=[line for side in sides for line in side.told()],
        prefunds={
            partner: Prefund(paisa, balances[partner]) for partner, paisa in opening.topped_up_paisa.items()
        },
    )


async def _asked(line: TheirLine, desk: DescoDesk) -> TheirLine:
    told = await desk.told_amount(line.bill_number, line.transaction_id)
    return replace(line, told_paisa=None if told is None else amount_field({"told": told}, "told"))


def _our_line(line: dict[str, Any]) -> OurLine:
    return OurLine(
        payment_id=line["id"],
        partner_id=line["partner_id"],
        reference=line["reference"],
        bill_number=line["bill_key"],
        amount_paisa=line["amount"],
        charged_paisa=line["charge"] + line["fee"] + line["vat"],
        state=line["state"],
        scroll_no=line["scroll_no"],
        business_date=line["business_date"],
        attempts=tuple(attempt["reference"] for attempt in line["attempts"]),
    )


def _their_line(line: dict[str, Any]) -> TheirLine:
    return TheirLine(
        transaction_id=line["transaction_id"],
        bill_number=line["bill_number"],
        amount_paisa=line["amount_paisa"],
        scroll_no=line["scroll_no"],
        scroll_date=line["scroll_date"],
    )
