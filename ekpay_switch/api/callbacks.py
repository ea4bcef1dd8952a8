"""Callbacks of connectors: stored with card numbers masked, answered at once, never believed (law 6).

A callback with a wrong proof is answered 400 and kept once; any other that was stored is answered 200,
understood or not, so that the provider does not repeat it for days. The answer never says why one was not
understood.
"""

from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.api.problems import problem
from ekpay_switch.edge_kit.login_watch import LoginWatch, address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.flows.collections.open_page import CALLBACK_PATH
from ekpay_switch.flows.collections.payer_returned import CallbackReceipt, receive_callback
from ekpay_switch.ports.world import World

PATH = f"{CALLBACK_PATH}/{{connector_id}}"
ROUTE = "callbacks"
BODY_BYTES_MAX = 64 * 1024
_OK = 200
_AGAIN = {"Retry-After": "5"}
_STATUS = {
    CallbackReceipt.UNDERSTOOD: _OK,
    CallbackReceipt.NOT_UNDERSTOOD: _OK,
    CallbackReceipt.FORGED: 400,
    CallbackReceipt.NOT_KEPT: 429,
}


@dataclass(frozen=True, slots=True)
class CallbackApi:
    """What the endpoint needs.

    `arrivals` limits all callbacks of a connector from one address, so that strangers leave the provider's
    own ones their room; `unrecognised` limits those that name nothing of ours.
    """

    world: World
    arrivals: RateLimit
    unrecognised: RateLimit
    logins: LoginWatch


def mount(app: FastAPI, letterbox: CallbackApi) -> None:
    """Add the address that each connector posts to."""

    async def receive(request: Request) -> Response:
        answer = await _receive(request, letterbox)
        telemetry.HTTP_REQUESTS.labels(ROUTE, answer.status_code).inc()
        return answer

    app.add_route(PATH, receive, methods=["POST"])


async def _receive(request: Request, letterbox: CallbackApi) -> Response:
    connector = letterbox.world.connectors.by_id(request.path_params["connector_id"])
    if connector is None:
        return problem(404)
    sender = f"{connector.profile.id} {address_of(request)}"
    if not letterbox.arrivals.allows(sender):
        return problem(429, _AGAIN)
    body = await request.body()
    if len(body) > BODY_BYTES_MAX:
        return problem(413)
    received = await receive_callback(
        connector,
        _headers(request),
        body,
        letterbox.world,
        lambda: letterbox.unrecognised.allows(sender),
    )
    telemetry.log("callback_received", connector_id=connector.profile.id, outcome=received)
    if received is CallbackReceipt.FORGED:
        await letterbox.logins.note(address_of(request), "wrong_signature", connector.profile.id)
    status = _STATUS[received]
    if status == _OK:
        return Response(connector.profile.callback_answer, media_type="application/json")
    return problem(status, _AGAIN if received is CallbackReceipt.NOT_KEPT else None)


def _headers(request: Request) -> dict[str, str]:
    """The headers in small letters; one that came several times is one list, as HTTP has it."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
