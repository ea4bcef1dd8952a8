"""What billers need whose bills arrive as files, as a protocol: no far side is asked, our own books are."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.scrolls.bill_files import FoundBill, TakeAnswer, Taken, Taking


class BillFiles(Protocol):
    """Bills that their billers handed over, and which of them we have taken.

    Each call is one durable transaction and raises `OverloadedError` where nothing was done, and
    `VerdictUnknownError` where nobody knows.
    """

    async def named(self, biller_id: str, parameters: Mapping[str, str]) -> Sequence[FoundBill]:
        """The bills that these parameters name, whatever became of them, the one due first at the front."""
        ...

    async def take(self, taking: Taking) -> TakeAnswer:
        """Take a bill for a payment, once: the same reference for the same bill and amount is told again."""
        ...

    async def settle(self, biller_id: str, reference: str, payment_id: UUID) -> Taken | None:
        """What this reference has taken; or None, and from this moment it never takes anything."""
        ...
