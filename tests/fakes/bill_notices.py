"""Bill notices in memory; implements the port `BillNotices`."""

from dataclasses import dataclass, field

from ekpay_switch.domain.scrolls.bill_notices import NoticedBill


@dataclass
class FakeBillNotices:
    """Notices by their code."""

    notices: dict[str, NoticedBill] = field(default_factory=dict)

    def put(self, notice: NoticedBill) -> None:
        self.notices[notice.code] = notice

    async def by_code(self, code: str) -> NoticedBill | None:
        return self.notices.get(code)
