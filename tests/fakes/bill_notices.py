"""Bill notices in memory; implements the port `BillNotices`."""

from dataclasses import dataclass, field

from ekpay_switch.domain.scrolls.bill_notices import BillOfNotice


@dataclass
class FakeBillNotices:
    """Notices by their code."""

    notices: dict[str, BillOfNotice] = field(default_factory=dict)

    def put(self, notice: BillOfNotice) -> None:
        self.notices[notice.code] = notice

    async def by_code(self, code: str) -> BillOfNotice | None:
        return self.notices.get(code)
