"""The endpoints of the syndicate API: token, envelope, message, flow, answer, envelope.

Plain Starlette handlers under FastAPI: the body is encrypted text whatever its content type says, so there
is nothing for a framework to parse, and this is the hot path.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TypeVar

import orjson
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.api.syndicate import answers
from ekpay_switch.api.syndicate.calls import (
    PlainError,
    SyndicateApi,
    SyndicateCall,
    authenticate,
    open_call,
)
from ekpay_switch.api.syndicate.codes import BASE, REFUSALS, TOO_MANY
from ekpay_switch.api.syndicate.login import token_endpoint
from ekpay_switch.api.syndicate.messages import (
    AnyRequest,
    BalanceRequest,
    FetchRequest,
    MasterDataRequest,
    PayRequest,
    StatusRequest,
    fault_of,
    sent_at,
)
from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.edge_kit.fetch_limits import RETRY_AFTER_SECONDS, FetchLimitError
from ekpay_switch.flows.bills.fetch_bill import FetchOrder, ParameterFault, fetch_bill
from ekpay_switch.flows.payments.pay_bill import PartnerPayOrder, PaymentAnswer, pay_bill
from ekpay_switch.ports.world import Partner
from ekpay_switch.security.envelope import close_envelope

FETCH_BILL, GET_TOKEN = "fetch-bill", "get-token"
Act = Callable[[SyndicateCall, SyndicateApi], Awaitable[answers.Answer]]
Message = TypeVar("Message", MasterDataRequest, FetchRequest, PayRequest, StatusRequest, BalanceRequest)


def mount(app: FastAPI, syndicate: SyndicateApi) -> None:
    """Put every endpoint on the application."""
    app.add_route(f"{BASE}/{GET_TOKEN}", token_endpoint(syndicate), methods=["POST"])
    for name, act in SEALED_CALLS.items():
        app.add_route(f"{BASE}/{name}", _endpoint(name, act, syndicate), methods=["POST"])


def _endpoint(
    name: str,
    act: Act,
    syndicate: SyndicateApi,
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        started = syndicate.world.clock.monotonic()
        try:
            partner = await authenticate(request, syndicate)
            # Before the envelope is opened: a refusal must cost less than what it refuses.
            async with _within_limits(name, partner, syndicate):
                call = await open_call(request, partner)
                answer = await act(call, syndicate)
        except PlainError as error:
            telemetry.HTTP_REQUESTS.labels(name, error.status).inc()
            return error.response()
        telemetry.HTTP_REQUESTS.labels(name, 200).inc()
        telemetry.HTTP_SECONDS.labels(name).observe(syndicate.world.clock.monotonic() - started)
        sealed = close_envelope(orjson.dumps(answer), call.secret)
        return Response(sealed, media_type="text/plain")

    return endpoint


@asynccontextmanager
async def _within_limits(name: str, partner: Partner, syndicate: SyndicateApi) -> AsyncIterator[None]:
    """Nothing but a fetch of a bill is limited here, so that fetches never refuse a payment."""
    if name != FETCH_BILL:
        yield
        return
    try:
        async with syndicate.fetches.place_for(partner.id, partner.fetches):
            yield
    except FetchLimitError as error:
        raise PlainError(429, TOO_MANY, RETRY_AFTER_SECONDS, error.limit) from error


def _read(
    kind: type[Message], call: SyndicateCall, name: str, syndicate: SyndicateApi
) -> Message | answers.Answer:
    """The message as its model, or the answer that refuses it: malformed first, then not allowed."""
    try:
        message = kind.model_validate(call.message)
    except ValidationError as error:
        fault = fault_of(error) if call.message else "the message is no JSON object"
        return _malformed_answer(kind, None, fault, syndicate)
    if message.hdrs.nm != name:
        return _malformed_answer(kind, None, f"hdrs.nm must be {name}", syndicate)
    if not _is_own(message, call.partner):
        return _refusal_answer(message, Refusal.NOT_ALLOWED, syndicate)
    return message


def _is_own(message: AnyRequest, partner: Partner) -> bool:
    """Whether the message names the partner whose token it came with, and nobody else."""
    # The master data are the one message in which nobody is named in person.
    who = None if isinstance(message, MasterDataRequest) else message.usr_inf.syndct_id
    return message.hdrs.nd_id == partner.nd_id and who in {None, partner.syndct_id}


def _refusal_answer(
    message: AnyRequest, refusal: Refusal, syndicate: SyndicateApi, refno_ack: str = ""
) -> answers.Answer:
    head = answers.envelope(message.hdrs, message.trx, syndicate.world.clock.now())
    block = answers.refused_block(type(message), message)
    return head | block | answers.status_block(REFUSALS[refusal], refno_ack)


def _malformed_answer(
    kind: type[AnyRequest], message: AnyRequest | None, fault: str, syndicate: SyndicateApi
) -> answers.Answer:
    """2001 with what is wrong; `message` is None where it could not be read."""
    now = syndicate.world.clock.now()
    head = answers.envelope(message.hdrs if message else None, message.trx if message else None, now)
    block = answers.refused_block(kind, message)
    return head | block | answers.status_block(REFUSALS[Refusal.MALFORMED], fault=fault)


def _time_fault(message: FetchRequest | PayRequest, call: SyndicateCall, syndicate: SyndicateApi) -> str:
    """What is wrong with the time of a message that would start something; empty for a fresh one."""
    instant = sent_at(message.hdrs)
    why = "" if instant is None else call.partner.messages.fault(instant, syndicate.world.clock.now())
    return why and f"hdrs.tms {why}"


async def _is_repeat(message: PayRequest, call: SyndicateCall, syndicate: SyndicateApi) -> bool:
    """Whether this reference pays or has paid what this message names: its sender is owed the truth."""
    status = await syndicate.enquiries.status_of_request(call.partner.id, message.hdrs.ref_id)
    standing = None if status is None else status.standing
    return standing is not None and standing.reference == message.pyd_inf.pyd_trxn_refid


async def _master_data(call: SyndicateCall, syndicate: SyndicateApi) -> answers.Answer:
    message = _read(MasterDataRequest, call, "FETCH_MDM_DATA_REQ", syndicate)
    if isinstance(message, dict):
        return message
    profiles = [biller.profile for biller in syndicate.world.billers.all()]
    head = answers.envelope(message.hdrs, message.trx, syndicate.world.clock.now())
    return head | answers.master_data_answer(profiles)


async def _fetch(call: SyndicateCall, syndicate: SyndicateApi) -> answers.Answer:
    message = _read(FetchRequest, call, "FETCH_BLL_REQ", syndicate)
    if isinstance(message, dict):
        return message
    stale = _time_fault(message, call, syndicate)
    if stale:
        return _malformed_answer(FetchRequest, message, stale, syndicate)
    bill = message.bll_inf
    order = FetchOrder(
        call.partner.id,
        message.hdrs.ref_id,
        bill.bllr_id,
        {name: fold_bangla_digits(text) for name, text in bill.filled_members().items()},
    )
    quote = await _fetch_in_time(order, syndicate)
    if isinstance(quote, ParameterFault):
        fault = f"bll_inf.{quote.wire_name} {quote.why}"
        return _malformed_answer(FetchRequest, message, fault, syndicate)
    if isinstance(quote, Refusal):
        return _refusal_answer(message, quote, syndicate)
    head = answers.envelope(message.hdrs, message.trx, syndicate.world.clock.now())
    head["trx"]["refno_ack"] = quote.quote_id
    return head | answers.fetch_answer(quote, bill)


async def _pay(call: SyndicateCall, syndicate: SyndicateApi) -> answers.Answer:
    message = _read(PayRequest, call, "UPDT_BLL_PYMNT_REQ", syndicate)
    if isinstance(message, dict):
        return message
    stale = _time_fault(message, call, syndicate)
    if stale and not await _is_repeat(message, call, syndicate):
        return _malformed_answer(PayRequest, message, stale, syndicate)
    order = PartnerPayOrder(
        partner_id=call.partner.id,
        lane=call.partner.lane,
        reference=message.pyd_inf.pyd_trxn_refid,
        fingerprint=message.fingerprint(),
        quote_id=message.trx.refno_ack,
        ekpay_biller_id=message.bllr_inf.bllr_id,
        paid=message.pyd_inf.pyd_amnt,
        stated_total=message.bllr_inf.bll_amnt_ttl,
        stated_fee=message.bllr_inf.ekpay_fee,
        answer_before=syndicate.world.clock.monotonic() + syndicate.answer_seconds,
    )
    answer = await _pay_in_time(order, syndicate)
    if isinstance(answer, Refusal):
        return _refusal_answer(message, answer, syndicate, message.trx.refno_ack)
    telemetry.PAYMENTS.labels(answer.refusal or answer.state).inc()
    telemetry.log("payment_answered", payment_id=answer.payment_id, partner_id=call.partner.id,
                  state=answer.state, refusal=answer.refusal, trx_id=message.trx.trx_id)  # fmt: skip
    head = answers.envelope(message.hdrs, message.trx, syndicate.world.clock.now())
    return head | answers.payment_answer(message, answer)


async def _pay_in_time(order: PartnerPayOrder, syndicate: SyndicateApi) -> PaymentAnswer | Refusal:
    """Pay in a background task, which a disconnecting caller never cancels; answer within 25 s either way."""
    try:
        return await syndicate.tasks.run_within(pay_bill(order, syndicate.world), syndicate.answer_seconds)
    except OverloadedError as error:
        raise PlainError(503, TOO_MANY, 1) from error
    except Exception:  # noqa: BLE001 - late or broken, the money may be held: never "failed"
        return PaymentAnswer(State.DELIVERING, None)


async def _fetch_in_time(order: FetchOrder, syndicate: SyndicateApi) -> Quote | Refusal | ParameterFault:
    """Fetch within the answer deadline; a fetch moves no money, so it may simply be broken off."""
    try:
        return await asyncio.wait_for(fetch_bill(order, syndicate.world), syndicate.answer_seconds)
    except TimeoutError:
        return Refusal.BILLER_UNAVAILABLE
    except (OverloadedError, CommitUnknownError) as error:
        raise PlainError(503, TOO_MANY, 1) from error


async def _status(call: SyndicateCall, syndicate: SyndicateApi) -> answers.Answer:
    if not syndicate.questions.allows(call.partner.id):
        raise PlainError(429, TOO_MANY, 1)
    message = _read(StatusRequest, call, "CHCK_BLL_STTS_REQ", syndicate)
    if isinstance(message, dict):
        return message
    biller = syndicate.world.billers.by_ekpay_id(message.bll_inf.bllr_id)
    if biller is None:
        return _refusal_answer(message, Refusal.UNKNOWN_BILLER, syndicate)
    status = await syndicate.enquiries.status_of_request(call.partner.id, message.hdrs.ref_id)
    if status is None or status.biller_id != biller.profile.id:
        return _refusal_answer(message, Refusal.NO_SUCH_BILL, syndicate)
    standing = status.standing
    tokens: Sequence[TokenLine] = ()
    if biller.profile.gives_tokens and standing is not None and standing.state is State.COMPLETED:
        tokens = await syndicate.world.payments.tokens(standing.payment_id)
    head = answers.envelope(message.hdrs, message.trx, syndicate.world.clock.now())
    return head | answers.status_answer(message, status, tokens)


async def _balance(call: SyndicateCall, syndicate: SyndicateApi) -> answers.Answer:
    message = _read(BalanceRequest, call, "CHCK_BKT_BLNC_REQ", syndicate)
    if isinstance(message, dict):
        return message
    prefunds = await syndicate.partners.prefunds(call.partner.id)
    head = answers.envelope(message.hdrs, message.trx, syndicate.world.clock.now())
    return head | answers.balance_answer(dict(prefunds))


# By the last part of their paths.
SEALED_CALLS: Mapping[str, Act] = MappingProxyType(
    {
        "fetch-MDMbillers": _master_data,
        "fetch-MDMbillers-v2": _master_data,
        FETCH_BILL: _fetch,
        "update-billPayment": _pay,
        "check-bbalance": _balance,
        "check-bill-status": _status,
    }
)
