"""What the houses of a family say to the admin calls."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import override

from sandbox.kit.biller.bills import CounterBill, Kind
from sandbox.kit.biller.end_of_day_file import rows_of_day
from sandbox.kit.biller.faults import Fault
from sandbox.kit.biller.movements import first_of, movements_of
from sandbox.kit.institution.admin_api import Answer, Asked, Desk, Page, Query, Route, Times
from sandbox.kit.institution.faults import ANYBODY
from sandbox.kit.institution.movements import Since, movements_answer
from sandbox.kit.institution.replies import Reply, text_reply

if TYPE_CHECKING:
    from sandbox.kit.biller.family import Counter, CounterFarSide

Number = Annotated[str, Field(min_length=1, max_length=64)]


class _AtHouse(Asked):
    """An order or a question about one house, which must be one of those of the context."""

    house: str

    @field_validator("house")
    @classmethod
    def _is_here(cls, house: str, info: ValidationInfo) -> str:
        if house not in (info.context or {}):
            raise ValueError("no such house here")
        return house


class FaultOrder(Asked):
    """A fault at one house, for an account, a bill, or whoever comes next, striking `times` calls.

    `expire_tokens` strikes at once, at one house or at all; no other target can be named for it.
    """

    house: str | None = None
    account: Number | None = None
    bill: Number | None = None
    fault: Fault
    times: Times = 1

    @model_validator(mode="after")
    def _possible(self, info: ValidationInfo) -> Self:
        ends_logins = self.fault is Fault.EXPIRE_TOKENS
        if self.house not in (info.context or {}) and not (ends_logins and self.house is None):
            raise ValueError("name one of the houses here")
        if self.account is not None and self.bill is not None:
            raise ValueError("name either an account or a bill")
        if ends_logins and (self.account or self.bill):
            raise ValueError("logins die all together")
        return self


class PageOrder(Page):
    """Which part of the unpaid bills, of one house or of all."""

    house: str | None = None


class CastOrder(_AtHouse):
    """Which account: the nth of its kind, counted from 0."""

    kind: str
    nth: Annotated[int, Field(ge=0, le=100_000)] = 0

    @field_validator("kind")
    @classmethod
    def _is_a_kind(cls, kind: str) -> str:
        if kind.upper() not in Kind.__members__:
            raise ValueError("no such kind")
        return kind.upper()

    @model_validator(mode="after")
    def _has_so_many(self, info: ValidationInfo) -> Self:
        counters: Mapping[str, Counter] = info.context or {}
        if counters[self.house].world.number_of(Kind[self.kind], self.nth) is None:
            raise ValueError("there are not so many of this kind")
        return self


class MovementsQuery(_AtHouse, Since):
    """Which house, and from which day on."""


class DayOrder(_AtHouse):
    """Which day of which house."""

    date: date


class CounterDesk(Desk):
    """The desk that all houses of a family share."""

    def __init__(self, far_side: "CounterFarSide") -> None:
        self._far_side = far_side

    @override
    def set_fault(self, body: bytes) -> None:
        order = FaultOrder.model_validate_json(body, context=self._far_side.counters)
        if order.fault is Fault.EXPIRE_TOKENS or order.house is None:
            self._far_side.end_logins(order.house)
            return
        faults = self._far_side.counters[order.house].faults
        faults.add(order.account or order.bill or ANYBODY, order.fault, order.times)

    @override
    def clear_faults(self) -> None:
        for counter in self._far_side.counters.values():
            counter.faults.clear()

    @override
    def faults(self) -> list[Answer]:
        counters = self._far_side.counters.items()
        return [{"house": name, **one} for name, counter in counters for one in counter.faults.listing()]

    @override
    def dump(self) -> Answer:
        return self._far_side.book.dump()

    @override
    def unpaid(self, page: Page) -> Answer:
        return self._unpaid(page, self._far_side.counters)

    @override
    def questions(self) -> Mapping[str, Callable[[Query], Answer]]:
        return {
            "unpaid": self._unpaid_of,
            "houses": self._houses,
            "cast": self._cast,
            "movements": self._movements,
        }

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {"end_of_day": {"GET": self._end_of_day}}

    def _houses(self, _query: Query) -> Answer:
        houses = (counter.house for counter in self._far_side.counters.values())
        return {"houses": [{"id": house.id, "name": house.name, "family": house.family} for house in houses]}

    def _movements(self, query: Query) -> Answer:
        asked = MovementsQuery.model_validate(query, context=self._far_side.counters)
        payments = self._far_side.book.payments_of(asked.house)
        return movements_answer(first_of(payments), movements_of(payments), asked)

    def _unpaid_of(self, query: Query) -> Answer:
        counters = self._far_side.counters
        order = PageOrder.model_validate(query)
        if order.house is None:
            return self._unpaid(order, counters)
        asked = _AtHouse.model_validate({"house": order.house}, context=counters)
        return self._unpaid(order, {asked.house: counters[asked.house]})

    def _unpaid(self, page: Page, counters: "Mapping[str, Counter]") -> Answer:
        unpaid = (line for counter in counters.values() for line in _unpaid_lines(counter))
        chosen = list(islice(unpaid, page.offset, page.offset + page.count))
        return {"today": self._far_side.clock.today(), "bills": chosen}

    def _cast(self, query: Query) -> Answer:
        order = CastOrder.model_validate(query, context=self._far_side.counters)
        counter = self._far_side.counters[order.house]
        number = counter.world.number_of(Kind[order.kind], order.nth) or ""
        return _line(counter, _bill_for(counter, number))

    def _end_of_day(self, query: Query, _body: bytes) -> Reply:
        order = DayOrder.model_validate(query, context=self._far_side.counters)
        house, till = self._far_side.counters[order.house].house, self._far_side.counters[order.house].till
        payments = self._far_side.book.payments_of(house.id)
        rows = rows_of_day(payments, order.date, house.office_code, till.find)
        return text_reply("text/csv; charset=utf-8", house.layout.write(rows))


def _unpaid_lines(counter: "Counter") -> Iterator[Answer]:
    for number in counter.world.normal_numbers():
        for bill in counter.till.look(number):
            yield _line(counter, bill)


def _bill_for(counter: "Counter", number: str) -> CounterBill:
    unpaid = counter.till.look(number) or counter.world.bills_of(number)
    return unpaid[0] if unpaid else counter.world.imagined(number)


def _line(counter: "Counter", bill: CounterBill) -> Answer:
    told_paisa = counter.till.left_of(bill)
    return {
        "house": bill.house,
        "fields": counter.house.fields_of(bill, told_paisa=told_paisa or bill.base_paisa),
        "number": bill.number,
        "bill_number": bill.bill_number,
        "total_paisa": told_paisa,
        "due_on": bill.due_on,
    }
