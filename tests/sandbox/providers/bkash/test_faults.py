"""What admin calls and magic wallets do to the simulated bKash, and which orders it refuses."""

import asyncio

import aiohttp
import pytest

from sandbox.providers.bkash.faults import MAGIC, BkashFault, BkashStep
from sandbox.providers.bkash.wallets import WalletKind, magic_wallet
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.bkash.caller import PREFIX, WALLET, BkashCaller, a_create

PAGE_KINDS = {WalletKind.WRONG_PIN, WalletKind.CANCELS, WalletKind.SAYS_SUCCESS, WalletKind.LEAVES}
PLAIN_KINDS = {WalletKind.NORMAL, WalletKind.COMPLETED_ALREADY, *PAGE_KINDS}
CLOSED = aiohttp.ServerDisconnectedError


async def has_moved(bkash: BkashCaller, payment_id: str) -> bool:
    line, status = await bkash.line(payment_id), await bkash.status(payment_id)
    moved = bool(line["executes"])
    assert moved == (status["transactionStatus"] == "Completed")
    return moved


@pytest.mark.parametrize("kind", WalletKind)
def test_each_kind_of_wallet_either_has_a_fault_or_is_plain(kind: WalletKind) -> None:
    assert any(one is kind for one, _ in MAGIC) != (kind in PLAIN_KINDS)


@pytest.mark.parametrize(
    ("kind", "moved"),
    [
        (WalletKind.EXECUTE_LOST_DONE, True),
        (WalletKind.EXECUTE_LOST_UNDONE, False),
        (WalletKind.EXECUTE_HANGS_DONE, True),
        (WalletKind.EXECUTE_HANGS_UNDONE, False),
    ],
)
async def test_an_answer_is_lost_and_only_the_status_tells_whether_the_money_moved(
    bkash: BkashCaller, kind: WalletKind, *, moved: bool
) -> None:
    payment_id = await bkash.a_payment(magic_wallet(kind))
    with pytest.raises(CLOSED):
        await bkash.execute(payment_id)
    assert await has_moved(bkash, payment_id) is moved
    assert await bkash.code("execute", paymentID=payment_id) == ("2117" if moved else "0000")
    assert await has_moved(bkash, payment_id)


async def test_a_hanging_execute_has_moved_the_money_long_before_it_closes(bkash: BkashCaller) -> None:
    payment_id = await bkash.a_payment(magic_wallet(WalletKind.EXECUTE_HANGS_DONE))
    call = asyncio.create_task(bkash.execute(payment_id))
    while (await bkash.line(payment_id))["executes"] == 0:
        assert not call.done()
    with pytest.raises(CLOSED):
        await call


@pytest.mark.parametrize(
    ("kind", "code", "moved"),
    [
        (WalletKind.EXECUTE_STRANGE_CODE, "2999", True),
        (WalletKind.EXECUTE_FAILED_DONE, "2003", True),
        (WalletKind.EXECUTE_FAILED_UNDONE, "2003", False),
        (WalletKind.EXECUTE_DUPLICATE, "2029", False),
        (WalletKind.INSUFFICIENT_BALANCE, "2023", False),
        (WalletKind.BLOCKED, "2037", False),
        (WalletKind.NOTICE_FIRST, "0000", True),
        (WalletKind.EXECUTE_SLOW, "0000", True),
    ],
)
async def test_an_execute_is_answered_with_a_code(
    bkash: BkashCaller, kind: WalletKind, code: str, *, moved: bool
) -> None:
    payment_id = await bkash.a_payment(magic_wallet(kind))
    assert await bkash.code("execute", paymentID=payment_id) == code
    assert await has_moved(bkash, payment_id) is moved


async def test_process_failed_comes_in_the_envelope_of_errors(bkash: BkashCaller) -> None:
    payment_id = await bkash.a_payment(magic_wallet(WalletKind.EXECUTE_FAILED_UNDONE))
    assert await bkash.execute(payment_id) == {"errorCode": "2003", "errorMessage": "Process failed"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (WalletKind.INSUFFICIENT_BALANCE, "Declined"),
        (WalletKind.BLOCKED, "Declined"),
        (WalletKind.EXECUTE_DUPLICATE, "Initiated"),
        (WalletKind.EXECUTE_FAILED_UNDONE, "Initiated"),
    ],
)
async def test_what_the_status_says_after_a_refused_execute(
    bkash: BkashCaller, kind: WalletKind, status: str
) -> None:
    payment_id = await bkash.a_payment(magic_wallet(kind))
    await bkash.execute(payment_id)
    assert (await bkash.status(payment_id))["transactionStatus"] == status


async def test_a_web_page_is_answered_after_the_money_moved(bkash: BkashCaller) -> None:
    payment_id = await bkash.a_payment(magic_wallet(WalletKind.EXECUTE_HTML))
    status, answer = await bkash.post(f"{PREFIX}/execute", {"paymentID": payment_id})
    assert (status, answer.startswith("<!doctype html>")) == (200, True)
    assert await has_moved(bkash, payment_id)


async def test_another_amount_is_told_ever_after_and_the_right_one_was_moved(bkash: BkashCaller) -> None:
    wallet = magic_wallet(WalletKind.OTHER_AMOUNT)
    payment_id, trx_id = await bkash.a_paid(wallet, amount="100.00")
    status, found = await bkash.status(payment_id), await bkash.ask("general/searchTransaction", trxID=trx_id)
    assert (status["amount"], found["amount"]) == ("101.00", "101.00")
    assert (await bkash.line(payment_id))["amount_paisa"] == 10_000
    assert (await bkash.admin("GET", "dump"))["wallets"][wallet] == 10_000_000 - 10_000


async def test_a_second_execute_may_be_2062(bkash: BkashCaller) -> None:
    payment_id, _ = await bkash.a_paid(magic_wallet(WalletKind.COMPLETED_ALREADY))
    assert await bkash.code("execute", paymentID=payment_id) == "2062"


async def test_the_token_dies_at_the_first_execute_and_nothing_moves(bkash: BkashCaller) -> None:
    payment_id = await bkash.a_payment(magic_wallet(WalletKind.TOKEN_DIES))
    status, answer = await bkash.post(f"{PREFIX}/execute", {"paymentID": payment_id})
    assert (status, answer) == (401, {"message": "The incoming token has expired"})
    await bkash.log_in()
    assert not await has_moved(bkash, payment_id)
    assert await bkash.code("execute", paymentID=payment_id) == "0000"


@pytest.mark.parametrize(
    ("kind", "refunds"),
    [
        (WalletKind.REFUND_LOST_DONE, 1),
        (WalletKind.REFUND_LOST_UNDONE, 0),
        (WalletKind.REFUND_HANGS_DONE, 1),
        (WalletKind.REFUND_HANGS_UNDONE, 0),
    ],
)
async def test_a_refund_without_an_answer_is_told_by_its_status(
    bkash: BkashCaller, kind: WalletKind, refunds: int
) -> None:
    payment_id, trx_id = await bkash.a_paid(magic_wallet(kind), amount="100")
    with pytest.raises(CLOSED):
        await bkash.refund_v2(payment_id, trx_id, "40.00")
    told = await bkash.refunds_v2(payment_id, trx_id)
    assert len(told["refundTransactions"]) == refunds
    assert (await bkash.refund_v2(payment_id, trx_id, "40.00"))[0] == 200


async def test_a_refund_is_refused_or_answered_with_a_web_page(bkash: BkashCaller) -> None:
    paid = await bkash.a_paid(magic_wallet(WalletKind.REFUND_REFUSED))
    status, answer = await bkash.refund_v2(*paid, "10.00")
    assert (status, answer["externalCode"]) == (400, "2074")
    assert (await bkash.refunds_v2(*paid))["refundTransactions"] == []
    paid = await bkash.a_paid(magic_wallet(WalletKind.REFUND_HTML))
    _, page = await bkash.refund_v2(*paid, "10.00")
    assert str(page).startswith("<!doctype html>")
    assert len((await bkash.refunds_v2(*paid))["refundTransactions"]) == 1


@pytest.mark.parametrize("target", ["payment", "invoice", "wallet", "anybody"])
async def test_a_fault_strikes_whom_it_is_set_for_and_nobody_else(bkash: BkashCaller, target: str) -> None:
    payment_id = await bkash.a_payment(merchantInvoiceNumber="STRUCK")
    other = await bkash.a_payment("01700000004")
    targets = {"payment": payment_id, "invoice": "STRUCK", "wallet": WALLET}
    order = {target: targets[target]} if target in targets else {}
    await bkash.fault("refuse", **order)
    if order:
        assert await bkash.code("execute", paymentID=other) == "0000"
    assert await bkash.code("execute", paymentID=payment_id) == "2037"
    assert (await bkash.admin("GET", "faults"))["faults"] == []


@pytest.mark.parametrize("fault", ["lost_undone", "close_before", "hang_undone"])
async def test_a_fault_set_for_n_calls_strikes_so_many(bkash: BkashCaller, fault: str) -> None:
    payment_id = await bkash.a_payment()
    await bkash.fault(fault, step="execute", payment=payment_id, times=2)
    for _ in range(2):
        with pytest.raises(CLOSED):
            await bkash.execute(payment_id)
    assert await bkash.code("execute", paymentID=payment_id) == "0000"


async def test_a_status_or_a_search_can_fail_too(bkash: BkashCaller) -> None:
    payment_id, trx_id = await bkash.a_paid()
    await bkash.fault("http_500", step="status")
    status, answer = await bkash.post(f"{PREFIX}/payment/status", {"paymentID": payment_id})
    assert (status, answer) == (500, {"message": "Internal server error"})
    await bkash.fault("strange_code", step="search")
    assert await bkash.code("general/searchTransaction", trxID=trx_id) == "2999"
    await bkash.fault("lost_done", step="refund_status")
    with pytest.raises(CLOSED):
        await bkash.refunds_v2(payment_id, trx_id)


@pytest.mark.parametrize(
    ("fault", "code", "opened"),
    [
        ("duplicate", "2029", 0),
        ("refuse", "2067", 0),
        ("failed_undone", "2003", 0),
        ("failed_done", "2003", 1),
    ],
)
async def test_a_create_can_be_refused_or_left_in_doubt(
    bkash: BkashCaller, fault: str, code: str, opened: int
) -> None:
    await bkash.fault(fault, step="create", invoice="INV-X")
    assert await bkash.code("create", **(a_create() | {"merchantInvoiceNumber": "INV-X"})) == code
    assert len((await bkash.admin("GET", "dump"))["payments"]) == opened


async def test_a_grant_can_be_refused_lost_or_blocked(bkash: BkashCaller) -> None:
    await bkash.fault("refuse", step="grant")
    assert (await bkash.grant())[0] == 401
    await bkash.fault("lost_undone", step="grant")
    with pytest.raises(CLOSED):
        await bkash.grant()
    await bkash.fault("block_app")
    assert (await bkash.grant())[0] == 401
    assert (await bkash.post(f"{PREFIX}/create", a_create()))[0] == 401


async def test_an_app_can_be_blocked_in_the_middle_of_a_payment(bkash: BkashCaller, clock: SetClock) -> None:
    payment_id = await bkash.a_payment()
    await bkash.fault("block_app", payment=payment_id)
    for _ in range(2):
        status, answer = await bkash.post(f"{PREFIX}/execute", {"paymentID": payment_id})
        assert (status, list(answer)) == (401, ["message"])
    clock.advance(hours=1)
    await bkash.log_in()
    assert await bkash.code("execute", paymentID=payment_id) == "0000"


async def test_expired_tokens_are_renewed_with_the_refresh_token(bkash: BkashCaller) -> None:
    await bkash.fault("expire_tokens")
    assert (await bkash.post(f"{PREFIX}/create", a_create()))[0] == 401
    await bkash.log_in()
    assert (await bkash.create())["statusCode"] == "0000"


async def test_a_refusal_of_its_own_is_never_lost_and_uses_the_fault_up(bkash: BkashCaller) -> None:
    payment_id = (await bkash.create())["paymentID"]
    await bkash.fault("lost_done", payment=payment_id)
    assert await bkash.code("execute", paymentID=payment_id) == "2060"


async def test_ten_executes_at_once_move_the_money_once(bkash: BkashCaller) -> None:
    payment_id = await bkash.a_payment(amount="100")
    codes = await asyncio.gather(*(bkash.code("execute", paymentID=payment_id) for _ in range(10)))
    assert sorted(codes) == ["0000"] + ["2117"] * 9
    assert await bkash.balance(WALLET) == 10_000_000 - 10_000


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"fault": "lost_paid"},
        {"fault": "slow", "wallet": "1"},
        {"fault": "slow", "payment": "TR1", "invoice": "I"},
        {"fault": "slow", "step": "vend"},
        {"fault": "refuse", "step": "status"},
        {"fault": "insufficient", "step": "create"},
        {"fault": "duplicate", "step": "refund"},
        {"fault": "slow", "times": 0},
        {"fault": "slow", "account": "1"},
        [],
    ],
)
async def test_an_order_that_cannot_be_read_is_400(bkash: BkashCaller, order: object) -> None:
    assert await bkash.refused_order(order)


async def test_cleared_faults_no_longer_strike(bkash: BkashCaller) -> None:
    await bkash.fault("refuse", times=5)
    assert (await bkash.admin("DELETE", "faults"))["faults"] == []
    assert await bkash.code("execute", paymentID=await bkash.a_payment()) == "0000"


async def test_calls_and_pages_are_counted_by_operation_and_code(bkash: BkashCaller) -> None:
    payment_id, _ = await bkash.a_paid()
    await bkash.execute(payment_id)
    stats = await bkash.admin("GET", "stats")
    assert stats["replies"]["execute"] == {"0000": 1, "2117": 1}
    assert (stats["calls"]["grant"], stats["calls"]["create"]) == (1, 1)
    assert stats["calls"]["page"] > 2
    assert (await bkash.admin("GET", "health"))["status"] == "ok"


def test_every_step_can_be_named_in_an_order() -> None:
    assert {step for _, step in MAGIC} <= set(BkashStep)
    assert set(MAGIC.values()) <= set(BkashFault)


async def test_the_magic_wallets_can_be_asked_for_by_name(bkash: BkashCaller) -> None:
    wallets = await bkash.admin("GET", "wallets")
    assert wallets.keys() == {kind.name.lower() for kind in WalletKind}
    assert (wallets["normal"], wallets["execute_lost_done"]) == ("01700000000", "01991000000")
