"""What the SMS gateway says to the admin calls."""

from collections.abc import Callable, Mapping
from typing import Annotated, Protocol

from pydantic import AfterValidator
from typing_extensions import override

from sandbox.kit.institution.admin_api import AdminAnswer, AdminApi, AdminRequest, ListRange, Query, Times
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.faults import ANYBODY, FaultTable
from sandbox.messaging.book import SmsBook, SmsMessage
from sandbox.messaging.faults import SmsFault
from sandbox.messaging.wire import typed_msisdn


def _read_number(text: str) -> str:
    msisdn = typed_msisdn(text)
    if msisdn is None:
        raise ValueError("this is no mobile number")
    return msisdn


TypedNumber = Annotated[str, AfterValidator(_read_number)]
"""A mobile number as a person types it."""


class SmsFaultOrder(AdminRequest):
    """A fault for one number or for whoever is next, striking `times` messages."""

    mobile: TypedNumber | None = None
    fault: SmsFault
    times: Times = 1


class MessagesQuery(ListRange):
    """Which messages: those to one number, or all."""

    to: TypedNumber | None = None


class SmsState(Protocol):
    """What the admin API reads of the gateway."""

    @property
    def faults(self) -> FaultTable[SmsFault]:
        """Faults set and not struck yet."""
        ...

    @property
    def book(self) -> SmsBook:
        """What was taken."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...


class SmsAdminApi(AdminApi):
    """The admin API of the simulated SMS gateway; `GET /_admin/messages` is its own."""

    def __init__(self, state: SmsState) -> None:
        self._state = state

    @override
    def set_fault(self, body: bytes) -> None:
        order = SmsFaultOrder.model_validate_json(body)
        self._state.faults.add(order.mobile or ANYBODY, order.fault, order.times)

    @override
    def clear_faults(self) -> None:
        self._state.faults.clear()

    @override
    def faults(self) -> list[AdminAnswer]:
        return self._state.faults.listing()

    @override
    def dump(self) -> AdminAnswer:
        return {"messages": [self._listed(message) for message in self._state.book.messages()]}

    @override
    def unpaid(self, page: ListRange) -> AdminAnswer:
        return {"accounts": []}

    @override
    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        return {"messages": lambda query: self._messages(MessagesQuery.model_validate(query))}

    def _messages(self, query: MessagesQuery) -> AdminAnswer:
        """Messages that were taken, the newest first, also those that have not arrived."""
        newest_first = self._state.book.messages(query.to)[::-1]
        selected = newest_first[query.offset : query.offset + query.count]
        return {"messages": [self._listed(message) for message in selected]}

    def _listed(self, message: SmsMessage) -> AdminAnswer:
        return message.as_json() | {"is_delivered": message.is_delivered(self._state.clock.now())}
