"""The hosts' admin API: requests and reversals, faults of the link, and settings that change at run time."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Protocol, Self

from pydantic import Field, ValidationInfo, model_validator
from typing_extensions import override

from sandbox.kit.institution.admin_api import AdminAnswer, InstitutionRequest, ListRange, Query, Route, Times
from sandbox.kit.institution.faults import ANYBODY
from sandbox.kit.institution.replies import Reply, json_reply
from sandbox.kit.institution.stored_records import as_stored
from sandbox.kit.provider.admin_api import Id, ProviderAdminApi, ProviderBooks
from sandbox.kit.provider.orders import OrderState
from sandbox.providers.iso8583.book import HostBook
from sandbox.providers.iso8583.faults import HostFault, HostStep
from sandbox.providers.iso8583.host import Host
from sandbox.providers.iso8583.link import HostListener

_AT_ONE_STEP = {HostFault.AFTER_REVERSAL: HostStep.REQUEST, HostFault.NO_ORIGINAL: HostStep.REVERSAL}


class LinkFault(InstitutionRequest):
    """A fault at one institution for the next `times` messages of a step, of one order, one payer or anybody.

    `refuse` strikes at once and lasts `seconds`, which no other has. Where a fault goes with one step alone,
    the step need not be named.
    """

    order: Id | None = None
    payer: Id | None = None
    step: HostStep | None = None
    fault: HostFault
    times: Times = 1
    seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None

    @model_validator(mode="after")
    def _check_combination(self, _info: ValidationInfo) -> Self:
        if (self.fault is HostFault.REFUSE) != (self.seconds is not None):
            raise ValueError("seconds are for refuse alone, which needs them")
        if self.order is not None and self.payer is not None:
            raise ValueError("name either an order or a payer")
        if self.step not in {None, _AT_ONE_STEP.get(self.fault, self.step)}:
            raise ValueError("the fault goes with another step")
        if self.fault is not HostFault.REFUSE and self.step is None and self.fault not in _AT_ONE_STEP:
            raise ValueError("name a step")
        return self

    @property
    def strikes_at(self) -> HostStep | None:
        """The step, also where the fault alone says it."""
        return self.step or _AT_ONE_STEP.get(self.fault)


class HabitsOrder(InstitutionRequest):
    """What a host shall do otherwise from now on; what is not named stays."""

    cut_over_hour: Annotated[int, Field(ge=0, le=23)] | None = None
    is_repeat_94: bool | None = None
    slow_seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None


class ListQuery(InstitutionRequest, ListRange):
    """Which part of a list of an institution."""


class HostBooks(ProviderBooks, Protocol):
    """What the admin API reads of this family."""

    @property
    def book(self) -> HostBook:
        """Beside orders, every financial request and every reversal."""
        ...

    @property
    def hosts(self) -> Mapping[str, Host]:
        """The hosts by the ids of their institutions."""
        ...

    @property
    def listeners(self) -> Mapping[str, HostListener]:
        """Where each host listens."""
        ...


class HostsAdminApi(ProviderAdminApi):
    """The admin API of the family.

    `GET hosts` lists where each listens, how many are signed on and what was counted; `GET requests` and
    `GET reversals` what came, `GET totals` what moved. `POST drop` closes the connections of an institution.
    """

    def __init__(self, family: HostBooks) -> None:
        super().__init__(family)
        self._family = family

    @override
    def set_fault(self, body: bytes) -> None:
        order = LinkFault.model_validate_json(body, context=self._family.providers)
        if order.seconds is not None:
            self._family.listeners[order.institution_id].refuse(order.seconds)
            return
        whom = order.order or order.payer or ANYBODY
        self._host(order).faults.add(order.strikes_at, whom, order.fault, order.times)

    @override
    def clear_faults(self) -> None:
        for host in self._family.hosts.values():
            host.faults.clear()

    @override
    def faults(self) -> list[AdminAnswer]:
        hosts = self._family.hosts.items()
        return [{"house": name, **pending} for name, host in hosts for pending in host.faults.listing()]

    @override
    def dump(self) -> AdminAnswer:
        book, institutions = self._family.book, self._family.providers
        requests = [as_stored(request) for name in institutions for request in book.requests_of(name)]
        reversals = [as_stored(reversal) for name in institutions for reversal in book.reversals_of(name)]
        return super().dump() | {"requests": requests, "reversals": reversals}

    @override
    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        return {
            **super().queries(),
            "hosts": self._hosts,
            "requests": self._requests,
            "reversals": self._reversals,
            "totals": self._totals,
        }

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        own: dict[str, Mapping[str, Route]] = {"habits": {"POST": self._habits}, "drop": {"POST": self._drop}}
        return {**super().routes(), **own}

    def _hosts(self, _query: Query) -> AdminAnswer:
        return {"hosts": [self._host_line(name) for name in self._family.hosts]}

    def _host_line(self, name: str) -> AdminAnswer:
        host, listener = self._family.hosts[name], self._family.listeners[name]
        return {
            "house": name,
            "place": listener.place,
            "is_open": listener.is_open,
            "links": listener.connection_count,
            "signed_on": listener.signed_on_count,
            "business_day": host.day,
            "habits": asdict(host.habits),
            "counted": dict(host.counted),
        }

    def _requests(self, query: Query) -> AdminAnswer:
        selection = ListQuery.model_validate(query, context=self._family.providers)
        listed = self._family.book.requests_of(selection.institution_id)
        return {
            "requests": [
                as_stored(request)
                for request in listed[selection.offset : selection.offset + selection.count]
            ]
        }

    def _reversals(self, query: Query) -> AdminAnswer:
        selection = ListQuery.model_validate(query, context=self._family.providers)
        listed = self._family.book.reversals_of(selection.institution_id)
        return {
            "reversals": [
                as_stored(reversal)
                for reversal in listed[selection.offset : selection.offset + selection.count]
            ]
        }

    def _totals(self, query: Query) -> AdminAnswer:
        selection = InstitutionRequest.model_validate(query, context=self._family.providers)
        self._family.settle_due_orders()
        book, provider = self._family.book, self._family.providers[selection.institution_id]
        orders, requests = (
            book.orders_of(selection.institution_id),
            book.requests_of(selection.institution_id),
        )
        states = [provider.state(order) for order in orders]
        reversals = book.reversals_of(selection.institution_id)
        return {
            "house": selection.institution_id,
            "orders": {state.value: states.count(state) for state in OrderState},
            "requests": len(requests),
            "posted": sum(request.is_posted for request in requests),
            "posted_paisa": sum(request.amount_paisa for request in requests if request.is_posted),
            "reversals": len(reversals),
            "moved_back": sum(reversal.is_moved_back for reversal in reversals),
            "moved_back_paisa": sum(
                reversal.amount_paisa for reversal in reversals if reversal.is_moved_back
            ),
            "paid_paisa": sum(order.amount_paisa for order in orders if order.is_paid),
            "fee_paisa": sum(order.fee_paisa + order.fee_vat_paisa for order in orders if order.is_paid),
            "taken_paisa": -sum(
                book.moved_paisa(selection.institution_id, payer)
                for payer in {order.payer for order in orders}
            ),
        }

    def _habits(self, _query: Query, body: bytes) -> Reply:
        order = HabitsOrder.model_validate_json(body, context=self._family.providers)
        habits = self._host(order).habits
        for name, value in order.model_dump(exclude={"institution_id"}, exclude_none=True).items():
            setattr(habits, name, value)
        return json_reply(self._host_line(order.institution_id))

    def _drop(self, _query: Query, body: bytes) -> Reply:
        order = InstitutionRequest.model_validate_json(body, context=self._family.providers)
        self._family.listeners[order.institution_id].drop()
        return json_reply(self._host_line(order.institution_id))

    def _host(self, request: InstitutionRequest) -> Host:
        return self._family.hosts[request.institution_id]
