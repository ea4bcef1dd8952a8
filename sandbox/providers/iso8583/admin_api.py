"""What the hosts' desk has beside the others': requests and reversals, faults of the link, habits."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, ValidationInfo, model_validator
from typing_extensions import override

from sandbox.kit.institution.admin_api import Answer, Page, Query, Route, Times
from sandbox.kit.institution.faults import ANYBODY
from sandbox.kit.institution.replies import Reply, json_reply
from sandbox.kit.provider.admin_api import AtHouse, GatewayDesk, Id
from sandbox.kit.provider.orders import State
from sandbox.providers.iso8583.faults import Fault, Step
from sandbox.providers.iso8583.host import Host

if TYPE_CHECKING:
    from sandbox.providers.iso8583.family import Institution

_AT_ONE_STEP = {Fault.AFTER_REVERSAL: Step.REQUEST, Fault.NO_ORIGINAL: Step.REVERSAL}


class LinkFault(AtHouse):
    """A fault at one house for the next `times` messages of a step, of one order, one payer or anybody.

    `refuse` strikes at once and lasts `seconds`, which no other has. Where a fault goes with one step alone,
    the step need not be named.
    """

    order: Id | None = None
    payer: Id | None = None
    step: Step | None = None
    fault: Fault
    times: Times = 1
    seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None

    @model_validator(mode="after")
    def _possible(self, _info: ValidationInfo) -> Self:
        if (self.fault is Fault.REFUSE) != (self.seconds is not None):
            raise ValueError("seconds are for refuse alone, which needs them")
        if self.order is not None and self.payer is not None:
            raise ValueError("name either an order or a payer")
        if self.step not in {None, _AT_ONE_STEP.get(self.fault, self.step)}:
            raise ValueError("the fault goes with another step")
        if self.fault is not Fault.REFUSE and self.step is None and self.fault not in _AT_ONE_STEP:
            raise ValueError("name a step")
        return self

    @property
    def strikes_at(self) -> Step | None:
        """The step, also where the fault alone says it."""
        return self.step or _AT_ONE_STEP.get(self.fault)


class HabitsOrder(AtHouse):
    """What a host shall do otherwise from now on; what is not named stays."""

    cut_over_hour: Annotated[int, Field(ge=0, le=23)] | None = None
    is_repeat_94: bool | None = None
    slow_seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None


class ListQuery(AtHouse, Page):
    """Which part of a list of a house."""


class HostsDesk(GatewayDesk):
    """The desk of the family.

    `GET hosts` tells where each listens, how many are signed on and what was counted; `GET requests` and
    `GET reversals` what came, `GET totals` what moved. `POST drop` closes the connections of a house.
    """

    def __init__(self, institution: "Institution") -> None:
        super().__init__(institution)
        self._institution = institution

    @override
    def set_fault(self, body: bytes) -> None:
        order = LinkFault.model_validate_json(body, context=self._institution.providers)
        if order.seconds is not None:
            self._institution.listeners[order.house].refuse(order.seconds)
            return
        whom = order.order or order.payer or ANYBODY
        self._host(order).faults.add(order.strikes_at, whom, order.fault, order.times)

    @override
    def clear_faults(self) -> None:
        for host in self._institution.hosts.values():
            host.faults.clear()

    @override
    def faults(self) -> list[Answer]:
        hosts = self._institution.hosts.items()
        return [{"house": name, **one} for name, host in hosts for one in host.faults.listing()]

    @override
    def dump(self) -> Answer:
        book, houses = self._institution.book, self._institution.providers
        requests = [asdict(one) for name in houses for one in book.requests_of(name)]
        reversals = [asdict(one) for name in houses for one in book.reversals_of(name)]
        return super().dump() | {"requests": requests, "reversals": reversals}

    @override
    def questions(self) -> Mapping[str, Callable[[Query], Answer]]:
        return {
            **super().questions(),
            "hosts": self._hosts,
            "requests": self._requests,
            "reversals": self._reversals,
            "totals": self._totals,
        }

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        own: dict[str, Mapping[str, Route]] = {"habits": {"POST": self._habits}, "drop": {"POST": self._drop}}
        return {**super().routes(), **own}

    def _hosts(self, _query: Query) -> Answer:
        return {"hosts": [self._host_line(name) for name in self._institution.hosts]}

    def _host_line(self, name: str) -> Answer:
        host, listener = self._institution.hosts[name], self._institution.listeners[name]
        return {
            "house": name,
            "place": listener.place,
            "is_open": listener.is_open,
            "links": listener.links,
            "signed_on": listener.signed_on,
            "business_day": host.day,
            "habits": asdict(host.habits),
            "counted": dict(host.counted),
        }

    def _requests(self, query: Query) -> Answer:
        asked = ListQuery.model_validate(query, context=self._institution.providers)
        listed = self._institution.book.requests_of(asked.house)
        return {"requests": [asdict(one) for one in listed[asked.offset : asked.offset + asked.count]]}

    def _reversals(self, query: Query) -> Answer:
        asked = ListQuery.model_validate(query, context=self._institution.providers)
        listed = self._institution.book.reversals_of(asked.house)
        return {"reversals": [asdict(one) for one in listed[asked.offset : asked.offset + asked.count]]}

    def _totals(self, query: Query) -> Answer:
        asked = AtHouse.model_validate(query, context=self._institution.providers)
        self._institution.settle_all()
        book, provider = self._institution.book, self._institution.providers[asked.house]
        orders, requests = book.orders_of(asked.house), book.requests_of(asked.house)
        states = [provider.state(order) for order in orders]
        reversals = book.reversals_of(asked.house)
        return {
            "house": asked.house,
            "orders": {state.value: states.count(state) for state in State},
            "requests": len(requests),
            "posted": sum(one.is_posted for one in requests),
            "posted_paisa": sum(one.amount_paisa for one in requests if one.is_posted),
            "reversals": len(reversals),
            "moved_back": sum(one.is_moved_back for one in reversals),
            "moved_back_paisa": sum(one.amount_paisa for one in reversals if one.is_moved_back),
            "paid_paisa": sum(order.amount_paisa for order in orders if order.is_paid),
            "fee_paisa": sum(order.fee_paisa + order.fee_vat_paisa for order in orders if order.is_paid),
            "taken_paisa": -sum(
                book.moved_paisa(asked.house, payer) for payer in {order.payer for order in orders}
            ),
        }

    def _habits(self, _query: Query, body: bytes) -> Reply:
        order = HabitsOrder.model_validate_json(body, context=self._institution.providers)
        habits = self._host(order).habits
        for name, value in order.model_dump(exclude={"house"}, exclude_none=True).items():
            setattr(habits, name, value)
        return json_reply(self._host_line(order.house))

    def _drop(self, _query: Query, body: bytes) -> Reply:
        order = AtHouse.model_validate_json(body, context=self._institution.providers)
        self._institution.listeners[order.house].drop()
        return json_reply(self._host_line(order.house))

    def _host(self, asked: AtHouse) -> Host:
        return self._institution.hosts[asked.house]
