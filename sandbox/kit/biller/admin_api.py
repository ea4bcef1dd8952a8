"""What the institutions of a family say to the admin calls."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Annotated, Protocol, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import override

from sandbox.kit.biller.bills import BillerAccountKind, SimulatedBill
from sandbox.kit.biller.book import BillerBook
from sandbox.kit.biller.end_of_day_file import rows_of_day
from sandbox.kit.biller.faults import BillerFault
from sandbox.kit.biller.movements import first_of, movements_of
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.institution.admin_api import (
    AdminAnswer,
    AdminApi,
    AdminRequest,
    InstitutionRequest,
    ListRange,
    Query,
    Route,
    Times,
)
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.faults import ANYBODY
from sandbox.kit.institution.movements import InstitutionMovementsQuery, movements_answer
from sandbox.kit.institution.replies import Reply, text_reply

Number = Annotated[str, Field(min_length=1, max_length=64)]


class BillerFaultOrder(AdminRequest):
    """A fault at one institution, for an account, a bill, or the next caller, striking `times` calls.

    `expire_tokens` strikes at once, at one institution or at all; no other target can be named for it.
    """

    institution_id: str | None = Field(default=None, alias="house")
    account: Number | None = None
    bill: Number | None = None
    fault: BillerFault
    times: Times = 1

    @model_validator(mode="after")
    def _check_combination(self, info: ValidationInfo) -> Self:
        ends_logins = self.fault is BillerFault.EXPIRE_TOKENS
        if self.institution_id not in (info.context or {}) and not (
            ends_logins and self.institution_id is None
        ):
            raise ValueError("name one of the institutions here")
        if self.account is not None and self.bill is not None:
            raise ValueError("name either an account or a bill")
        if ends_logins and (self.account or self.bill):
            raise ValueError("logins die all together")
        return self


class UnpaidBillsQuery(ListRange):
    """Which part of the unpaid bills, of one institution or of all."""

    institution_id: str | None = Field(default=None, alias="house")


class AccountOfKindQuery(InstitutionRequest):
    """Which account: the nth of its kind, counted from 0."""

    kind: str
    nth: Annotated[int, Field(ge=0, le=100_000)] = 0

    @field_validator("kind")
    @classmethod
    def _is_a_kind(cls, kind: str) -> str:
        if kind.upper() not in BillerAccountKind.__members__:
            raise ValueError("no such kind")
        return kind.upper()

    @model_validator(mode="after")
    def _has_so_many(self, info: ValidationInfo) -> Self:
        counters: Mapping[str, OpenBiller] = info.context or {}
        if counters[self.institution_id].accounts.number_of(BillerAccountKind[self.kind], self.nth) is None:
            raise ValueError("there are not so many of this kind")
        return self


class EndOfDayQuery(InstitutionRequest):
    """Which day of which institution."""

    date: date


class BillerBooks(Protocol):
    """What the admin API reads of a family of billers."""

    @property
    def billers(self) -> Mapping[str, OpenBiller]:
        """The open institutions by their ids."""
        ...

    @property
    def book(self) -> BillerBook:
        """What they took, refused and noted."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    def end_logins(self, institution_id: str | None = None) -> None:
        """Let every bearer of an institution, or of all of them, expire at once."""
        ...


class BillerAdminApi(AdminApi):
    """The admin API that all institutions of a family share."""

    def __init__(self, books: BillerBooks) -> None:
        self._books = books

    @override
    def set_fault(self, body: bytes) -> None:
        order = BillerFaultOrder.model_validate_json(body, context=self._books.billers)
        if order.fault is BillerFault.EXPIRE_TOKENS or order.institution_id is None:
            self._books.end_logins(order.institution_id)
            return
        faults = self._books.billers[order.institution_id].faults
        faults.add(order.account or order.bill or ANYBODY, order.fault, order.times)

    @override
    def clear_faults(self) -> None:
        for biller in self._books.billers.values():
            biller.faults.clear()

    @override
    def faults(self) -> list[AdminAnswer]:
        counters = self._books.billers.items()
        return [
            {"house": name, **pending} for name, biller in counters for pending in biller.faults.listing()
        ]

    @override
    def dump(self) -> AdminAnswer:
        return self._books.book.dump()

    @override
    def unpaid(self, page: ListRange) -> AdminAnswer:
        return self._unpaid(page, self._books.billers)

    @override
    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        return {
            "unpaid": self._unpaid_of_query,
            "houses": self._institutions,
            "cast": self._account_of_kind,
            "movements": self._movements,
        }

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {"end_of_day": {"GET": self._end_of_day}}

    def _institutions(self, _query: Query) -> AdminAnswer:
        institutions = (biller.institution for biller in self._books.billers.values())
        return {
            "houses": [
                {"id": institution.id, "name": institution.name, "family": institution.family}
                for institution in institutions
            ]
        }

    def _movements(self, query: Query) -> AdminAnswer:
        selection = InstitutionMovementsQuery.model_validate(query, context=self._books.billers)
        payments = self._books.book.payments_of(selection.institution_id)
        return movements_answer(first_of(payments), movements_of(payments), selection)

    def _unpaid_of_query(self, query: Query) -> AdminAnswer:
        counters = self._books.billers
        order = UnpaidBillsQuery.model_validate(query)
        if order.institution_id is None:
            return self._unpaid(order, counters)
        selection = InstitutionRequest.model_validate({"house": order.institution_id}, context=counters)
        return self._unpaid(order, {selection.institution_id: counters[selection.institution_id]})

    def _unpaid(self, page: ListRange, counters: Mapping[str, OpenBiller]) -> AdminAnswer:
        unpaid = (line for biller in counters.values() for line in _unpaid_lines(biller))
        chosen = list(islice(unpaid, page.offset, page.offset + page.count))
        return {"today": self._books.clock.today(), "bills": chosen}

    def _account_of_kind(self, query: Query) -> AdminAnswer:
        order = AccountOfKindQuery.model_validate(query, context=self._books.billers)
        biller = self._books.billers[order.institution_id]
        number = biller.accounts.number_of(BillerAccountKind[order.kind], order.nth) or ""
        return _line(biller, _bill_for(biller, number))

    def _end_of_day(self, query: Query, _body: bytes) -> Reply:
        order = EndOfDayQuery.model_validate(query, context=self._books.billers)
        institution, intake = (
            self._books.billers[order.institution_id].institution,
            self._books.billers[order.institution_id].intake,
        )
        payments = self._books.book.payments_of(institution.id)
        rows = rows_of_day(payments, order.date, institution.office_code, intake.find_bill)
        return text_reply("text/csv; charset=utf-8", institution.layout.write(rows))


def _unpaid_lines(biller: OpenBiller) -> Iterator[AdminAnswer]:
    for number in biller.accounts.normal_numbers():
        for bill in biller.intake.unpaid_bills_of(number):
            yield _line(biller, bill)


def _bill_for(biller: OpenBiller, number: str) -> SimulatedBill:
    unpaid = biller.intake.unpaid_bills_of(number) or biller.accounts.bills_of(number)
    return unpaid[0] if unpaid else biller.accounts.bill_of_unknown(number)


def _line(biller: OpenBiller, bill: SimulatedBill) -> AdminAnswer:
    reported_paisa = biller.intake.outstanding_paisa(bill)
    return {
        "house": bill.institution_id,
        "fields": biller.institution.fields_of(bill, reported_paisa=reported_paisa or bill.base_paisa),
        "number": bill.number,
        "bill_number": bill.bill_number,
        "total_paisa": reported_paisa,
        "due_on": bill.due_on,
    }
