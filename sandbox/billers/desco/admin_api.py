"""What DESCO says to the admin calls."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator
from typing_extensions import override

from sandbox.billers.desco.bills import Bill
from sandbox.billers.desco.faults import Fault
from sandbox.billers.desco.movements import first_of, movements_of
from sandbox.kit.institution.admin_api import Answer, Asked, Desk, Page, Query, Times
from sandbox.kit.institution.movements import Since, movements_answer

if TYPE_CHECKING:
    from sandbox.billers.desco.institution import Institution


class FaultOrder(Asked):
    """A fault for one account or one bill, striking `times` calls."""

    account: Annotated[str, Field(pattern=r"^[0-9]{8}$")] | None = None
    bill: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    fault: Fault
    times: Times = 1

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        # Without a target only the bearers can be meant, and they die once and all together.
        targets = (self.account is not None) + (self.bill is not None)
        if targets != 1 and not (targets == 0 and self.fault is Fault.EXPIRE_TOKENS):
            raise ValueError("name either an account or a bill")
        return self


class AccountOrder(Asked):
    """Which account."""

    account: str


class DescoDesk(Desk):
    """The desk of one simulated DESCO."""

    def __init__(self, institution: "Institution") -> None:
        self._institution = institution

    @override
    def set_fault(self, body: bytes) -> None:
        order = FaultOrder.model_validate_json(body)
        target = order.account or order.bill
        if target is None:
            self._institution.bearers.revoke_all()
        else:
            self._institution.faults.add(target, order.fault, order.times)

    @override
    def clear_faults(self) -> None:
        self._institution.faults.clear()

    @override
    def faults(self) -> list[Answer]:
        return self._institution.faults.listing()

    @override
    def dump(self) -> Answer:
        return self._institution.book.dump()

    @override
    def unpaid(self, page: Page) -> Answer:
        far_side = self._institution
        unpaid = (bill for bill in far_side.world.normal_bills() if not far_side.is_paid(bill))
        chosen = [self._line(bill) for bill in islice(unpaid, page.offset, page.offset + page.count)]
        return {"today": far_side.clock.today(), "bills": chosen}

    @override
    def questions(self) -> Mapping[str, Callable[[Query], Answer]]:
        return {"bills": self._bills, "movements": self._movements}

    def _movements(self, query: Query) -> Answer:
        payments = self._institution.book.payments()
        return movements_answer(first_of(payments), movements_of(payments), Since.model_validate(query))

    def _bills(self, query: Query) -> Answer:
        order = AccountOrder.model_validate(query)
        bills = self._institution.world.bills_of(order.account)
        return {"bills": [self._line(bill) for bill in bills]}

    def _line(self, bill: Bill) -> Answer:
        return {
            "bill_number": bill.number,
            "account": bill.account.number,
            "total_paisa": bill.to_be_paid_on(self._institution.clock.today()),
            "is_paid": self._institution.is_paid(bill),
        }
