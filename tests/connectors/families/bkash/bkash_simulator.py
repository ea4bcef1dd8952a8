"""A bKash with a book, small and honest except where a test bends it; a codec of the tests' own."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.connectors.families.bkash.bkash_stage import (
    CREATE,
    EXECUTE,
    FINE,
    GRANT,
    PREFIX,
    REFUND,
    REFUND_STATUS,
    SEARCH,
    STATUS,
    code,
    said,
)
from tests.wire.scripted_peer import Caller

APPROVE = "/_admin/approve"


@dataclass
class Page:
    """One payment as this desk has it."""

    invoice: str
    amount: str
    is_agreed: bool = False
    movements: list[str] = field(default_factory=list)
    refunds: list[dict[str, str]] = field(default_factory=list)


@dataclass
class HonestDesk:
    """`takes_twice`, `tells` and `has_robot` are how a test bends it."""

    takes_twice: bool = False
    tells: str = ""
    has_robot: bool = True
    pages: dict[str, Page] = field(default_factory=dict)

    async def serve(self, caller: Caller) -> None:
        asked = json.loads(caller.heard.body)
        path = caller.heard.path
        if path == GRANT:
            await caller.answer(said(FINE, id_token="t", refresh_token="r", expires_in=3600))
        elif path == CREATE:
            await caller.answer(self.create(asked))
        elif path == APPROVE:
            self.pages[asked["paymentID"]].is_agreed = self.has_robot
            await caller.answer(b"{}", status=200 if self.has_robot else 404)
        elif path.startswith(PREFIX):
            await caller.answer(self.payment(path, asked))
        else:
            answer = self.refund(path, asked)
            await caller.answer(answer, status=400 if b"externalCode" in answer else 200)

    def create(self, asked: dict[str, Any]) -> bytes:
        payment_id = f"TR0011x{len(self.pages)}"
        self.pages[payment_id] = Page(asked["merchantInvoiceNumber"], asked["amount"])
        kept = {name: asked[name] for name in ("amount", "currency", "merchantInvoiceNumber")}
        return said(
            FINE | kept,
            paymentID=payment_id,
            bkashURL=f"https://payment.bkash.com/?paymentId={payment_id}",
            transactionStatus="Initiated",
        )

    def payment(self, path: str, asked: dict[str, Any]) -> bytes:
        if path == SEARCH:
            page = next(one for one in self.pages.values() if asked["trxID"] in one.movements)
            return said(FINE | self.told(page) | {"trxID": asked["trxID"]})
        page = self.pages.get(asked["paymentID"], Page("", ""))
        if not page.invoice:
            return code("2002")
        if path == EXECUTE:
            if not page.is_agreed:
                return code("2060")
            if page.movements and not self.takes_twice:
                return code("2117")
            page.movements.append(f"TRX{len(page.movements)}")
        assert path in {EXECUTE, STATUS}
        return said(FINE | self.told(page), paymentID=asked["paymentID"], merchantInvoiceNumber=page.invoice)

    def told(self, page: Page) -> dict[str, str]:
        status = "Completed" if page.movements else "Initiated"
        told = {"amount": self.tells or page.amount, "currency": "BDT", "transactionStatus": status}
        told["verificationStatus"] = "Complete" if page.is_agreed else "Incomplete"
        return told | ({"trxID": page.movements[-1]} if page.movements else {})

    def refund(self, path: str, asked: dict[str, Any]) -> bytes:
        page = self.pages[asked["paymentId"]]
        named = {"originalTrxId": asked["trxId"]}
        if path == REFUND_STATUS:
            return said(named, refundTransactions=page.refunds)
        assert path == REFUND
        if page.refunds:
            return said({"internalCode": "too_much", "externalCode": "2072"})
        given = {"refundTrxId": "RFD1", "refundTransactionStatus": "Completed"}
        page.refunds.append(given | {"refundAmount": asked["refundAmount"]})
        return said(named | page.refunds[0], currency="BDT")
