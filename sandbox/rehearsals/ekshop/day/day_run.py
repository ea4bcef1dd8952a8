"""The steps of a day: start the installation, let customers order, settle, compare, refund, audit."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from sandbox.callers.client.client import ApiClient, RefusedError
from sandbox.callers.client.messages import RefundOrder, UnreadableReplyError, new_key
from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.callers.ekshop.orders import Standing
from sandbox.registry import PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.demo.collecting.provider_scenarios import providers_of
from sandbox.rehearsals.ekshop.day.book_reader import ShopAdminClient, SwitchBook, ipn_keys, switch_book
from sandbox.rehearsals.ekshop.day.books import COMPLETED, Difference, SwitchPayment, compare, repeated_ipns
from sandbox.rehearsals.ekshop.day.customers import CustomerExperience, Customers
from sandbox.rehearsals.ekshop.day.plan import ENDS, WALLETS, CustomerOrder, OrderCourse, write_day
from sandbox.rehearsals.ekshop.day.report import CLEAN, ShopDayOutcome
from sandbox.rehearsals.installation.ekshop_account import ShopAccount, create_merchant, save
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import create_parties as engage_cast
from sandbox.rehearsals.installation.progress import ProgressSteps
from sandbox.rehearsals.installation.rest_shop import open_account

_SETTLE_SECONDS, _ASK_EVERY_SECONDS = 120.0, 2.0
_REFUND_SECONDS = 60.0
_REASON = "goods came broken"
_CONNECTIONS_MAX = 4


@dataclass(frozen=True, slots=True)
class DayParameters:
    """The parameters of a day: number of orders, seed, and how the shop handles IPNs."""

    orders: int
    seed: int
    conduct: Conduct = Conduct.HONEST


async def play(stage: Stage, parameters: DayParameters, screen: Console) -> ShopDayOutcome:
    """Run one day on a stage whose processes are not started yet, and return its outcome.

    Raises:
        CommandFailedError: a command of the switch failed.
        TooFewProvidersError: a wallet of the day is missing.
    """
    began_at = time.monotonic()
    with ProgressSteps(screen) as steps:
        with steps.step("starting PostgreSQL, wallets, switch, worker and shop"):
            account, day = await _open(stage, parameters)
        shop = f"http://{stage.setting.shop_place}"
        customers, admin_client = Customers(shop), ShopAdminClient(shop, parameters.conduct)
        paying_from = time.monotonic()
        with steps.step("customers order, pay and come back", total=len(day)) as step:
            await customers.perform(day, step.advance)
        paying_seconds = time.monotonic() - paying_from
        experience = customers.experience
        with steps.step("waiting for payments that nobody came back from"):
            await _wait_for_ipns(admin_client, day, experience)
        with steps.step("comparing the books, share by share"):
            book = await switch_book(stage.tool, account.partner_id)
            differences = [
                *compare(await admin_client.book(), book.payments),
                *_unplanned(day, experience, book),
            ]
        with steps.step("giving a sample back, and comparing again"):
            refunds = await _request_refunds(stage, account, day, experience, book)
            book = await _book_after_refunds(stage, account)
            payments = await admin_client.book()
            differences += compare(payments, book.payments)
            differences += [*repeated_ipns(payments), *_refund_differences(refunds, book)]
        with steps.step("proving the books (ekpay audit)"):
            is_clean, last_line = await stage.tool.ask("audit")
    return ShopDayOutcome(
        seed=parameters.seed,
        seconds=time.monotonic() - began_at,
        paying_seconds=paying_seconds,
        day=day,
        experience=experience,
        payments=payments,
        refunds=(sum(map(len, refunds.values())), sum(map(sum, refunds.values()))),
        differences=list(dict.fromkeys(differences)),
        audit=CLEAN if is_clean else last_line,
    )


async def _open(stage: Stage, parameters: DayParameters) -> tuple[ShopAccount, Sequence[CustomerOrder]]:
    await stage.open_database()
    await stage.open_wallet()
    await stage.open_gateways()
    await stage.open_switch()
    folder = stage.setting.sandbox_home
    parties = await engage_cast(stage.tool, stage.setting.switch_address, 0)
    account = await create_merchant(stage.tool, parties.staff[0], stage.setting.shop_place, folder, WALLETS)
    save(account, folder)
    await stage.open_shop()
    admin_client = ShopAdminClient(f"http://{stage.setting.shop_place}", parameters.conduct)
    await admin_client.behave()
    await admin_client.trust(await ipn_keys(stage.tool, account.partner_id))
    listed = await stage.tool.read("connectors", "list", "--json")
    providers, _ = providers_of(
        listed, [PROVIDER_FAMILIES[InstitutionName(name)] for name in stage.setting.gateways]
    )
    return account, write_day(parameters.seed, parameters.orders, providers)


async def _wait_for_ipns(
    admin_client: ShopAdminClient, day: Sequence[CustomerOrder], experience: CustomerExperience
) -> None:
    """Wait until the shop has an IPN of every payment that must end, for two minutes at most."""
    expected = {name for order in day if order.course is not OrderCourse.TAB_CLOSED
              for name in experience.payments.get(order.nth, ())}  # fmt: skip
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _SETTLE_SECONDS
    while loop.time() < give_up_at:
        notified = {payment.trnx_id for payment in await admin_client.book() if payment.ipns}
        if expected <= notified:
            return
        await asyncio.sleep(_ASK_EVERY_SECONDS)


def _unplanned(
    day: Sequence[CustomerOrder], experience: CustomerExperience, book: SwitchBook
) -> list[Difference]:
    """Orders whose last payment did not end as their course requires."""
    states = {payment.trnx_id: payment.state for payment in book.payments}
    differences = []
    for order in day:
        names = experience.payments.get(order.nth, [])
        is_paid = bool(names) and states.get(names[-1]) == COMPLETED
        if is_paid is not (ENDS[order.course] is Standing.PAID):
            state = states.get(names[-1]) if names else None
            differences.append(Difference(f"order {order.nth}", f"{order.course}, and it is {state}"))
    return differences


async def _request_refunds(
    stage: Stage,
    account: ShopAccount,
    day: Sequence[CustomerOrder],
    experience: CustomerExperience,
    book: SwitchBook,
) -> Mapping[str, list[int]]:
    """Request the planned refunds over REST v1; return the requested amounts by trnx_id."""
    amounts = {
        payment.trnx_id: payment.amount_paisa for payment in book.payments if payment.state == COMPLETED
    }
    place = stage.setting.shop_place
    key = (await open_account(stage.tool, account.partner_id, place)).key
    refunds: dict[str, list[int]] = {}
    async with ApiClient(stage.setting.switch_address, key, connections_max=_CONNECTIONS_MAX) as client:
        for order in day:
            names = experience.payments.get(order.nth, [])
            if not order.refund_percents or not names or names[-1] not in amounts:
                continue
            name, remaining = names[-1], amounts[names[-1]]
            for percent in order.refund_percents:
                paisa = min(remaining, max(1, amounts[name] * percent // 100))
                remaining -= paisa
                await _request_refund(client, book.ids[name], paisa, experience)
                refunds.setdefault(name, []).append(paisa)
    return refunds


async def _request_refund(
    client: ApiClient, payment_id: str, paisa: int, experience: CustomerExperience
) -> None:
    try:
        await client.refund(payment_id, RefundOrder(paisa, _REASON), new_key())
    except (RefusedError, UnreadableReplyError) as trouble:
        experience.surprises.append(f"{payment_id}: a refund of {paisa} paisa: {trouble}")


async def _book_after_refunds(stage: Stage, account: ShopAccount) -> SwitchBook:
    """Read the switch's book once no refund is in progress, or after a minute."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _REFUND_SECONDS
    book = await switch_book(stage.tool, account.partner_id)
    while book.refunds_open and loop.time() < give_up_at:
        await asyncio.sleep(_ASK_EVERY_SECONDS)
        book = await switch_book(stage.tool, account.partner_id)
    return book


def _refund_differences(refunds: Mapping[str, list[int]], book: SwitchBook) -> list[Difference]:
    """Payments whose refunded amount is not the requested one, and refunds that are not done."""
    differences = [Difference("refunds", f"{book.refunds_open} are not done")] if book.refunds_open else []
    return differences + [
        Difference(
            payment.trnx_id,
            f"{payment.refunded_paisa} paisa went back, {_refunded_paisa(refunds, payment)} were asked for",
        )
        for payment in book.payments
        if payment.refunded_paisa != _refunded_paisa(refunds, payment)
    ]


def _refunded_paisa(refunds: Mapping[str, list[int]], payment: SwitchPayment) -> int:
    return sum(refunds.get(payment.trnx_id, ()))
