"""Bill files in memory; implements the port `BillFiles` with the rules of the domain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from ekpay_switch.domain.scrolls.bill_files import (
    BillTaking,
    FiledBill,
    StoredBill,
    TakeAnswer,
    TakenBill,
    TakingRefusal,
    judge_taking,
)


@dataclass
class BillShelf:
    """Bills by their key; `broken` is what every call raises while it is set."""

    bills: dict[str, FiledBill] = field(default_factory=dict)
    takings: dict[str, BillTaking] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)
    broken: Exception | None = None

    def put(self, *bills: FiledBill) -> None:
        self.bills |= {bill.bill_key: bill for bill in bills}

    async def by_parameters(self, biller_id: str, parameters: Mapping[str, str]) -> Sequence[StoredBill]:
        del biller_id
        self._fail()
        found = [bill for bill in self.bills.values() if parameters.items() <= bill.parameters.items()]
        return [self._found(bill) for bill in sorted(found, key=lambda bill: (bill.due_on, bill.bill_key))]

    async def take(self, taking: BillTaking) -> TakeAnswer:
        self._fail()
        if taking.reference in self.barred:
            return TakingRefusal.BARRED
        standing = self.takings.get(taking.reference)
        if standing is not None:
            is_same = (standing.bill_key, standing.amount) == (taking.bill_key, taking.amount)
            return TakenBill(standing.amount, standing.receipt) if is_same else TakingRefusal.OTHER_CONTENT
        bill = self.bills.get(taking.bill_key)
        refusal = judge_taking(taking, None if bill is None else self._found(bill))
        if refusal is None:
            self.takings[taking.reference] = taking
        return refusal or TakenBill(taking.amount, taking.receipt)

    async def settle(self, biller_id: str, reference: str, payment_id: UUID) -> TakenBill | None:
        del biller_id, payment_id
        self._fail()
        standing = self.takings.get(reference)
        if standing is None:
            self.barred.add(reference)
            return None
        return TakenBill(standing.amount, standing.receipt)

    def _found(self, bill: FiledBill) -> StoredBill:
        return StoredBill(bill, any(taking.bill_key == bill.bill_key for taking in self.takings.values()))

    def _fail(self) -> None:
        if self.broken is not None:
            raise self.broken
