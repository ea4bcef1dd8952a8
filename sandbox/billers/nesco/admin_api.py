"""What NESCO says to the admin calls."""

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Protocol, Self

from pydantic import Field, model_validator
from typing_extensions import override

from sandbox.billers.nesco.book import NescoBook
from sandbox.billers.nesco.customers import NescoCustomers
from sandbox.billers.nesco.faults import VEND_ONLY, NescoFault, NescoStep
from sandbox.billers.nesco.movements import first_of, movements_of
from sandbox.kit.institution.admin_api import AdminAnswer, AdminRequest, ListRange, Times
from sandbox.kit.institution.bearer_tokens import BearerTokens
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.faults import ANYBODY, StepFaults
from sandbox.kit.institution.movements import Since, movements_answer
from sandbox.kit.institution.single_institution_api import SingleInstitutionAdminApi

_EXAMPLE_TAKA = "500"


class NescoFaultOrder(AdminRequest):
    """A fault for one customer, one quote or the next caller, striking `times` calls of a step.

    Without a step it strikes the vend; `close_before` strikes whichever call comes next.
    `expire_tokens` with neither target nor step strikes at once instead of waiting for a call.
    """

    account: Annotated[str, Field(pattern=r"^[0-9]{8}$")] | None = None
    quote: Annotated[str, Field(pattern=r"^[0-9]{18,20}$")] | None = None
    step: NescoStep | None = None
    fault: NescoFault
    times: Times = 1

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.account is not None and self.quote is not None:
            raise ValueError("name either an account or a quote")
        if self.quote is not None and self.step is NescoStep.QUOTE:
            raise ValueError("a quote has no number before it is given")
        if self.fault in VEND_ONLY and self.step not in {None, NescoStep.VEND}:
            raise ValueError("this can only befall a vend")
        if self.fault is NescoFault.REFUSE and self.step is NescoStep.HISTORY:
            raise ValueError("a history call is never refused")
        return self

    @property
    def strikes_at_once(self) -> bool:
        """Whether it waits for no call."""
        is_aimed = self.account or self.quote or self.step
        return self.fault is NescoFault.EXPIRE_TOKENS and not is_aimed

    @property
    def struck_step(self) -> NescoStep | None:
        """The step it strikes; None is any."""
        return self.step if self.step or self.fault is NescoFault.CLOSE_BEFORE else NescoStep.VEND


class NescoState(Protocol):
    """What the admin API reads of the institution."""

    @property
    def faults(self) -> StepFaults[NescoFault]:
        """Faults set and not struck yet."""
        ...

    @property
    def bearers(self) -> BearerTokens:
        """The logins."""
        ...

    @property
    def book(self) -> NescoBook:
        """What was quoted and vended."""
        ...

    @property
    def customers(self) -> NescoCustomers:
        """All customers."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...


class NescoAdminApi(SingleInstitutionAdminApi):
    """The admin API of one simulated NESCO."""

    def __init__(self, state: NescoState) -> None:
        super().__init__(state.faults)
        self._state = state

    @override
    def set_fault(self, body: bytes) -> None:
        order = NescoFaultOrder.model_validate_json(body)
        if order.strikes_at_once:
            self._state.bearers.revoke_all()
            return
        target = order.account or order.quote or ANYBODY
        self._state.faults.add(order.struck_step, target, order.fault, order.times)

    @override
    def dump(self) -> AdminAnswer:
        return self._state.book.dump()

    @override
    def unpaid(self, page: ListRange) -> AdminAnswer:
        state = self._state
        customers = islice(state.customers.normal_customers(), page.offset, page.offset + page.count)
        chosen = [{"customer_no": number} for number in customers]
        return {"today": state.clock.today(), "customers": chosen}

    @override
    def movements(self, since: Since) -> AdminAnswer:
        vends = self._state.book.all_vends()
        return movements_answer(first_of(vends), movements_of(vends), since)

    @override
    def open_bill(self, nth: int) -> Mapping[str, str]:
        number = next(islice(self._state.customers.normal_customers(), nth, None), None)
        return {} if number is None else {"customer_no": number, "amount": _EXAMPLE_TAKA}
