"""Bill notices in memory; implements the ports `BillNotices` and `RaisedBills`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from ekpay_switch.domain.scrolls.bill_files import FiledBill, StoredBill
from ekpay_switch.domain.scrolls.bill_notices import (
    BillNotice,
    BillOfNotice,
    KnownBills,
    RaisedNotices,
    is_same_bill,
    notice_code,
)

FIRST_NUMBER = 10_000_000_000_000


@dataclass
class FakeBillNotices:
    """Notices by their code."""

    notices: dict[str, BillOfNotice] = field(default_factory=dict)

    def put(self, notice: BillOfNotice) -> None:
        self.notices[notice.code] = notice

    async def by_code(self, code: str) -> BillOfNotice | None:
        return self.notices.get(code)


@dataclass
class FakeRaisedBills:
    """Bills by biller and number; `issuers` are pairs of partner and biller, `days` those of each raising."""

    issuers: set[tuple[str, str]] = field(default_factory=set)
    bills: dict[tuple[str, str], BillNotice] = field(default_factory=dict)
    days: list[date] = field(default_factory=list)

    async def is_issuer(self, partner_id: str, biller_id: str) -> bool:
        return (partner_id, biller_id) in self.issuers

    async def raise_once(
        self, partner_id: str, biller_id: str, bills: Sequence[FiledBill], made_on: date
    ) -> RaisedNotices | KnownBills | None:
        if (partner_id, biller_id) not in self.issuers:
            return None
        names = [(biller_id, bill.bill_key) for bill in bills]
        known = [
            (bill, self.bills[name]) for bill, name in zip(bills, names, strict=True) if name in self.bills
        ]
        others = {bill.bill_key for bill, there in known if not is_same_bill(there.stored.bill, bill)}
        if known and (others or len(known) < len(bills)):
            return KnownBills(frozenset(others or {bill.bill_key for bill, _ in known}))
        self.days += [] if known else [made_on]
        for bill, name in zip(bills, names, strict=True):
            code = notice_code(FIRST_NUMBER + len(self.bills))
            self.bills.setdefault(name, BillNotice(code, StoredBill(bill)))
        return RaisedNotices(tuple(self.bills[name] for name in names), is_repeat=bool(known))

    async def notice_of(self, biller_id: str, bill_key: str) -> BillNotice | None:
        return self.bills.get((biller_id, bill_key))
