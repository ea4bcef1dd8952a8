"""Money that a connector holds for its risk: a payer pays, and two persons take what is held."""

import asyncio
from collections.abc import Collection
from uuid import UUID

from sandbox.callers.client.client import ApiClient
from sandbox.callers.client.messages import PAID, ApiOrder, ApiPayment, new_key
from sandbox.callers.client.opening import open_payment
from sandbox.callers.client.return_page import open_return_page
from sandbox.callers.payer.payer import Payer, pay
from sandbox.kit.institution.amounts import lakh
from sandbox.kit.provider.magic_numbers import Payers
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.providers.sslcommerz.institutions import OWN_KINDS, SSLCOMMERZ
from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient, Payable, by_own_names
from sandbox.rehearsals.demo.deciding.finance_desk import DecisionRequest, FinanceDesk, NothingWaitsError
from sandbox.rehearsals.demo.deciding.played_doors import PlayedDoor, decided
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.rest_shop import create_shop

_RISKY = "risky"
_POLL_SECONDS, _PATIENCE_SECONDS = 1.0, 900.0


async def take_held_money(
    desk: FinanceDesk, stage: Stage, biller: BillerAdminClient, tried_bills: Collection[str]
) -> PlayedDoor:
    """The connector's risk desk releases by telephone what it holds: the bill is paid with it.

    No payment has tried the bill: one of `tried_bills` may wait for people, or have a fault set for it.

    Raises:
        NothingWaitsError: nothing is held, or the bill is not paid after all.
    """
    shop = await create_shop(stage.tool, stage.setting.wallet.return_place)
    async with (
        open_return_page(shop.port) as page,
        ApiClient(stage.setting.switch_address, shop.key) as client,
    ):
        bill = await _untried_bill(biller, tried_bills)
        parameters = by_own_names(biller.parameters, bill.named[0])
        order = ApiOrder(bill.biller, parameters, bill.amount_paisa, page.url(new_key()), SSLCOMMERZ)
        payment = await open_payment(client, order)
        if payment.page_url is None:
            raise NothingWaitsError(f"{SSLCOMMERZ} opened no page for {payment.id}")
        await pay(payment.page_url, Payer(_risky_payer()), follow=True, patience_seconds=_POLL_SECONDS)
        payment_id = str(UUID(payment.id.removeprefix("pay_")))
        await desk.until_listed(payment_id, "held")
        request = DecisionRequest(
            payment_id, "take_held", "its risk desk releases the money", "RISK-DESK-2026-11-29"
        )
        act = await decided(desk, request)
        await _until_paid(client, payment)
    waited = f"payment {payment_id}, {lakh(payment.total)} taka: {SSLCOMMERZ} holds its money for its risk"
    return PlayedDoor("money that a connector holds", waited, [act, "The bill was paid with it."])


async def _untried_bill(biller: BillerAdminClient, tried_bills: Collection[str]) -> Payable:
    for bill in await biller.payables(len(tried_bills) + 1):
        if bill.target not in tried_bills:
            return bill
    raise NothingWaitsError(f"{biller.name} has no unpaid bill that nobody has tried")


def _risky_payer() -> str:
    number = Payers(PayerKind.CARD, 1, OWN_KINDS).number_of(_RISKY, 0)
    assert number is not None, "the family has this payer"
    return number


async def _until_paid(client: ApiClient, payment: ApiPayment) -> None:
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _PATIENCE_SECONDS
    while payment.status != PAID:
        if loop.time() > give_up_at:
            raise NothingWaitsError(f"{payment.id} is {payment.status} after its held money was taken")
        await asyncio.sleep(_POLL_SECONDS)
        payment = await client.get(payment.id)
