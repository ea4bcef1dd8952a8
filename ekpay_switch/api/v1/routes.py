"""The routes of REST v1, and nothing else."""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.api.v1 import bills, payments, refunds
from ekpay_switch.api.v1.calls import Endpoint, Handler, RestV1, endpoint
from ekpay_switch.api.v1.help_page import help_page
from ekpay_switch.api.v1.problems import BASE, HELP_PATH

__all__ = ["RestV1", "mount"]

BILLS_PATH = f"{BASE}/bills"
PAYMENT_PATH = f"{BASE}/payments/{{payment_id}}"
# By path and method; the first part of each value is the route's name in the metrics.
ROUTES: Mapping[str, Mapping[str, tuple[str, Endpoint]]] = MappingProxyType(
    {
        f"{BASE}/payments": {"POST": ("v1-create", payments.create)},
        PAYMENT_PATH: {"GET": ("v1-look-up", payments.look_up)},
        f"{PAYMENT_PATH}/tries": {"POST": ("v1-try", payments.start_new_try)},
        f"{PAYMENT_PATH}/cancel": {"POST": ("v1-cancel", payments.cancel)},
        f"{PAYMENT_PATH}/refunds": {
            "POST": ("v1-refund", refunds.create_refund),
            "GET": ("v1-refunds", refunds.list_refunds),
        },
        BILLS_PATH: {"POST": ("v1-raise", bills.raise_all), "GET": ("v1-bill", bills.look_up)},
    }
)


def mount(app: FastAPI, v1: RestV1) -> None:
    """Put every endpoint on the application, and the page that explains its problems."""
    app.add_route(HELP_PATH, help_page, methods=["GET"])
    for path, acts in ROUTES.items():
        handlers = {method: endpoint(name, act, v1) for method, (name, act) in acts.items()}
        app.add_route(path, _by_method(handlers), methods=list(handlers))


def _by_method(handlers: Mapping[str, Handler]) -> Handler:
    """One route a path, so that a 405 names every method that there is."""

    async def dispatch(request: Request) -> Response:
        # Starlette lets HEAD through wherever GET is taken.
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return dispatch
