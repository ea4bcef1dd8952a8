"""Client of the simulated BREB's admin API: bills are locked, saved and acknowledged, in whole taka."""

from types import MappingProxyType

from typing_extensions import override

from sandbox.billers.breb.faults import BrebFault, BrebStep
from sandbox.rehearsals.demo.admin_clients.admin_client import AvailableFaults, BillerAdminClient, Payable
from sandbox.rehearsals.demo.comparison.biller_books import TheirLine

_MOBILE = "01712345678"  # the example of the biller's own catalogue entry, which belongs to nobody
_PAISA = 100
_FAULTY_STEPS = (BrebStep.SAVE, BrebStep.ACKNOWLEDGE)


class BrebAdminClient(BillerAdminClient):
    """Client of BREB; a fault is a step and an effect, such as `acknowledge lost_done`."""

    name = "BREB"
    biller = "b9001"
    known_as = "breb_postpaid"
    bucket = "postpaid"
    parameters = MappingProxyType(
        {
            "bllr_accno": "sms_account_no",
            "bll_period": "period",
            "bill_mobno": "mobile",
        }
    )
    mischief = AvailableFaults([f"{step} {fault}" for step in _FAULTY_STEPS for fault in BrebFault])

    @override
    async def payables(self, count: int) -> list[Payable]:
        answer = await self.admin("GET", f"unpaid?count={count}")
        return [
            Payable(
                self.biller,
                bill["bill_number"],
                (
                    {
                        "bllr_accno": bill["account"],
                        "bll_period": bill["year"] + bill["month"],
                        "bill_mobno": _MOBILE,
                    },
                ),
                -(-bill["due_paisa"] // _PAISA) * _PAISA,
            )
            for bill in answer["bills"]
        ]

    @override
    async def set_fault(self, target: str, fault: str) -> None:
        step, name = fault.split(" ")
        await self.admin("POST", "faults", {"bill": target, "step": step, "fault": name})

    @override
    async def book(self) -> list[TheirLine]:
        return [
            TheirLine(
                transaction_id=line["transaction_id"],
                bill_number=line["bill_number"],
                amount_paisa=line["amount_taka"] * _PAISA,
                owed_paisa=line["due_paisa"],
                is_whole=line["is_acknowledged"],
            )
            for line in (await self.admin("GET", "dump"))["payments"]
        ]

    @override
    async def with_stated_amount(self, line: TheirLine) -> TheirLine:
        return line  # BREB echoes no amount, so it cannot contradict itself
