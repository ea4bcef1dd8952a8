"""What is read for the comparison of collected money, and how it is told."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from typing_extensions import override

from sandbox.callers.client.client import ApiClient
from sandbox.callers.client.messages import payment_of
from sandbox.callers.client.return_page import ReturnPage
from sandbox.kit.institution.amounts import lakh
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable, SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.bkash import BkashAdminClient, BkashNotificationCounts
from sandbox.rehearsals.demo.admin_clients.provider_family import ProviderAdminClient
from sandbox.rehearsals.demo.collecting.book_reader import (
    ComparisonInputs,
    PayerOutcome,
    collection_of,
    compare_payers,
)
from sandbox.rehearsals.demo.collecting.load import CollectedPayment, PayerExperience
from sandbox.rehearsals.demo.collecting.participants import PayerSide
from sandbox.rehearsals.demo.collecting.provider_scenarios import BKASH, DemoProvider
from sandbox.rehearsals.demo.collecting.report import disagreements, open_payments, payers_json, show_payers
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse, PayerOrder
from sandbox.rehearsals.demo.comparison.bkash_books import OurRefund, OurTry, WalletMovement
from sandbox.rehearsals.demo.comparison.provider_books import ProviderOrder, ProviderRefund
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand
from tests.sandbox.callers.client.stub_rest_v1 import PAYMENT, PAYMENT_ID, REFUND
from tests.sandbox.rehearsals.demo.sample_demo import proof_of

TOTAL, FEE, PART = 127_875, 1_918, 50_000
BY_NAGAD = "pay_0196f0c8a4b27d3e9c5b7a1d2e3f4a5d"
MOVED = WalletMovement("TRX1", "TR1", "INV1", TOTAL, FEE, stated_paisa=TOTAL)
TRY = {
    "connector_id": BKASH,
    "reference": "INV1",
    "outcome": "approved",
    "provider_reference": "TR1",
    "provider_transaction": "TRX1",
    "collected": TOTAL,
}
GIVEN = {
    "id": "R1",
    "connector_id": "nagad",
    "kind": "refund",
    "state": "done",
    "amount": PART,
    "provider_refund": "BACK1",
    "bank_reference": None,
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
EXPORTED_OF_NAGAD = EXPORTED | {
    "id": "0196f0c8-a4b2-7d3e-9c5b-7a1d2e3f4a5d",
    "tries": [TRY | {"connector_id": "nagad", "reference": "REF1", "provider_transaction": "TRX9"}],
    "refunds": [GIVEN],
}
FROM_A_PREFUND = EXPORTED | {"id": "0196f0c8-a4b2-7d3e-9c5b-7a1d2e3f4a5c", "tries": []}
ORDER = ProviderOrder(
    "nagad", "REF1", is_paid=True, amount_paisa=TOTAL, kept_paisa=FEE, stated_paisa=TOTAL,
    names=frozenset({"TRX9"}), refunds=[ProviderRefund(PART, names=frozenset({"BACK1"}))],
)  # fmt: skip
PROVIDERS = [
    DemoProvider(BKASH, BKASH, PayerKind.WALLET, 10, takes_money_on_order=True, kept_basis_points=150),
    DemoProvider("nagad", "nagad", PayerKind.WALLET, 1, takes_money_on_order=False, kept_basis_points=150),
]
ALL_TAKEN = BkashNotificationCounts(is_confirmed=True, created=1, undelivered=0)


class BalanceTool(EkpayCommand):
    """A tool whose ledger says what two providers owe us."""

    @override
    async def run(self, *arguments: str, **secrets: str) -> str:
        assert arguments[:2] == ("db", "psql")
        return f'{{"receivable:bkash": {TOTAL - FEE}, "receivable:nagad": {TOTAL - FEE - PART}}}\n'


class StillWallet(BkashAdminClient):
    """A desk at a wallet that has moved one payment."""

    def __init__(self, notified: BkashNotificationCounts) -> None:
        super().__init__(SimulatorAddress("http://127.0.0.1:1", ""))
        self.notified = notified

    @override
    async def book(self) -> list[WalletMovement]:
        return [MOVED]

    @override
    async def notification_counts(self) -> BkashNotificationCounts:
        return self.notified


class StillGateway(ProviderAdminClient):
    """A desk at a family with these orders."""

    def __init__(self, *orders: ProviderOrder, owed: int = 0) -> None:
        super().__init__(SimulatorAddress("http://127.0.0.1:1", ""))
        self.orders = list(orders)
        self.owed = owed

    @override
    async def book(self) -> list[ProviderOrder]:
        return self.orders

    @override
    async def undelivered(self) -> dict[str, int]:
        return {"nagad": self.owed}


def a_payment(
    payment_id: str, connector: str, refunds: Sequence[Mapping[str, object]] = ()
) -> CollectedPayment:
    course = CollectionCourse.REFUND_PART if refunds else CollectionCourse.PLAIN
    order = PayerOrder(course, connector, Payable("b025", "102610000007", (), 125_000), "1", "1")
    told = PAYMENT | {"id": payment_id, "status": "paid", "next_action": None, "next_check_at": None}
    refunded = sum(int(str(one["amount"])) for one in refunds)
    return CollectedPayment(order, "key", payment_of(told | {"refunds": list(refunds), "refunded": refunded}))


def an_experience() -> PayerExperience:
    back = REFUND | {"payment_id": BY_NAGAD, "status": "done", "amount": PART}
    payments = {
        PAYMENT_ID: a_payment(PAYMENT_ID, BKASH),
        BY_NAGAD: a_payment(BY_NAGAD, "nagad", [back]),
    }
    return PayerExperience(payments=payments, came_back=2)


async def proven(
    *exported: Mapping[str, Any],
    gateway: StillGateway | None = None,
    notified: BkashNotificationCounts = ALL_TAKEN,
    experience: PayerExperience | None = None,
    missing: Sequence[str] = (),
) -> PayerOutcome:
    async with StillWallet(notified) as wallet, gateway or StillGateway(ORDER) as desk:
        client, page = ApiClient("http://127.0.0.1:1", "sk"), ReturnPage("127.0.0.1:1")
        # One desk stands for a whole family, and is asked once.
        side = PayerSide("padma", client, page, wallet, {"nagad": desk, "nagad2": desk})
        lines = exported or (EXPORTED, EXPORTED_OF_NAGAD)
        seen = ComparisonInputs(lines, [], an_experience() if experience is None else experience)
        return await compare_payers(BalanceTool({}), side, PROVIDERS, seen, unplayed_connectors=missing)


# ---- reading


def test_an_exported_line_becomes_a_payment_of_the_comparison() -> None:
    line = collection_of(EXPORTED_OF_NAGAD)
    assert (line.payment_id, line.total_paisa, line.bill_number) == (BY_NAGAD, TOTAL, "102610000007")
    assert line.tries == [OurTry("REF1", "approved", "TR1", "TRX9", TOTAL, "nagad")]
    assert line.refunds == [OurRefund("R1", "refund", "done", PART, "BACK1", "nagad")]
    assert (line.given_back_paisa, line.connectors) == (PART, frozenset({"nagad"}))
    by_hand = collection_of(EXPORTED_OF_NAGAD | {"refunds": [GIVEN | {"bank_reference": "FT-1"}]})
    assert by_hand.refunds[0].is_by_hand


async def test_each_payment_is_compared_with_its_own_provider() -> None:
    outcome = await proven(EXPORTED, EXPORTED_OF_NAGAD, FROM_A_PREFUND)
    assert disagreements(outcome) == []
    assert [[line.payment_id for line in one.ours] for one in outcome.providers] == [[PAYMENT_ID], [BY_NAGAD]]
    assert [one.owed_paisa for one in outcome.providers] == [TOTAL - FEE, TOTAL - FEE - PART]
    assert [(one.orders, one.refunds) for one in outcome.providers] == [(1, 0), (1, 1)]


# ---- what is noticed


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        ((ORDER, replace(ORDER, reference="REF9")), "nagad's order REF9: 0 times in the switch's books"),
        (
            (replace(ORDER, refunds=[]),),
            f"payment {BY_NAGAD}: refund R1 of {lakh(PART)} taka is not in the provider's book",
        ),
        (
            (replace(ORDER, amount_paisa=TOTAL - 1),),
            f"payment {BY_NAGAD}: try REF1: {lakh(TOTAL)} taka here, {lakh(TOTAL - 1)} there",
        ),
    ],
)
async def test_what_is_wrong_in_a_providers_book_is_unexplained(
    orders: tuple[ProviderOrder, ...], said: str
) -> None:
    outcome = await proven(gateway=StillGateway(*orders))
    assert said in disagreements(outcome)
    assert not proof_of(outcome).is_proven


async def test_messages_that_were_not_taken_are_noticed() -> None:
    outcome = await proven(
        gateway=StillGateway(ORDER, owed=3),
        notified=BkashNotificationCounts(is_confirmed=False, created=5, undelivered=2),
    )
    assert disagreements(outcome) == [
        "messages of nagad: 3 were not taken",
        "notifications of bkash: the switch has never confirmed that it wants them",
        "notifications of bkash: 2 of 5 were not taken",
    ]


async def test_a_payment_that_no_provider_was_compared_about_is_noticed() -> None:
    tries = [TRY | {"connector_id": "upay", "reference": "REF5"}]
    stray = EXPORTED | {"id": "0196f0c8-a4b2-7d3e-9c5b-7a1d2e3f4a5e", "tries": tries}
    outcome = await proven(EXPORTED, EXPORTED_OF_NAGAD, stray)
    assert disagreements(outcome) == ["payment pay_0196f0c8a4b27d3e9c5b7a1d2e3f4a5e: collected by ['upay']"]


async def test_a_connector_that_nobody_plays_is_unexplained() -> None:
    assert disagreements(await proven(missing=["newpay"])) == [
        "connector newpay: it is the switch's, and nobody here plays it"
    ]


async def test_what_surprised_the_shop_is_unexplained() -> None:
    experience = an_experience()
    experience.surprises.append("a payer came back for a payment of nobody")
    outcome = await proven(experience=experience)
    assert disagreements(outcome) == ["a payer came back for a payment of nobody"]
    assert payers_json(outcome)["unexplained"] == 1


async def test_a_payment_that_still_moves_is_open() -> None:
    outcome = await proven(EXPORTED | {"state": "delivering"}, EXPORTED_OF_NAGAD)
    assert open_payments(outcome) == 1
    assert len(disagreements(outcome)) == 2


# ---- what is told


async def test_the_report_tells_each_course_and_each_providers_own_book() -> None:
    outcome = await proven()
    screen = Console(width=140, record=True, file=io.StringIO())
    show_payers(outcome, screen)
    said = screen.export_text()
    assert "refund of a part" in said
    assert "completed (1)" in said
    (line,) = (line for line in said.splitlines() if line.strip().startswith("nagad"))
    assert line.split() == ["nagad", "1", "1", "0", "0", "0", "0", "0", "759.57", "759.57", "0"]
    (whole,) = (line for line in said.splitlines() if line.strip().startswith("all"))
    assert whole.split() == ["all", "2", "2", "0", "0", "0", "0", "0", "2,019.14", "2,019.14", "0"]
    assert "Work items for finance: 0" in said
    told = payers_json(outcome)
    assert (told["payments"], told["completed"], told["open"]) == (2, 2, 0)
    assert told["courses"] == {"plain": {"completed": 1}, "refund_of_a_part": {"completed": 1}}
    assert told["connectors"] == {
        BKASH: _line(BKASH, refunds=0, owed=TOTAL - FEE),
        "nagad": _line("nagad", refunds=1, owed=TOTAL - FEE - PART),
    }


def _line(family: str, refunds: int, owed: int) -> dict[str, object]:
    states = dict.fromkeys(("refunded", "declined", "expired", "in_review", "owed", "open"), 0)
    more = {"unexplained": 0, "work_items": 0, "paid_orders": 1, "refunds": refunds}
    money = {"owed_paisa": owed, "receivable_paisa": owed}
    return {"family": family, "payments": 1, "completed": 1, **states, **more, **money}


async def test_the_table_of_a_whole_day_fits_into_the_report() -> None:
    outcome = await proven()
    (_, nagad) = outcome.providers
    large = replace(nagad, owed_paisa=99_999_999, receivable_paisa=-99_999_999, ours=[*nagad.ours] * 1_000)
    members = [
        replace(large, provider=replace(nagad.provider, id=name, family="token_init_status"))
        for name in ("mutual_trust", "sonali_spg")
    ]
    screen = Console(width=140, record=True, file=io.StringIO())
    show_payers(replace(outcome, providers=members), screen)
    said = screen.export_text()
    assert "…" not in said
    (family,) = (line for line in said.splitlines() if line.strip().startswith("token_init_status"))
    assert family.split()[1] == "2000"


async def test_what_is_owed_is_told_as_work_for_finance() -> None:
    owed = GIVEN | {"kind": "give_back", "state": "by_hand", "amount": TOTAL, "provider_refund": None}
    line = EXPORTED_OF_NAGAD | {"state": "refunding", "refunds": [owed]}
    outcome = await proven(EXPORTED, line, gateway=StillGateway(replace(ORDER, refunds=[])))
    assert open_payments(outcome) == 0
    screen = Console(width=140, record=True, file=io.StringIO())
    show_payers(outcome, screen)
    assert "Work items for finance: 1, refunds of 1,278.75 taka" in screen.export_text()
    assert payers_json(outcome)["work_items"] == 1
