"""What the houses of a family say to the admin calls."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import override

from sandbox.kit.institution.admin_api import Answer, Asked, Desk, Page, Query, Route, Times
from sandbox.kit.institution.faults import ANYBODY
from sandbox.kit.institution.movements import Since, movements_answer
from sandbox.kit.institution.replies import Reply, bytes_reply, error_reply, json_reply
from sandbox.kit.provider import payment_outcomes as paying
from sandbox.kit.provider.faults import Fault, Step
from sandbox.kit.provider.hooks import PushKind
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.payer_numbers import normal_numbers
from sandbox.kit.provider.settlement_file import Wrong, spoiled

if TYPE_CHECKING:
    from sandbox.kit.provider.family import GatewayFarSide
    from sandbox.kit.provider.provider import Provider

Id = Annotated[str, Field(min_length=1, max_length=255)]

_TRY_SECONDS_MAX = 20
_WEEK = timedelta(days=7)


class AtHouse(Asked):
    """An order or a question about one house, which must be one of those of the context."""

    house: str

    @field_validator("house")
    @classmethod
    def _is_here(cls, house: str, info: ValidationInfo) -> str:
        if house not in (info.context or {}):
            raise ValueError("no such house here")
        return house


class FaultOrder(Asked):
    """A fault at one house for the next `times` calls of a step, of one order, one payer or anybody.

    `order` is the merchant's or the provider's reference, also of an order that is yet to be opened. Without
    a step any call is struck. `expire_tokens` strikes at once, at one house or at all.
    """

    house: str | None = None
    order: Id | None = None
    payer: Id | None = None
    step: Step | None = None
    fault: Fault
    times: Times = 1

    @model_validator(mode="after")
    def _possible(self, info: ValidationInfo) -> Self:
        ends_logins = self.fault is Fault.EXPIRE_TOKENS
        if self.house not in (info.context or {}) and not (ends_logins and self.house is None):
            raise ValueError("name one of the houses here")
        if self.order is not None and self.payer is not None:
            raise ValueError("name either an order or a payer")
        if ends_logins and (self.order or self.payer or self.step):
            raise ValueError("logins die all together")
        return self


class OrderQuery(AtHouse):
    """Which order, by the merchant's reference."""

    reference: Id


class OrdersQuery(AtHouse, Page):
    """Which part of the orders of a house, in the order in which they were opened."""


class PayersQuery(AtHouse):
    """Which kind of payer, all of them if none is named, and the nth of each."""

    kind: str | None = None
    nth: Annotated[int, Field(ge=0, le=999)] = 0


class ConfirmOrder(OrderQuery):
    """A payer who confirms an order without going to its page; or cancels it, if none is named."""

    payer: Id | None = None


class PushOrder(OrderQuery):
    """A push about an order, of a kind, so many times; the answer comes once each has been tried."""

    kind: PushKind = PushKind.NOTICE
    times: Annotated[int, Field(ge=1, le=20)] = 1


class MovementsQuery(AtHouse, Since):
    """Which house, and from which day on."""


class DayQuery(AtHouse):
    """Which day of which house, and what is to be wrong with its file."""

    date: date
    wrong: Wrong | None = None


class GatewayDesk(Desk):
    """The desk that all houses of a family share."""

    def __init__(self, far_side: "GatewayFarSide") -> None:
        self._far_side = far_side

    @override
    def set_fault(self, body: bytes) -> None:
        order = FaultOrder.model_validate_json(body, context=self._far_side.providers)
        if order.fault is Fault.EXPIRE_TOKENS or order.house is None:
            self._far_side.end_logins(order.house)
            return
        faults = self._far_side.providers[order.house].faults
        faults.add(order.step, order.order or order.payer or ANYBODY, order.fault, order.times)

    @override
    def clear_faults(self) -> None:
        for provider in self._far_side.providers.values():
            provider.faults.clear()

    @override
    def faults(self) -> list[Answer]:
        houses = self._far_side.providers.items()
        return [{"house": name, **one} for name, provider in houses for one in provider.faults.listing()]

    @override
    def dump(self) -> Answer:
        self._far_side.settle_all()
        orders = [
            self._line(provider, order)
            for name, provider in self._far_side.providers.items()
            for order in self._far_side.book.orders_of(name)
        ]
        return {"orders": orders, "pushes": [asdict(push) for push in self._far_side.book.pushes()]}

    @override
    def unpaid(self, page: Page) -> Answer:
        chosen = []
        for name, provider in self._far_side.providers.items():
            numbers = normal_numbers(provider.house.kind, provider.payers.accounts)
            for number in islice(numbers, page.offset, page.offset + page.count):
                line = {"house": name, "payer": number, "balance_paisa": provider.balance_paisa(number)}
                chosen.append(line)
        return {"today": self._far_side.clock.today(), "payers": chosen}

    @override
    def questions(self) -> Mapping[str, Callable[[Query], Answer]]:
        return {
            "houses": self._houses,
            "orders": self._orders,
            "calls": self._calls,
            "movements": self._movements,
            "payers": self._payers,
            "pushes": self._pushes,
        }

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {
            "order": {"GET": self._order},
            "confirm": {"POST": self._confirm},
            "push": {"POST": self._push},
            "settlement": {"GET": self._settlement},
        }

    def _houses(self, _query: Query) -> Answer:
        return {"houses": [_house_line(provider) for provider in self._far_side.providers.values()]}

    def _orders(self, query: Query) -> Answer:
        asked = OrdersQuery.model_validate(query, context=self._far_side.providers)
        self._far_side.settle_all()
        provider = self._far_side.providers[asked.house]
        orders = self._far_side.book.orders_of(asked.house)[asked.offset : asked.offset + asked.count]
        return {"orders": [self._line(provider, order) for order in orders]}

    def _movements(self, query: Query) -> Answer:
        asked = MovementsQuery.model_validate(query, context=self._far_side.providers)
        self._far_side.settle_all()
        orders = self._far_side.book.orders_of(asked.house)
        house = self._far_side.providers[asked.house].house
        first = orders[0].created if orders else None
        return movements_answer(first, self._far_side.movements_of(house), asked)

    def _calls(self, query: Query) -> Answer:
        asked = AtHouse.model_validate(query, context=self._far_side.providers)
        return {"calls": dict(self._far_side.book.calls_of(asked.house))}

    def _payers(self, query: Query) -> Answer:
        asked = PayersQuery.model_validate(query, context=self._far_side.providers)
        payers = self._far_side.providers[asked.house].payers
        chosen = [row for row in payers.rows() if asked.kind in {None, row.name}]
        return {
            "payers": [
                {"kind": row.name, "number": payers.number_of(row.name, asked.nth), "means": row.means}
                for row in chosen
            ]
        }

    def _pushes(self, query: Query) -> Answer:
        asked = AtHouse.model_validate(query, context=self._far_side.providers)
        pushes = self._far_side.book.pushes()
        return {"pushes": [asdict(push) for push in pushes if push.house == asked.house]}

    def _order(self, query: Query, _body: bytes) -> Reply:
        asked = OrderQuery.model_validate(query, context=self._far_side.providers)
        provider = self._far_side.providers[asked.house]
        order = provider.find(asked.reference)
        return error_reply(404, "no such order") if order is None else json_reply(self._line(provider, order))

    def _confirm(self, _query: Query, body: bytes) -> Reply:
        asked = ConfirmOrder.model_validate_json(body, context=self._far_side.providers)
        provider = self._far_side.providers[asked.house]
        order = provider.find(asked.reference)
        if order is None:
            return error_reply(404, "no such order")
        is_open = provider.state(order) is State.OPENED
        if not is_open or (asked.payer is not None and provider.payers.magic(asked.payer) is None):
            return error_reply(409, "the order is over, or nobody has this number")
        if asked.payer is None:
            paying.end(provider, order, State.CANCELLED, "cancelled")
        else:
            paying.confirm(provider, order, asked.payer)
        return json_reply(self._line(provider, order))

    def _push(self, _query: Query, body: bytes) -> Reply:
        asked = PushOrder.model_validate_json(body, context=self._far_side.providers)
        provider = self._far_side.providers[asked.house]
        order = provider.find(asked.reference)
        if order is None:
            return error_reply(404, "no such order")
        now = self._far_side.clock.now()
        is_late = asked.kind is PushKind.WEEK_LATE
        dated = (now - _WEEK).isoformat() if is_late else order.decided_at or now.isoformat()
        parcels = [provider.send(order, asked.kind, dated) for _ in range(asked.times)]
        tried = partial(_until_tried, [parcel.tried for parcel in parcels])
        return json_reply({"sent": len(parcels), "kind": asked.kind})._replace(waits_for=tried)

    def _settlement(self, query: Query, _body: bytes) -> Reply:
        asked = DayQuery.model_validate(query, context=self._far_side.providers)
        self._far_side.settle_all()
        house = self._far_side.providers[asked.house].house
        rows = self._far_side.rows_of_day(house, asked.date)
        is_trailer_wrong = asked.wrong is Wrong.TRAILER
        content = house.layout.write(spoiled(rows, asked.wrong), is_trailer_wrong=is_trailer_wrong)
        return bytes_reply(house.layout.content_type, content)

    def _line(self, provider: "Provider", order: Order) -> Answer:
        told = provider.told(order)
        line: Answer = asdict(order)
        more = {
            "state": told.state,
            # What every answer says; something else than what is so only for payers of that kind.
            "told_paisa": told.amount_paisa,
            "told_currency": told.currency,
            "net_paisa": order.net_paisa,
            "refunded_paisa": order.refunded_paisa,
            "page_url": provider.page_url(order),
            "payer_kind": (magic.name if (magic := provider.payers.magic(order.payer)) else ""),
        }
        return line | more


async def _until_tried(events: list[asyncio.Event]) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    _, late = await asyncio.wait(waits, timeout=_TRY_SECONDS_MAX)
    for wait in late:
        wait.cancel()


def _house_line(provider: "Provider") -> Answer:
    house = provider.house
    return {
        "id": house.id,
        "name": house.name.english,
        "name_bn": house.name.bangla,
        "family": house.family,
        "kind": house.kind,
        "fee_bp": house.fee_bp,
        "fee_vat_bp": house.fee_vat_bp,
        "page_seconds": house.page_seconds,
        "takes_at_page": house.takes_at_page,
        "refunds": None if house.refunds is None else asdict(house.refunds),
    }
