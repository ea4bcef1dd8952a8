"""The endpoints of the e-challan API: log in, create, search."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import orjson
from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.api.card_texts import CARD_NUMBER
from ekpay_switch.api.echallan import answers
from ekpay_switch.api.echallan.messages import CreateMessage, LoginMessage, SearchMessage, read_members
from ekpay_switch.api.strict_json import MalformedJsonError
from ekpay_switch.domain.challans import ChallanOrder, ChallanRefusal, Credit, StoredChallan
from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.login_watch import LoginWatch, address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.flows.challans.raise_challan import raise_challan
from ekpay_switch.ports.challans import ChallanPorts, ChallanUser, ChallanUsers
from ekpay_switch.security.access_tokens import AccessTokens
from ekpay_switch.security.pass_keys import pass_key_matches

BASE = "/echallan/api"
TOKEN_PURPOSE = "challan-tokens/1"  # noqa: S105 - the name of a use of the master key
TOKEN_SECONDS = 3600
_NO_COPIES = {"Cache-Control": "no-store"}
Message = TypeVar("Message", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class EChallanApi:
    """What the endpoints need; `tokens` are of a purpose of their own, `tasks` outlive their callers."""

    office: ChallanPorts
    users: ChallanUsers
    tokens: AccessTokens
    answer_seconds: float
    logins: LoginWatch
    orders: RateLimit
    questions: RateLimit
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)


class StatusError(Exception):
    """A refusal with an HTTP status of its own: not authenticated, malformed, too many or busy.

    `fault` is the member that is wrong, without its value.
    """

    def __init__(self, status: str, retry_after_seconds: int = 0, fault: str = "") -> None:
        super().__init__(status)
        self.status, self.retry_after_seconds, self.fault = status, retry_after_seconds, fault

    def response(self) -> Response:
        """The answer itself."""
        return _response(
            int(self.status), answers.status_answer(self.status, self.fault), self.retry_after_seconds
        )


def mount(app: FastAPI, api: EChallanApi) -> None:
    """Put every endpoint on the application."""
    create, search = _endpoint("create", _create, api), _endpoint("search", _search, api)
    app.add_route(f"{BASE}/authenticate", _login_endpoint(api), methods=["POST"])
    app.add_route(f"{BASE}/challan/create", create, methods=["POST"])
    app.add_route(f"{BASE}/challan/search", search, methods=["GET"])
    app.add_route(f"{BASE}/searchEchallanInfo", search, methods=["GET"])


def _endpoint(
    name: str, act: Callable[[Request, ChallanUser, EChallanApi], Awaitable[answers.Answer]], api: EChallanApi
) -> Handler:
    route = f"echallan-{name}"

    async def endpoint(request: Request) -> Response:
        started = api.office.world.clock.monotonic()
        try:
            answer = await act(request, await _authenticate(request, api), api)
        except StatusError as error:
            telemetry.HTTP_REQUESTS.labels(route, error.status).inc()
            return error.response()
        telemetry.HTTP_REQUESTS.labels(route, 200).inc()
        telemetry.HTTP_SECONDS.labels(route).observe(api.office.world.clock.monotonic() - started)
        return _response(200, answer)

    return endpoint


async def _authenticate(request: Request, api: EChallanApi) -> ChallanUser:
    """The user of the token. ekPay's clients send it bare; `Bearer` before it is accepted as well."""
    header = request.headers.get("authorization", "").strip()
    scheme, _, rest = header.partition(" ")
    grant = api.tokens.read(rest.strip() if scheme.lower() == "bearer" else header)
    if grant is None or grant.expires_at <= api.office.world.clock.now():
        raise StatusError(answers.NOT_ALLOWED)
    user = await api.users.by_partner(grant.partner_id)
    if user is None or not user.is_active or user.generation != grant.generation:
        raise StatusError(answers.NOT_ALLOWED)
    return user


async def _create(request: Request, user: ChallanUser, api: EChallanApi) -> answers.Answer:
    if not api.orders.allows(user.partner_id):
        raise StatusError(answers.TOO_MANY, 1)
    try:
        message = _read(CreateMessage, read_members(await request.body()))
    except MalformedJsonError as error:
        raise StatusError(answers.MALFORMED) from error
    order = _order(message, user)
    answer = await _raise_in_time(order, api)
    status = answer if isinstance(answer, ChallanRefusal) else answer.progress
    telemetry.log("challan_answered", partner_id=user.partner_id, request_id=order.request_id, outcome=status)
    return (
        answers.refusal_answer(answer)
        if isinstance(answer, ChallanRefusal)
        else answers.challan_answer(answer)
    )


async def _raise_in_time(order: ChallanOrder, api: EChallanApi) -> StoredChallan | ChallanRefusal:
    """Raise it in a background task, which a disconnecting caller never cancels; answer in time either way.

    After any error the request may have been stored: then it is the answer, and the worker goes on with it.
    """
    try:
        return await api.tasks.run_within(raise_challan(order, api.office), api.answer_seconds)
    except OverloadedError as error:
        raise StatusError(answers.BUSY, 1) from error
    except Exception as error:  # noqa: BLE001 - late or broken, the money may be set aside: never "failed"
        return await _stored_or_busy(order, api, error)


async def _stored_or_busy(
    order: ChallanOrder, api: EChallanApi, cause: Exception
) -> StoredChallan | ChallanRefusal:
    telemetry.log_warning("challan_answered_early", partner_id=order.partner_id, error=cause)
    try:
        standing = await api.office.challans.by_request(order.partner_id, order.request_id)
    except (OverloadedError, CommitUnknownError) as error:
        raise StatusError(answers.BUSY, 1) from error
    if standing is None:
        raise StatusError(answers.BUSY, 1) from cause
    return standing if standing.fingerprint == order.fingerprint else ChallanRefusal.OTHER_CONTENT


async def _search(request: Request, user: ChallanUser, api: EChallanApi) -> answers.Answer:
    if not api.questions.allows(user.partner_id):
        raise StatusError(answers.TOO_MANY, 1)
    message = _read(SearchMessage, dict(request.query_params))
    try:
        standing = await api.office.challans.by_request(user.partner_id, message.request_id)
    except (OverloadedError, CommitUnknownError) as error:
        raise StatusError(answers.BUSY, 1) from error
    if standing is None or message.tran_date not in {None, standing.tran_date}:
        return answers.status_answer(answers.NOT_FOUND)
    return answers.challan_answer(standing)


def _order(message: CreateMessage, user: ChallanUser) -> ChallanOrder:
    return ChallanOrder(
        partner_id=user.partner_id,
        lane=user.lane,
        request_id=message.request_id,
        fingerprint=message.fingerprint(),
        pay_trxid=message.pay_trxid,
        tran_date=message.tran_date,
        total=message.tranamount,
        credits=tuple(
            Credit(credit.slno, credit.credit_account, credit.amount) for credit in message.credit_info
        ),
        written=message.text_members(),
        payer={"bin": user.bin, "mobile": message.mobile_no},
    )


def _read(kind: type[Message], members: Mapping[str, object]) -> Message:
    try:
        return kind.model_validate(members)
    except ValidationError as error:
        fault = _fault_of(error)
    # Outside of the handler: the pydantic error holds what was sent, and must not travel on with ours.
    raise StatusError(answers.MALFORMED, fault=fault)


def _fault_of(error: ValidationError) -> str:
    """The first member that is wrong."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    member = ".".join(str(name) for name in first["loc"])
    return f"{member} holds a card number" if first["type"] == CARD_NUMBER else member


def _login_endpoint(api: EChallanApi) -> Handler:
    async def authenticate(request: Request) -> Response:
        status, answer = await _login(request, api)
        telemetry.HTTP_REQUESTS.labels("echallan-authenticate", status).inc()
        return _response(status, answer, 5 if answer["msg_code"] == answers.LOGIN_TOO_MANY else 0)

    return authenticate


async def _login(request: Request, api: EChallanApi) -> tuple[int, answers.Answer]:
    """`authenticate`: a wrong name, a wrong key and an access that is off get the same answer."""
    try:
        message = LoginMessage.model_validate(read_members(await request.body()))
    except (MalformedJsonError, ValidationError):
        return 400, answers.login_answer(answers.LOGIN_MALFORMED)
    user = await api.users.by_username(message.username)
    is_right = pass_key_matches(message.key, user.key_hash if user else None)
    if user is None or not is_right or not user.is_active:
        # Whoever is wrong waits, and nobody else: a right key is never counted among the failures.
        if not await api.logins.may_go_on(address_of(request), "wrong_key", message.username):
            return 429, answers.login_answer(answers.LOGIN_TOO_MANY)
        return 401, answers.login_answer(answers.LOGIN_FAILED)
    expires_at = api.office.world.clock.now() + timedelta(seconds=TOKEN_SECONDS)
    token = api.tokens.issue(user.partner_id, user.generation, expires_at)
    return 200, answers.login_answer(answers.ISSUED, token)


def _response(status: int, answer: answers.Answer, retry_after_seconds: int = 0) -> Response:
    retry_headers = {"Retry-After": str(retry_after_seconds)} if retry_after_seconds else {}
    return Response(
        orjson.dumps(answer), status, {**_NO_COPIES, **retry_headers}, media_type="application/json"
    )
