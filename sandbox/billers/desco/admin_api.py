"""What DESCO says to the admin calls."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Annotated, Protocol, Self

from pydantic import Field, model_validator
from typing_extensions import override

from sandbox.billers.desco.bills import DescoAccounts, DescoBill
from sandbox.billers.desco.book import DescoBook
from sandbox.billers.desco.faults import DescoFault, DescoFaultTable
from sandbox.billers.desco.movements import first_of, movements_of
from sandbox.kit.institution.admin_api import AdminAnswer, AdminRequest, ListRange, Query, Times
from sandbox.kit.institution.bearer_tokens import BearerTokens
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.movements import Since, movements_answer
from sandbox.kit.institution.single_institution_api import SingleInstitutionAdminApi


class DescoFaultOrder(AdminRequest):
    """A fault for one account or one bill, striking `times` calls."""

    account: Annotated[str, Field(pattern=r"^[0-9]{8}$")] | None = None
    bill: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    fault: DescoFault
    times: Times = 1

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        # Without a target only the bearers can be meant, and they all expire at once.
        targets = (self.account is not None) + (self.bill is not None)
        if targets != 1 and not (targets == 0 and self.fault is DescoFault.EXPIRE_TOKENS):
            raise ValueError("name either an account or a bill")
        return self


class DescoAccountQuery(AdminRequest):
    """Which account."""

    account: str


class DescoState(Protocol):
    """What the admin API reads of the institution."""

    @property
    def faults(self) -> DescoFaultTable:
        """Faults set and not struck yet."""
        ...

    @property
    def bearers(self) -> BearerTokens:
        """The logins."""
        ...

    @property
    def book(self) -> DescoBook:
        """What was paid."""
        ...

    @property
    def accounts(self) -> DescoAccounts:
        """All accounts and bills."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    def is_paid(self, bill: DescoBill) -> bool:
        """Whether a bill is paid."""
        ...


class DescoAdminApi(SingleInstitutionAdminApi):
    """The admin API of one simulated DESCO."""

    def __init__(self, state: DescoState) -> None:
        super().__init__(state.faults)
        self._state = state

    @override
    def set_fault(self, body: bytes) -> None:
        order = DescoFaultOrder.model_validate_json(body)
        target = order.account or order.bill
        if target is None:
            self._state.bearers.revoke_all()
        else:
            self._state.faults.add(target, order.fault, order.times)

    @override
    def dump(self) -> AdminAnswer:
        return self._state.book.dump()

    @override
    def unpaid(self, page: ListRange) -> AdminAnswer:
        state = self._state
        unpaid = (bill for bill in state.accounts.normal_bills() if not state.is_paid(bill))
        chosen = [self._line(bill) for bill in islice(unpaid, page.offset, page.offset + page.count)]
        return {"today": state.clock.today(), "bills": chosen}

    @override
    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        return {**super().queries(), "bills": self._bills}

    @override
    def movements(self, since: Since) -> AdminAnswer:
        payments = self._state.book.payments()
        return movements_answer(first_of(payments), movements_of(payments), since)

    @override
    def open_bill(self, nth: int) -> Mapping[str, str]:
        state = self._state
        unpaid = (bill for bill in state.accounts.normal_bills() if not state.is_paid(bill))
        bill = next(islice(unpaid, nth, None), None)
        return {} if bill is None else {"account_no": bill.account.number}

    def _bills(self, query: Query) -> AdminAnswer:
        order = DescoAccountQuery.model_validate(query)
        bills = self._state.accounts.bills_of(order.account)
        return {"bills": [self._line(bill) for bill in bills]}

    def _line(self, bill: DescoBill) -> AdminAnswer:
        return {
            "bill_number": bill.number,
            "account": bill.account.number,
            "total_paisa": bill.to_be_paid_on(self._state.clock.today()),
            "is_paid": self._state.is_paid(bill),
        }
