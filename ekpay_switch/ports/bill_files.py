"""What billers with bill files need, as a protocol: they read our own database and ask no far side."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.scrolls.bill_files import BillTaking, StoredBill, TakeAnswer, TakenBill


class BillFiles(Protocol):
    """Bills from bill files, and which of them our payments have taken.

    Each call is one durable transaction and raises `OverloadedError` where nothing was done, and
    `CommitUnknownError` where the commit is unknown.
    """

    async def by_parameters(self, biller_id: str, parameters: Mapping[str, str]) -> Sequence[StoredBill]:
        """The bills that these parameters name, in any status, by due date."""
        ...

    async def take(self, taking: BillTaking) -> TakeAnswer:
        """Take a bill for a payment, once: a repeat with the same bill and amount gets the same answer."""
        ...

    async def settle(self, biller_id: str, reference: str, payment_id: UUID) -> TakenBill | None:
        """The bill that this reference has taken; or None, and from now on it can take none."""
        ...
