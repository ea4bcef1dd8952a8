"""What these offices say to the admin calls: their bill files, and what happens at their own counters."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationInfo, field_validator
from typing_extensions import override

from sandbox.billers.batch.bill_files import COUNTER_REFERENCE
from sandbox.kit.biller.admin_api import CounterDesk
from sandbox.kit.biller.call_results import Taken
from sandbox.kit.biller.till import Order
from sandbox.kit.institution.admin_api import Asked, Query, Route
from sandbox.kit.institution.replies import Reply, json_reply, text_reply

if TYPE_CHECKING:
    from sandbox.billers.batch.family import Institution

_CSV = "text/csv; charset=utf-8"


class HouseOrder(Asked):
    """An order about one house, which must be one of those of the context."""

    house: str

    @field_validator("house")
    @classmethod
    def _is_here(cls, house: str, info: ValidationInfo) -> str:
        if house not in (info.context or {}):
            raise ValueError("no such house here")
        return house


class BillOrder(HouseOrder):
    """An order about one bill of a house."""

    bill: Annotated[str, Field(min_length=1, max_length=64)]

    @field_validator("bill")
    @classmethod
    def _is_a_bill(cls, bill: str, info: ValidationInfo) -> str:
        counter = (info.context or {}).get(info.data.get("house"))
        if counter is None or counter.till.find(bill) is None:
            raise ValueError("no such bill here")
        return bill


class BatchDesk(CounterDesk):
    """The desk of this family.

    `GET bill_file?house=` is the newest file and `POST bill_file {"house"}` makes the next one;
    `POST counter_payment` and `POST withdraw`, both `{"house", "bill"}`, are told by the file after.
    """

    def __init__(self, institution: "Institution") -> None:
        super().__init__(institution)
        self._institution = institution

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {
            **super().routes(),
            "bill_file": {"GET": self._newest, "POST": self._next},
            "counter_payment": {"POST": self._pay_at_counter},
            "withdraw": {"POST": self._withdraw},
        }

    def _newest(self, query: Query, _body: bytes) -> Reply:
        order = HouseOrder.model_validate(query, context=self._institution.counters)
        counter = self._institution.counters[order.house]
        return text_reply(_CSV, self._institution.bill_files.newest(counter))

    def _next(self, _query: Query, body: bytes) -> Reply:
        order = HouseOrder.model_validate_json(body, context=self._institution.counters)
        counter = self._institution.counters[order.house]
        return text_reply(_CSV, self._institution.bill_files.make(counter))

    def _pay_at_counter(self, _query: Query, body: bytes) -> Reply:
        order = BillOrder.model_validate_json(body, context=self._institution.counters)
        till = self._institution.counters[order.house].till
        bill = till.find(order.bill)
        owed_paisa = 0 if bill is None else till.left_of(bill)
        reference = f"{COUNTER_REFERENCE}{order.bill}"
        verdict = till.pay(Order(reference, owed_paisa, bill_number=order.bill, facts={"channel": "counter"}))
        return json_reply({"paid": isinstance(verdict, Taken), "amount_paisa": owed_paisa})

    def _withdraw(self, _query: Query, body: bytes) -> Reply:
        order = BillOrder.model_validate_json(body, context=self._institution.counters)
        self._institution.bill_files.withdraw(self._institution.counters[order.house], order.bill)
        return json_reply({"withdrawn": order.bill})
