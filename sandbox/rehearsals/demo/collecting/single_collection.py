"""Collect a single bill from a payer's wallet, card or account, step by step."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from uuid import UUID

import aiohttp

from sandbox.billers.desco.wire import amount_field, taka
from sandbox.callers.client import return_page
from sandbox.callers.client.client import ApiClient, RefusedError
from sandbox.callers.client.messages import ApiOrder, ApiPayment, UnreadableReplyError, new_key
from sandbox.callers.client.return_page import ReturnPage
from sandbox.callers.partner.client import PartnerClient, TokenRefusedError, result_code
from sandbox.callers.partner.client import UnreadableAnswerError as UnreadableBillError
from sandbox.callers.payer.browser import LostPayerError
from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient, by_own_names
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.demo.paying.single_payment import UnpayableError
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand
from sandbox.rehearsals.installation.home_folder import home_folder
from sandbox.rehearsals.installation.parties import Parties, PartiesUnreadableError
from sandbox.rehearsals.installation.parties import load as load_cast
from sandbox.rehearsals.installation.rest_shop import RestShop
from sandbox.rehearsals.installation.rest_shop import load as load_shop

_ADMIN_CLIENTS: Mapping[str, type[BillerAdminClient]] = {
    desk.biller: desk for desk in (DescoAdminClient, BrebAdminClient, NescoAdminClient)
}
_DONE = "0000"
_PAISA = 100
_WAIT_SECONDS, _ASK_EVERY_SECONDS = 30.0, 0.5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SingleCollectionRequest:
    """The bill to collect for, the connector, the payer's number there, and how the payer behaves.

    `amount_taka` is what the biller is paid; if None, the bill is fetched first, as one of the partners.
    `more` are further members of `bll_inf` that the biller requires.
    """

    biller: str
    account: str
    wallet: str
    does: PayerDecision
    amount_taka: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None
    instrument: str = "bkash"


async def collect_once(request: SingleCollectionRequest, say: Say) -> None:
    """Make a payment, act as its payer at the provider's page, follow the redirect, and print the outcome.

    Raises:
        UnpayableError: no payment was made, or the outcome is unknown; the text says which.
    """
    parties, shop = _parties_and_shop()
    address = request.address or parties.address
    say(f"{shop.partner_id} at {address}")
    members = {"bllr_accno": request.account, **request.more}
    if request.biller == NescoAdminClient.biller and request.amount_taka is not None:
        members["amount"] = request.amount_taka
    try:
        amount = await _amount(request, members, parties, address)
        async with return_page.open_return_page(shop.port) as page, ApiClient(address, shop.key) as client:
            key = new_key()
            order = ApiOrder(
                request.biller, _parameters(request, members), amount, page.url(key[:8]), request.instrument
            )
            made = await client.create(order, key)
            _say_bill(made.payment, say)
            await _visit(client, made.payment, request, page, say)
    except OSError as problem:
        raise UnpayableError(f"no return page at {shop.place}, or no switch: {problem}") from problem
    except RefusedError as refused:
        raise UnpayableError(_refusal(refused)) from refused
    except (aiohttp.ClientError, UnreadableReplyError, LostPayerError, TimeoutError) as problem:
        raise UnpayableError(f"no usable answer: {type(problem).__name__} {problem}".rstrip()) from problem


def _parties_and_shop() -> tuple[Parties, RestShop]:
    folder = home_folder() / "sandbox"
    try:
        parties, shop = load_cast(folder), load_shop(folder)
    except PartiesUnreadableError as problem:
        raise UnpayableError(str(problem)) from problem
    if parties is None or shop is None:
        raise UnpayableError(
            f"there is no shop in {home_folder()} yet: start `make run` first, in another terminal"
        )
    return parties, shop


def _parameters(request: SingleCollectionRequest, members: Mapping[str, str]) -> dict[str, str]:
    """What identifies the bill, by the biller's own names."""
    admin_client = _ADMIN_CLIENTS.get(request.biller)
    if admin_client is None or not members.keys() <= admin_client.parameters.keys():
        known = ", ".join(f"{name} ({', '.join(kind.parameters)})" for name, kind in _ADMIN_CLIENTS.items())
        raise UnpayableError(f"the sandbox has no such biller with such a bill; it has {known}")
    return by_own_names(admin_client.parameters, members)


async def _amount(
    request: SingleCollectionRequest, members: Mapping[str, str], parties: Parties, address: str
) -> int:
    """The amount of the bill in paisa; REST v1 requires it, so a shop must know it."""
    if request.amount_taka is not None:
        return _paisa(request.amount_taka)
    try:
        async with PartnerClient(address, parties.partners[0].credentials()) as client:
            fetched = await client.fetch_bill(request.biller, **members)
    except (TokenRefusedError, UnreadableBillError) as problem:
        raise UnpayableError(f"the bill cannot be fetched: {problem}") from problem
    if result_code(fetched) != _DONE:
        raise UnpayableError(f"the bill cannot be fetched: {result_code(fetched)}; name its --amount")
    bill = fetched["bllr_inf"]
    if bill["is_bll_pd"] == "Y":
        raise UnpayableError("nothing to pay: the biller says that it is paid already")
    return amount_field(bill, "bll_amnt_ttl")


def _paisa(text: str) -> int:
    try:
        paisa = Decimal(text) * _PAISA
    except InvalidOperation:
        raise UnpayableError(f"{text} is no amount") from None
    if paisa != paisa.to_integral_value() or paisa <= 0:
        raise UnpayableError(f"{text} is no amount")
    return int(paisa)


def _say_bill(payment: ApiPayment, say: Say) -> None:
    parts = (("to the biller", payment.amount), ("for paying so", payment.charge), ("our fee", payment.fee))
    say(f"  bill           {payment.bill['number']}")
    for label, paisa in (*parts, ("VAT", payment.vat), ("in all", payment.total)):
        say(f"  {label:<14} {taka(paisa):>10}")


async def _visit(
    client: ApiClient, payment: ApiPayment, request: SingleCollectionRequest, page: ReturnPage, say: Say
) -> None:
    if payment.page_url is None:
        raise UnpayableError(f"the provider opened no page; payment {payment.id} is {payment.status}")
    say(f"{request.wallet} at {payment.page_url}")
    payer = Payer(request.wallet)
    visit = await pay(payment.page_url, payer, request.does, follow=True, patience_seconds=_WAIT_SECONDS)
    say(f"  the browser    {_visit_text(visit, page)}")
    current = await client.get(payment.id)
    if visit.sent_to is not None:
        current = await _settled_payment(client, current)
    why = f" ({current.reason})" if current.reason else ""
    say(f"payment: {current.status}{why}")
    for line in current.tokens:
        say(f"  token {line.seq:>2}     {_grouped(line.digits)}  {line.kind}")
    for refund in current.refunds:
        say(f"  back         {taka(refund.amount)}  {refund.status}")
    program = EkpayCommand.in_current_environment().command_text()
    if _is_moving(current) and current.next_check_at is not None:
        say(f"  next look    {current.next_check_at:%X}Z")
    elif not current.is_final:
        say(f"  another try  may begin until {current.pay_until:%X}Z")
    say(f"  payment id   {payment.id}")
    if current.page_url is not None:
        say(f"Come back: {program} sandbox payer '{current.page_url}' --wallet {request.wallet} --follow")
    say(f"See its life: {program} payments show {UUID(payment.id.removeprefix('pay_'))}")


async def _settled_payment(client: ApiClient, payment: ApiPayment) -> ApiPayment:
    """Return the payment once it is final or waits for another try, or after a time limit."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _WAIT_SECONDS
    while _is_moving(payment) and loop.time() < give_up_at:
        await asyncio.sleep(_ASK_EVERY_SECONDS)
        payment = await client.get(payment.id)
    return payment


def _is_moving(payment: ApiPayment) -> bool:
    """Whether the switch will still change the payment by itself before the time to pay is over."""
    return not payment.is_final and payment.next_check_at not in {None, payment.pay_until}


def _visit_text(visit: PayerVisit, page: ReturnPage) -> str:
    if visit.sent_to is None:
        return "left the page, and was sent nowhere"
    waited = ", once our page knew" if visit.looks else ""
    ending = f"was shown the shop's page{waited}" if page.visits else "was asked by our page to wait"
    return f"was sent back with {visit.status} and {ending}"


def _refusal(refused: RefusedError) -> str:
    problem = refused.problem
    places = ", ".join(f"{pointer} {code}" for pointer, code in problem.errors)
    payment_hint = f"; see payment {problem.payment_id}" if problem.payment_id else ""
    return f"the switch refuses: {problem.code}{f' ({places})' if places else ''}{payment_hint}"


def _grouped(digits: str) -> str:
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))
