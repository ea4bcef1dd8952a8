"""Bills by the code on their notice, as the portal needs them (docs/adr/0131)."""

from typing import Protocol

from ekpay_switch.domain.scrolls.bill_notices import BillOfNotice


class BillNotices(Protocol):
    """Notices of bills that stand in our own database."""

    async def by_code(self, code: str) -> BillOfNotice | None:
        """The bill that this code names, in any status; None where no notice has it."""
        ...
