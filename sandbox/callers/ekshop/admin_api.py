"""The calls under `/_admin/` of the shop: its IPN handling and its book. No real shop has them."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.callers.ekshop.orders import Attempt, ShopOrder
from sandbox.callers.ekshop.shop import Shop
from sandbox.callers.partner.webhooks import MessageRefusedError, public_key
from sandbox.kit.institution.faults import ANYBODY


class _AdminRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConductOrder(_AdminRequest):
    """The shop's IPN handling from now on, or only so many `times`; of one payment if `trnx_id` is set."""

    conduct: Conduct
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    trnx_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class KeysOrder(_AdminRequest):
    """The public keys that IPNs are signed with; with none, signatures are not checked."""

    keys: Annotated[list[str], Field(max_length=8)]


class ShopAdminApi:
    """Answers the admin calls of one shop; an order that cannot be read is HTTP 400 and changes nothing."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[Route]:
        """Every admin call by its path."""
        return [
            Route("/_admin/health", self.health),
            Route("/_admin/conduct", self.conduct),
            Route("/_admin/conduct", self.set_conduct, methods=["POST"]),
            Route("/_admin/conduct", self.clear_conduct, methods=["DELETE"]),
            Route("/_admin/keys", self.set_keys, methods=["POST"]),
            Route("/_admin/dump", self.dump),
        ]

    async def health(self, _request: Request) -> Response:
        """Answer that the shop is running."""
        return JSONResponse({"status": "ok"})

    async def conduct(self, _request: Request) -> Response:
        """The usual IPN handling, and the exceptions for the next IPNs."""
        conducts = self._shop.conducts
        return JSONResponse({"conduct": conducts.usual, "odd": conducts.odd.listing()})

    async def set_conduct(self, request: Request) -> Response:
        """Change the IPN handling."""
        try:
            order = ConductOrder.model_validate_json(await request.body())
        except ValidationError:
            return _unreadable()
        conducts = self._shop.conducts
        if order.times is None and order.trnx_id is None:
            conducts.usual = order.conduct
        else:
            conducts.odd.add(order.trnx_id or ANYBODY, order.conduct, order.times or 1)
        return await self.conduct(request)

    async def clear_conduct(self, request: Request) -> Response:
        """Remove all unused exceptions."""
        self._shop.conducts.odd.clear()
        return await self.conduct(request)

    async def set_keys(self, request: Request) -> Response:
        """Check IPNs with these keys from now on."""
        try:
            order = KeysOrder.model_validate_json(await request.body())
            keys = [public_key(text) for text in order.keys]
        except (ValidationError, MessageRefusedError):
            return _unreadable()
        self._shop.listener.keys = keys
        return JSONResponse({"keys": len(keys)})

    async def dump(self, _request: Request) -> Response:
        """The shop's orders and payments, without names, addresses and secrets."""
        book = self._shop.book
        return JSONResponse({"orders": [_order(order) for order in book.orders()], "strays": book.strays})


def _unreadable() -> Response:
    return JSONResponse({"message": "the order cannot be read"}, 400)


def _order(order: ShopOrder) -> Mapping[str, object]:
    return {
        "id": order.id,
        "number": order.number,
        "standing": order.standing,
        "total_paisa": order.total_paisa,
        "agent": order.agent,
        "shares": {share.payee: share.amount_paisa for share in order.shares},
        "attempts": [_attempt(attempt) for attempt in order.attempts],
    }


def _attempt(attempt: Attempt) -> Mapping[str, object]:
    return {
        "trnx_id": attempt.trnx_id,
        "standing": attempt.standing,
        "by": attempt.source,
        "why": attempt.why,
        "handed_out": attempt.handed_out,
        "contradictions": attempt.contradictions,
        "ipns": [
            {
                "code": ipn.code,
                "message_id": ipn.message_id,
                "conduct": ipn.conduct,
                "answered": ipn.answered,
                "is_signed": ipn.is_signed,
                "at": ipn.at,
            }
            for ipn in attempt.ipns
        ],
        "checks": dict(attempt.checks),
        "returns": dict(attempt.returns),
        "facts": dict(attempt.facts),
    }
