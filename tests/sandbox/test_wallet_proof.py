"""What is read for the comparison of collected money, and how it is told."""

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from typing_extensions import override

from sandbox.client.client import ApiClient
from sandbox.client.messages import payment_of
from sandbox.client.return_page import ReturnPage
from sandbox.demo.bkash_desk import BkashDesk, Told
from sandbox.demo.desks import Address, Payable
from sandbox.demo.tool import Tool
from sandbox.demo.wallet_books import Movement, OurRefund, OurTry
from sandbox.demo.wallet_load import Collected, WalletExperience, WalletSide
from sandbox.demo.wallet_proof import WalletOutcome, collection_of, prove_wallet
from sandbox.demo.wallet_report import disagreements, open_payments, show_wallet, wallet_json
from sandbox.demo.wallet_script import Course, WalletOrder
from tests.sandbox.bkash_caller import WALLET
from tests.sandbox.stub_rest_v1 import PAYMENT, PAYMENT_ID

TOTAL, FEE = 127_875, 1_918
MOVED = Movement("TRX1", "TR1", "INV1", TOTAL, FEE, told_paisa=TOTAL)
TRY = {
    "reference": "INV1",
    "outcome": "approved",
    "provider_reference": "TR1",
    "provider_transaction": "TRX1",
    "collected": TOTAL,
}
EXPORTED: dict[str, Any] = {
    "id": "0196f0c8-a4b2-7d3e-9c5b-7a1d2e3f4a5b",
    "state": "completed",
    "bill_number": "102610000007",
    "bill_key": "102610000007",
    "amount": 124_999,
    "rounding": 1,
    "charge": 1_875,
    "fee": 870,
    "vat": 130,
    "tries": [TRY],
    "refunds": [],
}
FROM_A_PREFUND = EXPORTED | {"id": "0196f0c8-a4b2-7d3e-9c5b-7a1d2e3f4a5c", "tries": []}


class BalanceTool(Tool):
    """A tool whose ledger says one thing."""

    @override
    async def run(self, *arguments: str, **secrets: str) -> str:
        assert arguments[:2] == ("db", "psql")
        assert "receivable:bkash" in arguments[-1]
        return f"{TOTAL - FEE}\n"


class StillDesk(BkashDesk):
    """A desk at a wallet that has moved one payment."""

    def __init__(self, notified: Told) -> None:
        super().__init__(Address("http://127.0.0.1:1", ""))
        self.notified = notified

    @override
    async def book(self) -> list[Movement]:
        return [MOVED]

    @override
    async def told(self) -> Told:
        return self.notified


def an_experience(course: Course = Course.PLAIN) -> WalletExperience:
    order = WalletOrder(course, Payable("b025", "102610000007", (), 125_000), WALLET, WALLET)
    paid = payment_of(PAYMENT | {"status": "paid", "next_action": None, "next_check_at": None})
    return WalletExperience(payments={PAYMENT_ID: Collected(order, "key", paid)}, came_back=1)


async def proven(notified: Told, experience: WalletExperience, *exported: Mapping[str, Any]) -> WalletOutcome:
    async with StillDesk(notified) as desk:
        side = WalletSide("padma", ApiClient("http://127.0.0.1:1", "sk"), ReturnPage("127.0.0.1:1"), desk)
        return await prove_wallet(BalanceTool({}), side, exported or (EXPORTED,), [], experience)


ALL_TAKEN = Told(is_confirmed=True, owed=1, untaken=0)


def test_an_exported_line_becomes_a_payment_of_the_comparison() -> None:
    refund = {"id": "R1", "kind": "refund", "state": "done", "amount": 5_000, "provider_refund": "RTRX1"}
    line = collection_of(EXPORTED | {"refunds": [refund]})
    assert (line.payment_id, line.total_paisa, line.bill_number) == (PAYMENT_ID, TOTAL, "102610000007")
    assert line.tries == [OurTry("INV1", "approved", "TR1", "TRX1", TOTAL)]
    assert line.refunds == [OurRefund("R1", "refund", "done", 5_000, "RTRX1")]
    assert line.given_back_paisa == 5_000


async def test_only_collected_payments_are_compared_with_the_wallet() -> None:
    outcome = await proven(ALL_TAKEN, an_experience(), EXPORTED, FROM_A_PREFUND)
    assert disagreements(outcome) == []
    assert [line.payment_id for line in outcome.ours] == [PAYMENT_ID]
    assert outcome.receivable_paisa == TOTAL - FEE


async def test_notifications_that_were_not_taken_are_noticed() -> None:
    outcome = await proven(Told(is_confirmed=False, owed=5, untaken=2), an_experience())
    assert disagreements(outcome) == [
        "notifications of the wallet: the switch has never confirmed that it wants them",
        "notifications of the wallet: 2 of 5 were not taken",
    ]


async def test_what_surprised_the_shop_is_unexplained() -> None:
    experience = an_experience()
    experience.surprises.append("a payer came back for a payment of nobody")
    outcome = await proven(ALL_TAKEN, experience)
    assert disagreements(outcome) == ["a payer came back for a payment of nobody"]
    assert wallet_json(outcome)["unexplained"] == 1


async def test_the_report_tells_each_course_and_the_wallets_own_book() -> None:
    outcome = await proven(ALL_TAKEN, an_experience(Course.EXECUTE_LOST_DONE))
    screen = Console(width=140, record=True, file=io.StringIO())
    show_wallet(outcome, screen)
    said = screen.export_text()
    assert "execute lost done" in said
    assert "completed (1)" in said
    assert "bKash's own book: 1 collections of 1278.75 taka, 19.18 kept; 0 refunds of 0.00" in said
    assert "In our ledger it owes us 1259.57." in said
    told = wallet_json(outcome)
    assert (told["payments"], told["completed"], told["open"]) == (1, 1, 0)
    assert told["courses"] == {"execute_lost_done": {"completed": 1}}
    assert (told["collected_paisa"], told["kept_paisa"], told["receivable_paisa"]) == (
        TOTAL,
        FEE,
        TOTAL - FEE,
    )


async def test_a_payment_that_still_moves_is_open() -> None:
    outcome = await proven(ALL_TAKEN, an_experience(), EXPORTED | {"state": "delivering"})
    assert open_payments(outcome) == 1
    assert len(disagreements(outcome)) == 2
