"""The three addresses of the merchant API (docs/merchant-api.md is its contract).

Everything under them is answered in the shapes that ekPay's clients read, whatever goes wrong.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import assert_never

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.api.merchant import answers, pages
from ekpay_switch.api.merchant.known_servers import KnownServers
from ekpay_switch.api.merchant.messages import CallerPart, StatusMessage
from ekpay_switch.api.merchant.reading import (
    MayBeNotified,
    Members,
    read_members,
    read_message,
    read_order,
)
from ekpay_switch.api.merchant.refusals import BASE, NO_COPIES, MerchantApiError, ResponseCode
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks, StillRunningError
from ekpay_switch.edge_kit.login_watch import LoginWatch, address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.flows.merchants.merchant_callers import Credentials, authenticate
from ekpay_switch.flows.merchants.merchant_document import (
    Document,
    instrument_lookup,
    mask_document,
    not_found_document,
    payment_document,
)
from ekpay_switch.flows.merchants.merchant_status import StatusFound, StatusQuestion, find_status
from ekpay_switch.flows.merchants.open_merchant_payment import (
    OpenedOrder,
    OrderRefusal,
    open_merchant_payment,
)
from ekpay_switch.ports.merchants import Merchant
from ekpay_switch.ports.world import World
from ekpay_switch.security.merchant_tokens import MerchantTokens


@dataclass(slots=True)
class MerchantApi:
    """What the endpoints need; `tasks` keeps the orders whose callers have disconnected.

    `orders` limits each merchant by itself. By address, `arrivals` limits everybody, `logins` whoever is
    wrong about a pass key, and `strangers` whoever asks for what is not its own without being one of the
    known `servers`.
    """

    world: World
    tokens: MerchantTokens
    answer_seconds: float
    orders: RateLimit
    arrivals: RateLimit
    strangers: RateLimit
    logins: LoginWatch
    servers: KnownServers
    may_be_notified: MayBeNotified
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)


Act = Callable[[Members, str, MerchantApi], Awaitable[answers.Answer | Document]]


def mount(app: FastAPI, api: MerchantApi) -> None:
    """Put the three addresses on the application."""

    async def page(request: Request) -> Response:
        address = address_of(request)
        answer = (
            await pages.to_checkout(request, api.tokens, api.world)
            if api.arrivals.allows(address)
            else pages.too_many()
        )
        telemetry.HTTP_REQUESTS.labels("merchant-page", answer.status_code).inc()
        return answer

    app.add_route(BASE, page, methods=["GET"])
    for path, (name, act) in CALLS.items():
        app.add_route(path, _endpoint(name, act, api), methods=["POST"])


def _endpoint(route: str, act: Act, api: MerchantApi) -> Callable[[Request], Awaitable[Response]]:
    """The handler of one address; what it does not refuse is answered by the application's handlers."""

    async def answer(request: Request) -> Response:
        started, address = api.world.clock.monotonic(), address_of(request)
        try:
            _count(api.arrivals, address)
            content = await act(read_members(await request.body()), address, api)
        except MerchantApiError as refused:
            telemetry.HTTP_REQUESTS.labels(route, refused.status).inc()
            telemetry.log("merchant_refused", route=route, http_status=refused.status, code=refused.code)
            return refused.response()
        telemetry.HTTP_REQUESTS.labels(route, 200).inc()
        telemetry.HTTP_SECONDS.labels(route).observe(api.world.clock.monotonic() - started)
        return Response(orjson.dumps(content), 200, dict(NO_COPIES), media_type="application/json")

    return answer


async def _open_payment(members: Members, address: str, api: MerchantApi) -> answers.Answer:
    """`merchant-api`: 1000 with a token, 1001 where the trnx_id stands for another order."""
    merchant = await _authenticate(members, address, api)
    _count(api.orders, merchant.partner_id)
    order = read_order(members, merchant, api.may_be_notified)
    try:
        # In a background task, which a disconnecting caller never cancels.
        outcome = await api.tasks.run_within(
            open_merchant_payment(merchant, order, api.world), api.answer_seconds
        )
    except StillRunningError:
        raise MerchantApiError(ResponseCode.BUSY) from None
    now = api.world.clock.now()
    match outcome:
        case OpenedOrder(payment=payment, token_left_seconds=left_seconds, is_repeat=is_repeat):
            telemetry.log("merchant_order_taken", payment_id=payment.payment_id,
                          outcome="repeat" if is_repeat else "new")  # fmt: skip
            token = api.tokens.derive(payment.payment_id, payment.mer_reg_id, payment.token_expires_at)
            return answers.token_answer(token, left_seconds, now)
        case OrderRefusal.OTHER_CONTENT | OrderRefusal.TOKEN_ENDED:
            telemetry.log("merchant_order_refused", partner_id=merchant.partner_id, refusal=outcome)
            return answers.failure_answer(now)
        case OrderRefusal.AMOUNT_OUT_OF_RANGE:
            raise MerchantApiError(ResponseCode.MALFORMED, fault="trns_info.trnx_amt")
        case OrderRefusal.SPLIT_DOES_NOT_ADD_UP | OrderRefusal.UNKNOWN_PAYEE:
            raise MerchantApiError(ResponseCode.MALFORMED, fault="settlement_split")
        case OrderRefusal.CART_DOES_NOT_ADD_UP:
            raise MerchantApiError(ResponseCode.MALFORMED, fault="checkout_cart")
        case _:
            assert_never(outcome)


async def _authenticate(members: Members, address: str, api: MerchantApi) -> Merchant:
    caller = read_message(CallerPart, members).mer_info
    merchant = await authenticate(Credentials(caller.mer_reg_id, caller.mer_pas_key, address), api.world)
    if merchant is None:
        if not await api.logins.may_go_on(address, "wrong_key_or_address", caller.mer_reg_id):
            raise MerchantApiError(ResponseCode.TOO_MANY)
        raise MerchantApiError(ResponseCode.NOT_AUTHENTICATED)
    api.servers.remember(address)
    return merchant


async def _status(members: Members, address: str, api: MerchantApi) -> Document:
    """`get-status`: the whole document for a merchant's own servers, a masked one for others, or 404."""
    message = read_message(StatusMessage, members)
    question = StatusQuestion(message.trnx_id, message.username, message.trans_date, address)
    status = await find_status(question, api.world)
    if status is not None and status.is_own:
        api.servers.remember(address)
    elif not api.servers.is_known(address):
        _count(api.strangers, address)
    return not_found_document() if status is None else _document_for(status, api)


def _document_for(status: StatusFound, api: MerchantApi) -> Document:
    payment = status.payment
    token = api.tokens.derive(payment.payment_id, payment.mer_reg_id, payment.token_expires_at)
    whole_document = payment_document(payment, token, instrument_lookup(api.world.connectors))
    return whole_document if status.is_own else mask_document(whole_document)


def _count(limit: RateLimit, caller: str) -> None:
    if not limit.allows(caller):
        raise MerchantApiError(ResponseCode.TOO_MANY)


# By path; the first part of each value is the route's name in the metrics.
CALLS: Mapping[str, tuple[str, Act]] = MappingProxyType(
    {
        f"{BASE}/merchant-api": ("merchant-api", _open_payment),
        f"{BASE}/get-status": ("merchant-get-status", _status),
    }
)
