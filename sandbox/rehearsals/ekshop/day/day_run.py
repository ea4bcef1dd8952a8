"""The day itself, top to bottom: set the stage, let customers come, settle, compare, give back, audit."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from sandbox.callers.client.client import ApiClient, RefusedError
from sandbox.callers.client.messages import RefundOrder, UnreadableAnswerError, new_key
from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.callers.ekshop.orders import Standing
from sandbox.registry import GATEWAYS, Name
from sandbox.rehearsals.demo.collecting.provider_scenarios import providers_of
from sandbox.rehearsals.ekshop.day.book_reader import ShopDesk, SwitchBook, ipn_keys, switch_book
from sandbox.rehearsals.ekshop.day.books import COMPLETED, Difference, SwitchPayment, compare, repeated
from sandbox.rehearsals.ekshop.day.customers import Crowd, Experience
from sandbox.rehearsals.ekshop.day.plan import ENDS, WALLETS, Course, DayOrder, write_day
from sandbox.rehearsals.ekshop.day.report import CLEAN, Outcome
from sandbox.rehearsals.installation.ekshop_account import Account, engage, save
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import engage as engage_cast
from sandbox.rehearsals.installation.progress import Steps
from sandbox.rehearsals.installation.rest_shop import open_account

_SETTLE_SECONDS, _ASK_EVERY_SECONDS = 120.0, 2.0
_REFUND_SECONDS = 60.0
_REASON = "goods came broken"
_CONNECTIONS_MAX = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """How large a day: how many orders, drawn from which seed; and how the shop takes IPNs."""

    orders: int
    seed: int
    conduct: Conduct = Conduct.HONEST


async def play(stage: Stage, wish: Wish, screen: Console) -> Outcome:
    """Run one day on a stage whose processes are not started yet, and say what came of it.

    Raises:
        ToolFailedError: a command of the switch failed.
        TooFewProvidersError: a wallet of the day is missing.
    """
    began_at = time.monotonic()
    with Steps(screen) as steps:
        with steps.step("starting PostgreSQL, wallets, switch, worker and shop"):
            account, day = await _open(stage, wish)
        shop = f"http://{stage.setting.shop_place}"
        crowd, desk = Crowd(shop), ShopDesk(shop, wish.conduct)
        paying_from = time.monotonic()
        with steps.step("customers order, pay and come back", total=len(day)) as step:
            await crowd.perform(day, step.advance)
        paying_seconds = time.monotonic() - paying_from
        experience = crowd.experience
        with steps.step("waiting for payments that nobody came back from"):
            await _settled(desk, day, experience)
        with steps.step("comparing the books, share by share"):
            book = await switch_book(stage.tool, account.partner_id)
            differences = [*compare(await desk.book(), book.payments), *_unplanned(day, experience, book)]
        with steps.step("giving a sample back, and comparing again"):
            refunds = await _give_back(stage, account, day, experience, book)
            book = await _refunded(stage, account)
            payments = await desk.book()
            differences += compare(payments, book.payments)
            differences += [*repeated(payments), *_misrefunded(refunds, book)]
        with steps.step("proving the books (ekpay audit)"):
            is_clean, last_line = await stage.tool.ask("audit")
    return Outcome(
        seed=wish.seed,
        seconds=time.monotonic() - began_at,
        paying_seconds=paying_seconds,
        day=day,
        experience=experience,
        payments=payments,
        refunds=(sum(map(len, refunds.values())), sum(map(sum, refunds.values()))),
        differences=list(dict.fromkeys(differences)),
        audit=CLEAN if is_clean else last_line,
    )


async def _open(stage: Stage, wish: Wish) -> tuple[Account, Sequence[DayOrder]]:
    await stage.open_database()
    await stage.open_wallet()
    await stage.open_gateways()
    await stage.open_switch()
    folder = stage.setting.sandbox_home
    cast = await engage_cast(stage.tool, stage.setting.switch_address, 0)
    account = await engage(stage.tool, cast.staff[0], stage.setting.shop_place, folder, WALLETS)
    save(account, folder)
    await stage.open_shop()
    desk = ShopDesk(f"http://{stage.setting.shop_place}", wish.conduct)
    await desk.behave()
    await desk.trust(await ipn_keys(stage.tool, account.partner_id))
    listed = await stage.tool.read("connectors", "list", "--json")
    providers, _ = providers_of(listed, [GATEWAYS[Name(name)] for name in stage.setting.gateways])
    return account, write_day(wish.seed, wish.orders, providers)


async def _settled(desk: ShopDesk, day: Sequence[DayOrder], experience: Experience) -> None:
    """Wait until the shop has heard of every payment that must end, for two minutes at most."""
    wanted = {name for order in day if order.course is not Course.TAB_CLOSED
              for name in experience.payments.get(order.nth, ())}  # fmt: skip
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _SETTLE_SECONDS
    while loop.time() < give_up_at:
        told = {one.trnx_id for one in await desk.book() if one.ipns}
        if wanted <= told:
            return
        await asyncio.sleep(_ASK_EVERY_SECONDS)


def _unplanned(day: Sequence[DayOrder], experience: Experience, book: SwitchBook) -> list[Difference]:
    """Orders whose last payment ended in another way than their course must."""
    states = {one.trnx_id: one.state for one in book.payments}
    found = []
    for order in day:
        names = experience.payments.get(order.nth, [])
        is_paid = bool(names) and states.get(names[-1]) == COMPLETED
        if is_paid is not (ENDS[order.course] is Standing.PAID):
            state = states.get(names[-1]) if names else None
            found.append(Difference(f"order {order.nth}", f"{order.course}, and it is {state}"))
    return found


async def _give_back(
    stage: Stage, account: Account, day: Sequence[DayOrder], experience: Experience, book: SwitchBook
) -> Mapping[str, list[int]]:
    """Ask for the planned refunds over REST v1; how many paisa went back, by trnx_id."""
    amounts = {one.trnx_id: one.amount_paisa for one in book.payments if one.state == COMPLETED}
    place = stage.setting.shop_place
    key = (await open_account(stage.tool, account.partner_id, place)).key
    asked: dict[str, list[int]] = {}
    async with ApiClient(stage.setting.switch_address, key, connections_max=_CONNECTIONS_MAX) as client:
        for order in day:
            names = experience.payments.get(order.nth, [])
            if not order.refund_percents or not names or names[-1] not in amounts:
                continue
            name, left = names[-1], amounts[names[-1]]
            for percent in order.refund_percents:
                paisa = min(left, max(1, amounts[name] * percent // 100))
                left -= paisa
                await _asked_back(client, book.ids[name], paisa, experience)
                asked.setdefault(name, []).append(paisa)
    return asked


async def _asked_back(client: ApiClient, payment_id: str, paisa: int, experience: Experience) -> None:
    try:
        await client.refund(payment_id, RefundOrder(paisa, _REASON), new_key())
    except (RefusedError, UnreadableAnswerError) as trouble:
        experience.surprises.append(f"{payment_id}: a refund of {paisa} paisa: {trouble}")


async def _refunded(stage: Stage, account: Account) -> SwitchBook:
    """The switch's book once no refund is under way, or after a minute."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _REFUND_SECONDS
    book = await switch_book(stage.tool, account.partner_id)
    while book.refunds_open and loop.time() < give_up_at:
        await asyncio.sleep(_ASK_EVERY_SECONDS)
        book = await switch_book(stage.tool, account.partner_id)
    return book


def _misrefunded(asked: Mapping[str, list[int]], book: SwitchBook) -> list[Difference]:
    """Payments of which another sum went back than was asked for, and refunds that are not done."""
    found = [Difference("refunds", f"{book.refunds_open} are not done")] if book.refunds_open else []
    return found + [
        Difference(one.trnx_id, f"{one.refunded_paisa} paisa went back, {_sum_of(asked, one)} were asked for")
        for one in book.payments
        if one.refunded_paisa != _sum_of(asked, one)
    ]


def _sum_of(asked: Mapping[str, list[int]], one: SwitchPayment) -> int:
    return sum(asked.get(one.trnx_id, ()))
