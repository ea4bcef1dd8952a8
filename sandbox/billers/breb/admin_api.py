"""What BREB says to the admin calls."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator
from typing_extensions import override

from sandbox.billers.breb.bills import Bill
from sandbox.billers.breb.faults import TOKEN_FAULTS, Fault, Step
from sandbox.billers.breb.movements import first_of, movements_of
from sandbox.kit.institution.admin_api import Answer, Asked, Desk, Page, Query, Times
from sandbox.kit.institution.faults import ANYBODY
from sandbox.kit.institution.movements import Since, movements_answer

if TYPE_CHECKING:
    from sandbox.billers.breb.institution import Institution


class FaultOrder(Asked):
    """A fault for one account, one bill or whoever comes next, striking `times` calls of a step.

    Without a step it strikes the save; `close_before` strikes whichever call comes next. A token
    fault with neither target nor step strikes at once instead of waiting for a call.
    """

    account: Annotated[str, Field(pattern=r"^[0-9]{13}$")] | None = None
    bill: Annotated[str, Field(pattern=r"^[0-9]{17}$")] | None = None
    step: Step | None = None
    fault: Fault
    times: Times = 1

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.account is not None and self.bill is not None:
            raise ValueError("name either an account or a bill")
        if self.fault is Fault.REFUSE and self.step is Step.STATUS:
            raise ValueError("a status call is never refused")
        return self

    @property
    def strikes_at_once(self) -> bool:
        """Whether it waits for no call."""
        is_aimed = self.account or self.bill or self.step
        return self.fault in TOKEN_FAULTS and not is_aimed

    @property
    def struck_step(self) -> Step | None:
        """The step it strikes; None is any."""
        return self.step if self.step or self.fault is Fault.CLOSE_BEFORE else Step.SAVE


class AccountOrder(Asked):
    """Which account."""

    account: str


class BrebDesk(Desk):
    """The desk of one simulated BREB."""

    def __init__(self, institution: "Institution") -> None:
        self._institution = institution

    @override
    def set_fault(self, body: bytes) -> None:
        order = FaultOrder.model_validate_json(body)
        if order.strikes_at_once:
            self._institution.expire_tokens(order.fault)
            return
        target = order.account or order.bill or ANYBODY
        self._institution.faults.add(order.struck_step, target, order.fault, order.times)

    @override
    def clear_faults(self) -> None:
        self._institution.faults.clear()

    @override
    def faults(self) -> list[Answer]:
        return self._institution.faults.listing()

    @override
    def dump(self) -> Answer:
        return self._institution.book.dump(self._institution.clock.now())

    @override
    def unpaid(self, page: Page) -> Answer:
        far_side = self._institution
        payable = (bill for bill in far_side.world.normal_bills() if far_side.refusal_of_fetch(bill) is None)
        chosen = [_line(bill) for bill in islice(payable, page.offset, page.offset + page.count)]
        return {"today": far_side.clock.today(), "bills": chosen}

    @override
    def questions(self) -> Mapping[str, Callable[[Query], Answer]]:
        return {"bills": self._bills, "movements": self._movements}

    def _movements(self, query: Query) -> Answer:
        payments = self._institution.book.payments()
        return movements_answer(first_of(payments), movements_of(payments), Since.model_validate(query))

    def _bills(self, query: Query) -> Answer:
        order = AccountOrder.model_validate(query)
        return {"bills": [_line(bill) for bill in self._institution.world.bills_of(order.account)]}


def _line(bill: Bill) -> Answer:
    return {
        "account": bill.account,
        # As the wire wants them, ready to be sent.
        "month": f"{bill.month:02d}",
        "year": f"{bill.year:04d}",
        "bill_number": bill.number,
        "due_paisa": bill.due_paisa,
    }
