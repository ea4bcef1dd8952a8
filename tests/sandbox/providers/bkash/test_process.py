"""The simulated bKash as a process of its own, killed in the middle of payments."""

import json
import signal
from pathlib import Path

import aiohttp
import pytest

from sandbox.providers.bkash.wallets import WalletKind, magic_wallet
from tests.sandbox.caller import process_of
from tests.sandbox.providers.bkash.caller import WALLET, BkashCaller, an_endpoint
from tests.sandbox.test_process import run

PREFIX_ROOT = "/v1.2.0-beta"


async def test_payments_refunds_balances_and_tokens_outlive_a_kill(tmp_path: Path) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with process_of(tmp_path, "--bkash-port") as (process, address):
            bkash = BkashCaller(session, address.removesuffix(PREFIX_ROOT))
            await bkash.log_in()
            opened = await bkash.create()
            paid = await bkash.a_paid(amount="100.00")
            await bkash.refund_v2(*paid, "30.00")
            lost = await bkash.a_payment(magic_wallet(WalletKind.EXECUTE_LOST_DONE))
            dropped = await bkash.a_payment(magic_wallet(WalletKind.EXECUTE_LOST_UNDONE))
            for payment_id in (lost, dropped):
                with pytest.raises(aiohttp.ServerDisconnectedError):
                    await bkash.execute(payment_id)
            before = await bkash.admin("GET", "dump")
            process.send_signal(signal.SIGKILL)
            await process.wait()
        async with process_of(tmp_path, "--bkash-port") as (_, address):
            bkash.origin = address.removesuffix(PREFIX_ROOT)
            assert await bkash.admin("GET", "dump") == before
            codes = [await bkash.code("execute", paymentID=one) for one in (paid[0], lost, dropped)]
            assert codes == ["2117", "2117", "0000"]
            assert len((await bkash.refunds_v2(*paid))["refundTransactions"]) == 1
            assert (await bkash.admin("GET", "dump"))["wallets"][WALLET] == 10_000_000 - 7_000
            # The page of before the kill is still good, at the port of now.
            url = f"{bkash.origin}/checkout?{opened['bkashURL'].split('?')[1]}"
            assert (await bkash.visit(opened | {"bkashURL": url})).status == "success"


async def test_a_process_posts_notifications_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with an_endpoint() as endpoint, aiohttp.ClientSession() as session:
        monkeypatch.setenv("EKPAY_BKASH_SNS_ENDPOINT", endpoint.url)
        async with process_of(tmp_path, "--bkash-port") as (process, address):
            bkash = BkashCaller(session, address.removesuffix(PREFIX_ROOT))
            await bkash.log_in()
            await bkash.a_paid()
            kinds = [message["Type"] for message in await endpoint.after(2)]
            assert kinds == ["SubscriptionConfirmation", "Notification"]
            process.terminate()
            await process.wait()


async def test_faults_dump_and_payer_by_command(tmp_path: Path) -> None:
    async with (
        process_of(tmp_path, "--bkash-port") as (_, address),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        origin = address.removesuffix(PREFIX_ROOT)
        bkash = BkashCaller(session, origin)
        await bkash.log_in()
        here = ("--of", "bkash", "--address", origin)
        code, output = await run("faults", "refuse", "--wallet", WALLET, "--step", "execute", *here)
        assert code == 0
        assert json.loads(output)["faults"] == [
            {"step": "execute", "number": WALLET, "fault": "refuse", "times": 1}
        ]
        creation_time = await bkash.create()
        code, output = await run("payer", creation_time["bkashURL"], "--wallet", WALLET, "--does", "approve")
        visit = json.loads(output)
        assert (code, visit["status"], visit["merchant_status"]) == (0, "success", None)
        assert visit["sent_to"].startswith("https://merchant.example/return?order=7&paymentID=TR0011")
        assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "2037"
        code, output = await run("dump", *here)
        assert (code, [line["status"] for line in json.loads(output)["payments"]]) == (0, ["Declined"])
        code, _ = await run("faults", "lost_paid", *here)
        assert code == 1
        code, _ = await run("payer", "http://127.0.0.1:1/", "--wallet", WALLET)
        assert code == 1
