"""The command that collects one payment, against a stand-in of the switch and the simulated bKash."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from typing_extensions import override

from sandbox.callers.payer.payer import PayerDecision
from sandbox.commands import first_number
from sandbox.kit.tcp_ports import free_port
from sandbox.rehearsals.demo.admin_clients.admin_client import SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.bkash import BkashAdminClient, BkashNotificationCounts
from sandbox.rehearsals.demo.collecting.single_collection import SingleCollectionRequest, collect_once
from sandbox.rehearsals.demo.comparison.bkash_books import WalletMovement
from sandbox.rehearsals.demo.paying.single_payment import UnpayableError
from sandbox.rehearsals.installation import rest_shop as shops
from sandbox.rehearsals.installation.ekpay_command import CommandFailedError, EkpayCommand
from sandbox.rehearsals.installation.parties import (
    Parties,
    PartiesUnreadableError,
    Person,
    StagePartner,
    save,
)
from sandbox.rehearsals.installation.rest_shop import RestShop, open_account
from tests.sandbox.callers.client.stub_rest_v1 import KEY, PAYMENT, PAYMENT_ID, StubSwitch, stub_switch
from tests.sandbox.providers.bkash.caller import WALLET, BkashCaller

ADD_KEY = (
    "partners", "add-key", "bank", "--return-host", "127.0.0.1:8196",
    "--by", "rahima", "--approved-by", "tanvir", "--json",
)  # fmt: skip
BOTH = {"EKPAY_STAFF_PASSPHRASE": "words", "EKPAY_APPROVER_PASSPHRASE": "other words"}
CREATE, GET = "POST /v1/payments", "GET /v1/payments/ID"


@dataclass
class Stand:
    """A switch, a wallet and a shop, and what the command has said."""

    switch: StubSwitch
    bkash: BkashCaller
    shop: RestShop
    said: list[str]

    async def will_ask_for(self, wallet_page: bool = True) -> None:  # noqa: FBT001, FBT002 - a test's
        created = await self.bkash.create(
            amount="1278.75", callbackURL=f"http://{self.shop.place}/done?order=1&payment_id={PAYMENT_ID}"
        )
        action = {"type": "redirect", "url": created["bkashURL"]} if wallet_page else None
        self.switch.will_answer(CREATE, 201, PAYMENT | {"next_action": action})

    async def collect(self, **changes: object) -> str:
        wish = {"biller": "b025", "account": "10000007", "wallet": WALLET, "does": PayerDecision.APPROVE}
        await collect_once(
            SingleCollectionRequest(**(wish | {"amount_taka": "1250.00"} | changes)),  # type: ignore[arg-type]
            self.said.append,
        )
        return "\n".join(self.said)


@pytest.fixture
async def stand(tmp_path: Path, bkash: BkashCaller, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    monkeypatch.setenv("EKPAY_HOME", str(tmp_path))
    async with stub_switch() as switch:
        shop = RestShop("bank", f"127.0.0.1:{free_port()}", KEY)
        player = StagePartner("bank", "A Bank", "NS1", "s1", "bank", "pass-key", "s" * 32)
        save(Parties(switch.origin, (Person("rahima", "words"),), (player,)), tmp_path / "sandbox")
        shops.save(shop, tmp_path / "sandbox")
        yield Stand(switch, bkash, shop, [])


async def test_a_payer_pays_comes_back_and_the_end_is_told(stand: Stand) -> None:
    await stand.will_ask_for()
    lines = [{"seq": 1, "kind": "credit", "digits": "12345678901234567890"}]
    paid = {"status": "paid", "next_action": None, "next_check_at": None, "tokens": lines}
    stand.switch.will_answer(GET, 200, PAYMENT | paid)
    said = await stand.collect()
    assert "was sent back with success and was shown the shop's page" in said
    assert "in all            1278.75" in said
    assert "payment: paid" in said
    assert "1234 5678 9012 3456 7890" in said
    assert f"payments show {PAYMENT_ID[4:12]}-" in said


async def test_a_payer_who_leaves_leaves_it_open(stand: Stand) -> None:
    await stand.will_ask_for()
    stand.switch.will_answer(GET, 200, PAYMENT)
    said = await stand.collect(does=PayerDecision.LEAVE)
    assert "left the page, and was sent nowhere" in said
    assert "payment: pending" in said
    assert "next look    10:03:00Z" in said
    assert "sandbox payer 'https://payment.bkash.com/?paymentId=TR1' --wallet 01700000003 --follow" in said


async def test_a_payer_who_cancels_may_try_again(stand: Stand) -> None:
    await stand.will_ask_for()
    between = {"next_action": None, "next_check_at": PAYMENT["pay_until"]}
    stand.switch.will_answer(GET, 200, PAYMENT | between)
    said = await stand.collect(does=PayerDecision.CANCEL)
    assert "was sent back with cancel" in said
    assert "another try  may begin until 12:00:00Z" in said


async def test_a_recharge_names_its_amount_twice(stand: Stand) -> None:
    await stand.will_ask_for()
    stand.switch.will_answer(GET, 200, PAYMENT | {"status": "failed", "reason": "expired"})
    said = await stand.collect(biller="b9002", account="84000001", amount_taka="500")
    assert "payment: failed (expired)" in said
    body = stand.switch.asked[0][3]
    assert b'"parameters": {"customer_no": "84000001", "amount": "500"}, "amount": 50000' in body


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"biller": "b777"}, "no such biller"),
        ({"more": {"bll_period": "202611"}}, "no such biller with such a bill"),
        ({"amount_taka": "many"}, "is no amount"),
        ({"amount_taka": "0.001"}, "is no amount"),
        ({"address": "http://127.0.0.1:1"}, "or no switch"),
    ],
)
async def test_a_wish_that_cannot_be_granted_is_refused(
    stand: Stand, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(UnpayableError, match=said):
        await stand.collect(**changes)


async def test_a_refusal_of_the_switch_is_told_in_its_words(stand: Stand) -> None:
    errors = [{"pointer": "/amount", "code": "out_of_range"}]
    stand.switch.will_refuse(CREATE, status=422, code="validation_failed", errors=errors)
    with pytest.raises(UnpayableError, match=r"refuses: validation_failed \(/amount out_of_range\)"):
        await stand.collect()


async def test_a_payment_without_a_page_is_told(stand: Stand) -> None:
    await stand.will_ask_for(wallet_page=False)
    with pytest.raises(UnpayableError, match="opened no page"):
        await stand.collect()


async def test_without_a_shop_it_says_what_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKPAY_HOME", str(tmp_path))
    with pytest.raises(UnpayableError, match="make run"):
        await collect_once(SingleCollectionRequest("b025", "10000007", WALLET, PayerDecision.APPROVE), print)


class PrintingTool(EkpayCommand):
    """A tool whose commands print what they are told to."""

    printed = ""

    @override
    async def run(self, *arguments: str, **secrets: str) -> str:
        assert (arguments, secrets) == (ADD_KEY, BOTH)
        return self.printed


@pytest.fixture
def printing(tmp_path: Path) -> PrintingTool:
    """The tool at a stage whose home names its two persons."""
    staff = (Person("rahima", "words"), Person("tanvir", "other words"))
    save(Parties("http://127.0.0.1:1", staff, ()), tmp_path / "sandbox")
    return PrintingTool({"EKPAY_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    "printed", ["key: sk_{}\nkeep it", '{{"id": "x", "key": "sk_{}", "return_hosts": []}}', "sk_{}"]
)
async def test_a_key_is_found_however_it_is_printed(printing: PrintingTool, printed: str) -> None:
    PrintingTool.printed = printed.format("A-b_9" * 8)
    shop = await open_account(printing, "bank", "127.0.0.1:8196")
    assert (shop.key, shop.port) == ("sk_" + "A-b_9" * 8, 8196)
    assert "A-b_9" not in repr(shop)


async def test_a_command_that_prints_no_key_is_an_error(printing: PrintingTool) -> None:
    PrintingTool.printed = "sk_short"
    with pytest.raises(CommandFailedError, match="no key"):
        await open_account(printing, "bank", "127.0.0.1:8196")


def test_the_key_of_a_shop_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    assert shops.load(tmp_path) is None
    shop = RestShop("bank", "127.0.0.1:8196", KEY)
    shops.save(shop, tmp_path)
    assert shops.load(tmp_path) == shop
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    (tmp_path / "shop.json").write_text("[]")
    with pytest.raises(PartiesUnreadableError):
        shops.load(tmp_path)


async def test_the_wallets_book_is_read_from_its_settlement_files(bkash: BkashCaller) -> None:
    async with BkashAdminClient(SimulatorAddress(bkash.origin, "")) as desk:
        assert await desk.book() == []
        payment_id, trx_id = await bkash.a_paid(amount="100.00", merchantInvoiceNumber="INV-D")
        _, refund = await bkash.refund_v2(payment_id, trx_id, "25.00")
        collected = WalletMovement(trx_id, payment_id, "INV-D", 10_000, fee_paisa=150, stated_paisa=10_000)
        refunded = replace(collected, transaction=refund["refundTrxId"], amount_paisa=2_500, fee_paisa=0)
        assert await desk.book() == [collected, replace(refunded, refund_of=trx_id, stated_paisa=2_500)]
        assert await desk.notification_counts() == BkashNotificationCounts(
            is_confirmed=False, created=0, undelivered=0
        )


def test_the_payer_has_a_number_of_the_kind_that_its_instrument_takes() -> None:
    assert first_number("card") == first_number("ebl") == first_number("sslcommerz")
    assert first_number("account") == first_number("pubali")
    assert first_number("wallet") == first_number("nagad") == first_number("bkash")
    assert len({first_number(kind) for kind in ("wallet", "card", "account")}) == 3
