"""What these offices say to the admin calls: their bill files, and what happens at their own counters."""

from collections.abc import Mapping
from typing import Annotated, Protocol

from pydantic import Field, ValidationInfo, field_validator
from typing_extensions import override

from sandbox.billers.batch.bill_files import COUNTER_REFERENCE, BillFiles
from sandbox.kit.biller.admin_api import BillerAdminApi, BillerBooks
from sandbox.kit.biller.call_results import PaymentTaken
from sandbox.kit.biller.payment_intake import PaymentOrder
from sandbox.kit.institution.admin_api import InstitutionRequest, Query, Route
from sandbox.kit.institution.replies import Reply, json_reply, text_reply

_CSV = "text/csv; charset=utf-8"


class BillRequest(InstitutionRequest):
    """An order about one bill of an institution."""

    bill: Annotated[str, Field(min_length=1, max_length=64)]

    @field_validator("bill")
    @classmethod
    def _is_a_bill(cls, bill: str, info: ValidationInfo) -> str:
        biller = (info.context or {}).get(info.data.get("institution_id"))
        if biller is None or biller.intake.find_bill(bill) is None:
            raise ValueError("no such bill here")
        return bill


class ScrollBillers(BillerBooks, Protocol):
    """What the admin API reads of this family."""

    @property
    def bill_files(self) -> BillFiles:
        """The bill files of all institutions."""
        ...


class BatchAdminApi(BillerAdminApi):
    """The admin API of this family.

    `GET bill_file?house=` is the newest file and `POST bill_file {"house"}` makes the next one;
    `POST counter_payment` and `POST withdraw`, both `{"house", "bill"}`, show in the next file.
    """

    def __init__(self, books: ScrollBillers) -> None:
        super().__init__(books)
        self._files = books.bill_files

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {
            **super().routes(),
            "bill_file": {"GET": self._newest_file, "POST": self._make_next_file},
            "counter_payment": {"POST": self._pay_at_counter},
            "withdraw": {"POST": self._withdraw},
        }

    def _newest_file(self, query: Query, _body: bytes) -> Reply:
        order = InstitutionRequest.model_validate(query, context=self._books.billers)
        biller = self._books.billers[order.institution_id]
        return text_reply(_CSV, self._files.newest(biller))

    def _make_next_file(self, _query: Query, body: bytes) -> Reply:
        order = InstitutionRequest.model_validate_json(body, context=self._books.billers)
        biller = self._books.billers[order.institution_id]
        return text_reply(_CSV, self._files.make(biller))

    def _pay_at_counter(self, _query: Query, body: bytes) -> Reply:
        order = BillRequest.model_validate_json(body, context=self._books.billers)
        intake = self._books.billers[order.institution_id].intake
        bill = intake.find_bill(order.bill)
        owed_paisa = 0 if bill is None else intake.outstanding_paisa(bill)
        reference = f"{COUNTER_REFERENCE}{order.bill}"
        result = intake.pay(
            PaymentOrder(reference, owed_paisa, bill_number=order.bill, facts={"channel": "counter"})
        )
        return json_reply({"paid": isinstance(result, PaymentTaken), "amount_paisa": owed_paisa})

    def _withdraw(self, _query: Query, body: bytes) -> Reply:
        order = BillRequest.model_validate_json(body, context=self._books.billers)
        self._files.withdraw(self._books.billers[order.institution_id], order.bill)
        return json_reply({"withdrawn": order.bill})
