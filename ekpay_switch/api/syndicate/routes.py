"""The endpoints of the syndicate API: token, envelope, message, flow, answer, envelope.

Plain Starlette handlers under FastAPI: the body is encrypted text whatever its content type says, so there
is nothing for a framework to parse, and this is the hot path.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.api.strict_json import MalformedJsonError, parse_object
from ekpay_switch.api.syndicate import answers
from ekpay_switch.api.syndicate.codes import DONE, MESSAGES, REFUSALS, TOKEN_MISSING, TOO_MANY
from ekpay_switch.api.syndicate.messages import (
    AnyRequest,
    BalanceRequest,
    FetchRequest,
    MasterDataRequest,
    PayRequest,
    StatusRequest,
    fault_of,
)
from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.flows.fetch_bill import FetchOrder, ParameterFault, fetch_bill
from ekpay_switch.flows.pay_bill import PartnerPayOrder, PaymentAnswer, pay_bill
from ekpay_switch.ports.world import (
    Enquiries,
    FailedLogins,
    Partner,
    PartnerDirectory,
    TokenPermits,
    World,
)
from ekpay_switch.security.access_tokens import AccessTokens
from ekpay_switch.security.envelope import EnvelopeError, close_envelope, open_envelope
from ekpay_switch.security.pass_keys import pass_key_matches

BASE = "/syndicate/api"
TOKEN_SECONDS = 3600
Message = TypeVar("Message", MasterDataRequest, FetchRequest, PayRequest, StatusRequest, BalanceRequest)


@dataclass(slots=True)
class SyndicateApi:
    """What the endpoints need; `tasks` keeps the payments whose callers have disconnected."""

    world: World
    partners: PartnerDirectory
    enquiries: Enquiries
    tokens: AccessTokens
    answer_seconds: float
    failed_logins: FailedLogins
    token_permits: TokenPermits
    questions: RateLimit
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)


@dataclass(frozen=True, slots=True)
class SyndicateCall:
    """An authenticated request with its envelope open; `secret` opened it and closes the answer."""

    partner: Partner
    secret: bytes
    message: dict[str, Any]


class PlainError(Exception):
    """An answer that is given before anything could be decrypted: plain JSON with an HTTP status."""

    def __init__(self, status: int, code: str, retry_after_seconds: int = 0, fault: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.retry_after_seconds = status, code, retry_after_seconds
        self.fault = fault

    def response(self) -> Response:
        """The answer itself."""
        headers = {"Retry-After": str(self.retry_after_seconds)} if self.retry_after_seconds else None
        text = MESSAGES[self.code]
        text = f"{text}: {self.fault}" if self.fault else text
        return _plain(self.status, {"resp_cd": self.code, "resp_msg": text}, headers)


def _plain(status: int, body: dict[str, str], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


def mount(app: FastAPI, syndicate: SyndicateApi) -> None:
    """Put every endpoint on the application."""
    handlers: dict[str, Callable[[SyndicateCall, SyndicateApi], Awaitable[answers.Answer]]] = {
        "fetch-MDMbillers": _master_data,
        "fetch-MDMbillers-v2": _master_data,
        "fetch-bill": _fetch,
        "update-billPayment": _pay,
        "check-bbalance": _balance,
        "check-bill-status": _status,
    }
    app.add_route(f"{BASE}/get-token", _token_endpoint(syndicate), methods=["POST"])
    for name, handler in handlers.items():
        app.add_route(f"{BASE}/{name}", _endpoint(name, handler, syndicate), methods=["POST"])


def _endpoint(
    name: str,
    handler: Callable[[SyndicateCall, SyndicateApi], Awaitable[answers.Answer]],
    syndicate: SyndicateApi,
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        started = syndicate.world.clock.monotonic()
        try:
            partner = await _authenticate(request, syndicate)
            call = await _open_call(request, partner)
            answer = await handler(call, syndicate)
        except PlainError as error:
            telemetry.HTTP_REQUESTS.labels(name, error.status).inc()
            return error.response()
        telemetry.HTTP_REQUESTS.labels(name, 200).inc()
        telemetry.HTTP_SECONDS.labels(name).observe(syndicate.world.clock.monotonic() - started)
        sealed = close_envelope(orjson.dumps(answer), call.secret)
        return Response(sealed, media_type="text/plain")

    return endpoint


async def _authenticate(request: Request, syndicate: SyndicateApi) -> Partner:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    grant = syndicate.tokens.read(token) if scheme.lower() == "bearer" else None
    if grant is None or grant.expires_at <= syndicate.world.clock.now():
        raise PlainError(401, TOKEN_MISSING)
    partner = await syndicate.partners.by_id(grant.partner_id)
    if partner is None or not partner.is_active or partner.generation != grant.generation:
        raise PlainError(401, TOKEN_MISSING)
    return partner


async def _open_call(request: Request, partner: Partner) -> SyndicateCall:
    """Decrypt and read the message.

    What cannot be decrypted is answered in plain text, since the caller may not hold the key; a message that
    is no JSON is answered encrypted, as malformed, by its handler.
    """
    plain, secret = _open_with_secret(await request.body(), partner)
    try:
        return SyndicateCall(partner, secret, parse_object(plain))
    except MalformedJsonError:
        return SyndicateCall(partner, secret, {})


def _open_with_secret(body: bytes, partner: Partner) -> tuple[bytes, bytes]:
    """The plaintext and the secret that opened it: during an overlap a caller may hold the old one alone."""
    for secret in partner.secrets:
        with contextlib.suppress(EnvelopeError):
            return open_envelope(body, (secret,)), secret
    raise _malformed("the body is no JWE that a key of this partner opens")


def _malformed(fault: str) -> PlainError:
    return PlainError(400, REFUSALS[Refusal.MALFORMED], fault=fault)


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


def _token_endpoint(syndicate: SyndicateApi) -> Callable[[Request], Awaitable[Response]]:
    async def get_token(request: Request) -> Response:
        try:
            return await _token(request, syndicate)
        except PlainError as error:
            telemetry.HTTP_REQUESTS.labels("get-token", error.status).inc()
            return error.response()

    return get_token


async def _partner_of(user_id: str, pass_key: str, partners: PartnerDirectory) -> Partner | None:
    """The active partner that knows its pass key; a new pass key is seen at once, an old one for a second."""
    if not user_id.isprintable():
        pass_key_matches(pass_key, None)
        return None
    for find in (partners.by_user_id, partners.by_user_id_now):
        partner = await find(user_id)
        is_right = pass_key_matches(pass_key, partner.pass_key_hash if partner else None)
        if partner is None or (is_right and partner.is_active):
            return partner
    return None


async def _token(request: Request, syndicate: SyndicateApi) -> Response:
    """get-token: six members exactly, since clients count them; a wrong pass key answers two."""
    try:
        message = parse_object(await request.body())
    except MalformedJsonError as error:
        raise _malformed("the body is no JSON object") from error
    user_id, pass_key = message.get("user_id"), message.get("pass_key")
    if not isinstance(user_id, str):
        raise _malformed("user_id is missing or no text")
    if not isinstance(pass_key, str):
        raise _malformed("pass_key is missing or no text")
    partner = await _partner_of(user_id, pass_key, syndicate.partners)
    if partner is None:
        # Whoever is wrong waits, and nobody else: a right pass key is never counted among the failures.
        address = request.client.host if request.client else ""
        if not await syndicate.failed_logins.count(address, user_id):
            raise PlainError(429, TOO_MANY, 5)
        telemetry.log_warning("login_failed", api="syndicate", address=address, login_name=user_id)
        raise PlainError(401, REFUSALS[Refusal.NOT_ALLOWED])
    if not await syndicate.token_permits.take(partner.id, partner.tokens_per_second):
        raise PlainError(429, TOO_MANY, 1)
    now = syndicate.world.clock.now()
    expires_at = now + timedelta(seconds=TOKEN_SECONDS)
    telemetry.HTTP_REQUESTS.labels("get-token", 200).inc()
    return _plain(
        200,
        {
            "security_token": syndicate.tokens.issue(partner.id, partner.generation, expires_at),
            "token_exp_time": f"{TOKEN_SECONDS}s",
            "token_type": "Bearer",
            "resp_cd": DONE,
            "resp_msg": MESSAGES[DONE],
            "ack_timestamp": answers.stamp(now),
        },
    )
