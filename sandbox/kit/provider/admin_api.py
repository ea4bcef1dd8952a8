"""What the institutions of a family say to the admin calls."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from itertools import islice
from typing import Annotated, Protocol, Self

from pydantic import Field, ValidationInfo, model_validator
from typing_extensions import override

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
from sandbox.kit.institution.movements import InstitutionMovementsQuery, Movement, movements_answer
from sandbox.kit.institution.replies import Reply, bytes_reply, error_reply, json_reply
from sandbox.kit.institution.stored_records import as_stored
from sandbox.kit.provider import payment_outcomes
from sandbox.kit.provider.book import ProviderBook
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.hooks import PushKind
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.orders import OrderState, ProviderOrder
from sandbox.kit.provider.payer_numbers import normal_numbers
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.settlement_file import FileDefect, SettlementRow, with_defect

Id = Annotated[str, Field(min_length=1, max_length=255)]

_TRY_SECONDS_MAX = 20
_WEEK = timedelta(days=7)


class ProviderFaultOrder(AdminRequest):
    """A fault at one institution for the next `times` calls of a step, of one order, one payer or anybody.

    `order` is the merchant's or the provider's reference, also of an order that is not opened yet. Without
    a step any call is struck. `expire_tokens` strikes at once, at one institution or at all.
    """

    institution_id: str | None = Field(default=None, alias="house")
    order: Id | None = None
    payer: Id | None = None
    step: ProviderStep | None = None
    fault: ProviderFault
    times: Times = 1

    @model_validator(mode="after")
    def _check_combination(self, info: ValidationInfo) -> Self:
        ends_logins = self.fault is ProviderFault.EXPIRE_TOKENS
        if self.institution_id not in (info.context or {}) and not (
            ends_logins and self.institution_id is None
        ):
            raise ValueError("name one of the institutions here")
        if self.order is not None and self.payer is not None:
            raise ValueError("name either an order or a payer")
        if ends_logins and (self.order or self.payer or self.step):
            raise ValueError("logins die all together")
        return self


class OrderQuery(InstitutionRequest):
    """Which order, by the merchant's reference."""

    reference: Id


class OrdersQuery(InstitutionRequest, ListRange):
    """Which part of the orders of an institution, in the order in which they were opened."""


class PayersQuery(InstitutionRequest):
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


class SettlementQuery(InstitutionRequest):
    """Which day of which institution, and what is to be wrong with its file."""

    date: date
    wrong: FileDefect | None = None


class ProviderBooks(Protocol):
    """What the admin API reads of a family of providers."""

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The open institutions by their ids."""
        ...

    @property
    def book(self) -> ProviderBook:
        """What was ordered, paid, given back and pushed."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    def settle_due_orders(self) -> None:
        """Decide every pending order and refund whose time has come."""
        ...

    def end_logins(self, institution_id: str | None = None) -> None:
        """Let every bearer of an institution, or of all of them, expire at once."""
        ...

    def rows_of_day(self, institution: ProviderInstitution, day: date) -> list[SettlementRow]:
        """Return the rows of the settlement file of a day."""
        ...

    def movements_of(self, institution: ProviderInstitution) -> Iterable[Movement]:
        """Return whatever moved at an institution, or was declined there, since its book was begun."""
        ...


class ProviderAdminApi(AdminApi):
    """The admin API that all institutions of a family share."""

    def __init__(self, books: ProviderBooks) -> None:
        self._books = books

    @override
    def set_fault(self, body: bytes) -> None:
        order = ProviderFaultOrder.model_validate_json(body, context=self._books.providers)
        if order.fault is ProviderFault.EXPIRE_TOKENS or order.institution_id is None:
            self._books.end_logins(order.institution_id)
            return
        faults = self._books.providers[order.institution_id].faults
        faults.add(order.step, order.order or order.payer or ANYBODY, order.fault, order.times)

    @override
    def clear_faults(self) -> None:
        for provider in self._books.providers.values():
            provider.faults.clear()

    @override
    def faults(self) -> list[AdminAnswer]:
        institutions = self._books.providers.items()
        return [
            {"house": name, **pending}
            for name, provider in institutions
            for pending in provider.faults.listing()
        ]

    @override
    def dump(self) -> AdminAnswer:
        self._books.settle_due_orders()
        orders = [
            self._line(provider, order)
            for name, provider in self._books.providers.items()
            for order in self._books.book.orders_of(name)
        ]
        return {"orders": orders, "pushes": [as_stored(push) for push in self._books.book.pushes()]}

    @override
    def unpaid(self, page: ListRange) -> AdminAnswer:
        chosen = []
        for name, provider in self._books.providers.items():
            numbers = normal_numbers(provider.institution.kind, provider.payers.accounts)
            for number in islice(numbers, page.offset, page.offset + page.count):
                line = {"house": name, "payer": number, "balance_paisa": provider.balance_paisa(number)}
                chosen.append(line)
        return {"today": self._books.clock.today(), "payers": chosen}

    @override
    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        return {
            "houses": self._institutions,
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

    def _institutions(self, _query: Query) -> AdminAnswer:
        return {"houses": [_institution_line(provider) for provider in self._books.providers.values()]}

    def _orders(self, query: Query) -> AdminAnswer:
        selection = OrdersQuery.model_validate(query, context=self._books.providers)
        self._books.settle_due_orders()
        provider = self._books.providers[selection.institution_id]
        orders = self._books.book.orders_of(selection.institution_id)[
            selection.offset : selection.offset + selection.count
        ]
        return {"orders": [self._line(provider, order) for order in orders]}

    def _movements(self, query: Query) -> AdminAnswer:
        selection = InstitutionMovementsQuery.model_validate(query, context=self._books.providers)
        self._books.settle_due_orders()
        orders = self._books.book.orders_of(selection.institution_id)
        institution = self._books.providers[selection.institution_id].institution
        first = orders[0].creation_time if orders else None
        return movements_answer(first, self._books.movements_of(institution), selection)

    def _calls(self, query: Query) -> AdminAnswer:
        selection = InstitutionRequest.model_validate(query, context=self._books.providers)
        return {"calls": dict(self._books.book.calls_of(selection.institution_id))}

    def _payers(self, query: Query) -> AdminAnswer:
        selection = PayersQuery.model_validate(query, context=self._books.providers)
        payers = self._books.providers[selection.institution_id].payers
        chosen = [row for row in payers.rows() if selection.kind in {None, row.name}]
        return {
            "payers": [
                {"kind": row.name, "number": payers.number_of(row.name, selection.nth), "means": row.meaning}
                for row in chosen
            ]
        }

    def _pushes(self, query: Query) -> AdminAnswer:
        selection = InstitutionRequest.model_validate(query, context=self._books.providers)
        pushes = self._books.book.pushes()
        return {
            "pushes": [as_stored(push) for push in pushes if push.institution_id == selection.institution_id]
        }

    def _order(self, query: Query, _body: bytes) -> Reply:
        selection = OrderQuery.model_validate(query, context=self._books.providers)
        provider = self._books.providers[selection.institution_id]
        order = provider.find(selection.reference)
        return error_reply(404, "no such order") if order is None else json_reply(self._line(provider, order))

    def _confirm(self, _query: Query, body: bytes) -> Reply:
        selection = ConfirmOrder.model_validate_json(body, context=self._books.providers)
        provider = self._books.providers[selection.institution_id]
        order = provider.find(selection.reference)
        if order is None:
            return error_reply(404, "no such order")
        is_open = provider.state(order) is OrderState.OPENED
        if not is_open or (selection.payer is not None and provider.payers.magic(selection.payer) is None):
            return error_reply(409, "the order is over, or nobody has this number")
        if selection.payer is None:
            payment_outcomes.end_order(provider, order, OrderState.CANCELLED, "cancelled")
        else:
            payment_outcomes.confirm_order(provider, order, selection.payer)
        return json_reply(self._line(provider, order))

    def _push(self, _query: Query, body: bytes) -> Reply:
        selection = PushOrder.model_validate_json(body, context=self._books.providers)
        provider = self._books.providers[selection.institution_id]
        order = provider.find(selection.reference)
        if order is None:
            return error_reply(404, "no such order")
        now = self._books.clock.now()
        is_late = selection.kind is PushKind.WEEK_LATE
        dated = (now - _WEEK).isoformat() if is_late else order.decided_at or now.isoformat()
        queued_pushes = [provider.send(order, selection.kind, dated) for _ in range(selection.times)]
        tried = partial(_until_tried, [queued_push.tried for queued_push in queued_pushes])
        return json_reply({"sent": len(queued_pushes), "kind": selection.kind})._replace(waits_for=tried)

    def _settlement(self, query: Query, _body: bytes) -> Reply:
        selection = SettlementQuery.model_validate(query, context=self._books.providers)
        self._books.settle_due_orders()
        institution = self._books.providers[selection.institution_id].institution
        rows = self._books.rows_of_day(institution, selection.date)
        is_trailer_wrong = selection.wrong is FileDefect.TRAILER
        content = institution.layout.write(
            with_defect(rows, selection.wrong), is_trailer_wrong=is_trailer_wrong
        )
        return bytes_reply(institution.layout.content_type, content)

    def _line(self, provider: Provider, order: ProviderOrder) -> AdminAnswer:
        report = provider.report_of(order)
        line: AdminAnswer = as_stored(order)
        more = {
            "state": report.state,
            # What every answer says; something else than what is so only for payers of that kind.
            "told_paisa": report.amount_paisa,
            "told_currency": report.currency,
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


def _institution_line(provider: Provider) -> AdminAnswer:
    institution = provider.institution
    return {
        "id": institution.id,
        "name": institution.name.english,
        "name_bn": institution.name.bangla,
        "family": institution.family,
        "kind": institution.kind,
        "fee_bp": institution.fee_bp,
        "fee_vat_bp": institution.fee_vat_bp,
        "page_seconds": institution.page_seconds,
        "takes_at_page": institution.takes_at_page,
        "refunds": None if institution.refunds is None else asdict(institution.refunds),
    }
