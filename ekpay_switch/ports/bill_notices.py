"""Bills by the code on their notice for the portal, and raising them for REST v1 (docs/adr/0131, 0138)."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from ekpay_switch.domain.scrolls.bill_files import FiledBill
from ekpay_switch.domain.scrolls.bill_notices import BillNotice, BillOfNotice, KnownBills, RaisedNotices


class BillNotices(Protocol):
    """Notices of bills that stand in our own database."""

    async def by_code(self, code: str) -> BillOfNotice | None:
        """The bill that this code names, in any status; None where no notice has it."""
        ...


class RaisedBills(Protocol):
    """Bills that offices raise over REST v1; each call is one transaction, durable on return."""

    async def is_issuer(self, partner_id: str, biller_id: str) -> bool:
        """Whether this partner may raise bills of this biller now."""
        ...

    async def raise_once(
        self, partner_id: str, biller_id: str, bills: Sequence[FiledBill], made_on: date
    ) -> RaisedNotices | KnownBills | None:
        """Raise bills of an office, all or none; the same bills again are answered and not raised again.

        None where the partner is no issuer any more: nothing was raised.
        """
        ...

    async def notice_of(self, biller_id: str, bill_key: str) -> BillNotice | None:
        """A bill in any status with the code of its notice; None where there is none of that number."""
        ...
