"""Client of the simulated NESCO's admin API: prepaid recharges, quoted first and vended once."""

from dataclasses import replace
from types import MappingProxyType

from typing_extensions import override

from sandbox.billers.desco.wire import amount_field
from sandbox.billers.nesco.faults import NescoFault
from sandbox.rehearsals.demo.admin_clients.admin_client import AvailableFaults, BillerAdminClient, Payable
from sandbox.rehearsals.demo.comparison.biller_books import TheirLine

_TAKA_MIN, _TAKA_STEP, _TAKA_STEPS = 100, 50, 29
_PAISA = 100
_TARIFF_CHANGE, _KEY_CHANGE = 84_000_000, 85_000_000
_SPECIAL = 4


class NescoAdminClient(BillerAdminClient):
    """Client of NESCO: recharges of prepaid meters, with twelve token lines after a tariff change."""

    name = "NESCO"
    biller = "b9002"
    known_as = "nesco_prepaid"
    bucket = "prepaid"
    parameters = MappingProxyType({"bllr_accno": "customer_no", "amount": "amount"})
    mischief = AvailableFaults(
        [fault.value for fault in NescoFault if fault is not NescoFault.ECHO_OTHER_AMOUNT],
        contradicting=NescoFault.ECHO_OTHER_AMOUNT.value,
    )

    @override
    async def payables(self, count: int) -> list[Payable]:
        answer = await self.admin("GET", f"unpaid?count={count}")
        customers = [entry["customer_no"] for entry in answer["customers"]]
        special = [
            str(first + number) for first in (_TARIFF_CHANGE, _KEY_CHANGE) for number in range(_SPECIAL)
        ]
        customers = [*special, *customers][:count]
        amounts = [_TAKA_MIN + number % _TAKA_STEPS * _TAKA_STEP for number in range(len(customers))]
        return [
            Payable(self.biller, customer, ({"bllr_accno": customer, "amount": str(taka)},), taka * _PAISA)
            for customer, taka in zip(customers, amounts, strict=True)
        ]

    @override
    async def set_fault(self, target: str, fault: str) -> None:
        await self.admin("POST", "faults", {"account": target, "step": "vend", "fault": fault})

    @override
    async def book(self) -> list[TheirLine]:
        return [
            TheirLine(
                transaction_id=line["transaction_id"],
                bill_number=line["transaction_id"],
                amount_paisa=line["amount_paisa"],
                token=",".join(token_line["digits"] for token_line in line["lines"]),
            )
            for line in (await self.admin("GET", "dump"))["vends"]
        ]

    @override
    async def with_stated_amount(self, line: TheirLine) -> TheirLine:
        login = await self.bank(
            "/nesco/api/login", {"userName": "ekpay", "password": self.address.password}, {}
        )
        bearer = {"access_token": login["data"]["access_token"]}
        vend = (await self.bank("/nesco/api/history", {"transactionId": line.transaction_id}, bearer))["data"]
        return replace(line, stated_paisa=amount_field(vend["fee"], "purchaseAmount") if vend else None)
