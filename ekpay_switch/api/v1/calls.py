"""What every endpoint of REST v1 shares: authentication, rate limits and the response."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.api.v1.problems import NO_COPIES, ProblemCode, ProblemError
from ekpay_switch.api.v1.reading import authenticate
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.fetch_limits import FetchLimits
from ekpay_switch.edge_kit.login_watch import LoginWatch, address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.bill_notices import RaisedBills
from ekpay_switch.ports.collections import Client, Clients
from ekpay_switch.ports.world import World


@dataclass(slots=True)
class RestV1:
    """What the endpoints need; `tasks` keeps the payments whose callers have disconnected.

    `orders` and `questions` limit each client by itself, POST and GET apart, `fetches` its new payments, each
    of which fetches a bill. `raised_bills` are those of offices that call us. `receipt_path` names the page
    of a payment's receipt, which is there once the payment is completed.
    """

    world: World
    clients: Clients
    answer_seconds: float
    orders: RateLimit
    questions: RateLimit
    fetches: FetchLimits
    logins: LoginWatch
    raised_bills: RaisedBills
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)
    receipt_path: Callable[[UUID], str] | None = None


@dataclass(frozen=True, slots=True)
class RestCall:
    """An authenticated request within its rate limit; `name` is the payment id of its path as sent."""

    client: Client
    request: Request
    body: bytes
    name: str


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """An answer that is no refusal."""

    status: int
    content: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)


Endpoint = Callable[[RestCall, RestV1], Awaitable[RestAnswer]]
Handler = Callable[[Request], Awaitable[Response]]
REPLAYED = {"Idempotent-Replayed": "true"}


def endpoint(route: str, act: Endpoint, v1: RestV1) -> Handler:
    """The handler of one route; what it does not refuse itself is answered by the application's handlers."""

    async def answer(request: Request) -> Response:
        started = v1.world.clock.monotonic()
        try:
            response = await act(await _read_call(request, v1), v1)
        except ProblemError as refused:
            telemetry.HTTP_REQUESTS.labels(route, refused.status).inc()
            telemetry.log("v1_refused", route=route, http_status=refused.status, code=refused.code)
            return refused.response()
        telemetry.HTTP_REQUESTS.labels(route, response.status).inc()
        telemetry.HTTP_SECONDS.labels(route).observe(v1.world.clock.monotonic() - started)
        headers = {**NO_COPIES, **response.headers}
        return Response(
            orjson.dumps(response.content), response.status, headers, media_type="application/json"
        )

    return answer


async def _read_call(request: Request, v1: RestV1) -> RestCall:
    client = await authenticate(request, v1.clients)
    if client is None:
        # Whoever is wrong waits, and nobody else.
        may_go_on = await v1.logins.may_go_on(address_of(request), "wrong_key")
        raise ProblemError(ProblemCode.UNAUTHENTICATED if may_go_on else ProblemCode.RATE_LIMITED)
    limit = v1.orders if request.method == "POST" else v1.questions
    if not limit.allows(client.partner_id):
        raise ProblemError(ProblemCode.RATE_LIMITED)
    return RestCall(client, request, await request.body(), request.path_params.get("payment_id", ""))
