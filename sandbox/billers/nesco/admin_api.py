"""What NESCO says to the admin calls."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator
from typing_extensions import override

from sandbox.billers.nesco.faults import VEND_ONLY, Fault, Step
from sandbox.billers.nesco.movements import first_of, movements_of
from sandbox.kit.institution.admin_api import Answer, Asked, Desk, Page, Query, Times
from sandbox.kit.institution.faults import ANYBODY
from sandbox.kit.institution.movements import Since, movements_answer

if TYPE_CHECKING:
    from sandbox.billers.nesco.institution import Institution


class FaultOrder(Asked):
    """A fault for one customer, one quote or whoever comes next, striking `times` calls of a step.

    Without a step it strikes the vend; `close_before` strikes whichever call comes next.
    `expire_tokens` with neither target nor step strikes at once instead of waiting for a call.
    """

    account: Annotated[str, Field(pattern=r"^[0-9]{8}$")] | None = None
    quote: Annotated[str, Field(pattern=r"^[0-9]{18,20}$")] | None = None
    step: Step | None = None
    fault: Fault
    times: Times = 1

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.account is not None and self.quote is not None:
            raise ValueError("name either an account or a quote")
        if self.quote is not None and self.step is Step.QUOTE:
            raise ValueError("a quote has no number before it is given")
        if self.fault in VEND_ONLY and self.step not in {None, Step.VEND}:
            raise ValueError("this can only befall a vend")
        if self.fault is Fault.REFUSE and self.step is Step.HISTORY:
            raise ValueError("a history call is never refused")
        return self

    @property
    def strikes_at_once(self) -> bool:
        """Whether it waits for no call."""
        is_aimed = self.account or self.quote or self.step
        return self.fault is Fault.EXPIRE_TOKENS and not is_aimed

    @property
    def struck_step(self) -> Step | None:
        """The step it strikes; None is any."""
        return self.step if self.step or self.fault is Fault.CLOSE_BEFORE else Step.VEND


class NescoDesk(Desk):
    """The desk of one simulated NESCO."""

    def __init__(self, institution: "Institution") -> None:
        self._institution = institution

    @override
    def set_fault(self, body: bytes) -> None:
        order = FaultOrder.model_validate_json(body)
        if order.strikes_at_once:
            self._institution.bearers.revoke_all()
            return
        target = order.account or order.quote or ANYBODY
        self._institution.faults.add(order.struck_step, target, order.fault, order.times)

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
        customers = islice(far_side.world.normal_customers(), page.offset, page.offset + page.count)
        chosen = [{"customer_no": number} for number in customers]
        return {"today": far_side.clock.today(), "customers": chosen}

    @override
    def questions(self) -> Mapping[str, Callable[[Query], Answer]]:
        return {"movements": self._movements}

    def _movements(self, query: Query) -> Answer:
        vends = self._institution.book.all_vends()
        return movements_answer(first_of(vends), movements_of(vends), Since.model_validate(query))
