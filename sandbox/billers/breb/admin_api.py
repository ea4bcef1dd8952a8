"""What BREB says to the admin calls."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Annotated, Protocol, Self

from pydantic import Field, model_validator
from typing_extensions import override

from sandbox.billers.breb.bills import BrebAccounts, BrebBill
from sandbox.billers.breb.book import BrebBook
from sandbox.billers.breb.faults import TOKEN_FAULTS, BrebFault, BrebStep
from sandbox.billers.breb.movements import first_of, movements_of
from sandbox.kit.institution.admin_api import AdminAnswer, AdminRequest, ListRange, Query, Times
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.faults import ANYBODY, StepFaults
from sandbox.kit.institution.movements import Since, movements_answer
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.single_institution_api import SingleInstitutionAdminApi

_EXAMPLE_MOBILE = "01712345678"  # of the biller's own catalogue entry; belongs to nobody


class BrebFaultOrder(AdminRequest):
    """A fault for one account, one bill or the next caller, striking `times` calls of a step.

    Without a step it strikes the save; `close_before` strikes whichever call comes next. A token
    fault with neither target nor step strikes at once instead of waiting for a call.
    """

    account: Annotated[str, Field(pattern=r"^[0-9]{13}$")] | None = None
    bill: Annotated[str, Field(pattern=r"^[0-9]{17}$")] | None = None
    step: BrebStep | None = None
    fault: BrebFault
    times: Times = 1

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if self.account is not None and self.bill is not None:
            raise ValueError("name either an account or a bill")
        if self.fault is BrebFault.REFUSE and self.step is BrebStep.STATUS:
            raise ValueError("a status call is never refused")
        return self

    @property
    def strikes_at_once(self) -> bool:
        """Whether it waits for no call."""
        is_aimed = self.account or self.bill or self.step
        return self.fault in TOKEN_FAULTS and not is_aimed

    @property
    def struck_step(self) -> BrebStep | None:
        """The step it strikes; None is any."""
        return self.step if self.step or self.fault is BrebFault.CLOSE_BEFORE else BrebStep.SAVE


class BrebAccountQuery(AdminRequest):
    """Which account."""

    account: str


class BrebState(Protocol):
    """What the admin API reads of the institution."""

    @property
    def faults(self) -> StepFaults[BrebFault]:
        """Faults set and not struck yet."""
        ...

    @property
    def book(self) -> BrebBook:
        """What was locked, saved and acknowledged."""
        ...

    @property
    def accounts(self) -> BrebAccounts:
        """All accounts and bills."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    def refusal_of_fetch(self, bill: BrebBill) -> Reply | None:
        """Return why a bill cannot be fetched and locked now, or None if it can."""
        ...

    def expire_tokens(self, fault: BrebFault) -> None:
        """Let the access token expire now, and the refresh token too if the fault says so."""
        ...


class BrebAdminApi(SingleInstitutionAdminApi):
    """The admin API of one simulated BREB."""

    def __init__(self, state: BrebState) -> None:
        super().__init__(state.faults)
        self._state = state

    @override
    def set_fault(self, body: bytes) -> None:
        order = BrebFaultOrder.model_validate_json(body)
        if order.strikes_at_once:
            self._state.expire_tokens(order.fault)
            return
        target = order.account or order.bill or ANYBODY
        self._state.faults.add(order.struck_step, target, order.fault, order.times)

    @override
    def dump(self) -> AdminAnswer:
        return self._state.book.dump(self._state.clock.now())

    @override
    def unpaid(self, page: ListRange) -> AdminAnswer:
        state = self._state
        payable = (bill for bill in state.accounts.normal_bills() if state.refusal_of_fetch(bill) is None)
        chosen = [_line(bill) for bill in islice(payable, page.offset, page.offset + page.count)]
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
        payable = (bill for bill in state.accounts.normal_bills() if state.refusal_of_fetch(bill) is None)
        bill = next(islice(payable, nth, None), None)
        if bill is None:
            return {}
        line = _line(bill)
        period = f"{line['year']}{line['month']}"
        return {"sms_account_no": str(line["account"]), "period": period, "mobile": _EXAMPLE_MOBILE}

    def _bills(self, query: Query) -> AdminAnswer:
        order = BrebAccountQuery.model_validate(query)
        return {"bills": [_line(bill) for bill in self._state.accounts.bills_of(order.account)]}


def _line(bill: BrebBill) -> AdminAnswer:
    return {
        "account": bill.account,
        # As the wire wants them, ready to be sent.
        "month": f"{bill.month:02d}",
        "year": f"{bill.year:04d}",
        "bill_number": bill.number,
        "due_paisa": bill.due_paisa,
    }
