"""Client of the simulated DESCO's admin API."""

from dataclasses import replace
from types import MappingProxyType

from typing_extensions import override

from sandbox.billers.desco.faults import DescoFault
from sandbox.billers.desco.wire import amount_field
from sandbox.rehearsals.demo.admin_clients.admin_client import AvailableFaults, BillerAdminClient, Payable
from sandbox.rehearsals.demo.comparison.biller_books import TheirLine


class DescoAdminClient(BillerAdminClient):
    """Client of DESCO; a bill is identified by its number or by the account."""

    name = "DESCO"
    biller = "b025"
    known_as = "desco_postpaid"
    bucket = "postpaid"
    parameters = MappingProxyType({"bll_no": "bill_no", "bllr_accno": "account_no"})
    mischief = AvailableFaults(
        [fault.value for fault in DescoFault if fault is not DescoFault.ECHO_OTHER_AMOUNT],
        contradicting=DescoFault.ECHO_OTHER_AMOUNT.value,
    )

    @override
    async def payables(self, count: int) -> list[Payable]:
        answer = await self.admin("GET", f"unpaid?count={count}")
        return [
            Payable(
                self.biller,
                bill["bill_number"],
                ({"bll_no": bill["bill_number"]}, {"bllr_accno": bill["account"]}),
                bill["total_paisa"],
            )
            for bill in answer["bills"]
        ]

    @override
    async def set_fault(self, target: str, fault: str) -> None:
        await self.admin("POST", "faults", {"bill": target, "fault": fault})

    @override
    async def book(self) -> list[TheirLine]:
        return [
            TheirLine(
                transaction_id=line["transaction_id"],
                bill_number=line["bill_number"],
                amount_paisa=line["amount_paisa"],
                scroll_no=line["scroll_no"],
                scroll_date=line["scroll_date"],
            )
            for line in (await self.admin("GET", "dump"))["payments"]
        ]

    @override
    async def with_stated_amount(self, line: TheirLine) -> TheirLine:
        login = await self.bank("/desco/api/login", {"user": "ekpay", "password": self.address.password}, {})
        bearer = {"Authorization": f"Bearer {login['token']}"}
        pair = {"billNumber": line.bill_number or "", "transactionId": line.transaction_id}
        payments = (await self.bank("/desco/api/payment-status", pair, bearer))["data"]
        return replace(line, stated_paisa=amount_field(payments[0], "paymentAmount") if payments else None)
