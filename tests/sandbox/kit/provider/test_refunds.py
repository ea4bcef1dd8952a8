"""What a house gives back, and what it does not."""

import aiohttp
import pytest

from sandbox.callers.payer.payer import PayerDecision
from sandbox.kit.provider.faults import ProviderFault
from tests.sandbox.caller import SetClock
from tests.sandbox.kit.provider.sample_family import Merchant


async def test_parts_are_given_back_up_to_what_was_paid(merchant: Merchant) -> None:
    reference, _ = await merchant.a_visited()
    first = await merchant.refund(reference, "20.00", "RF1")
    assert (first["state"], first["amount"]) == ("done", "20.00")
    assert (await merchant.refund(reference, "100.51", "RF2"))["refused"] == "too_much"
    assert (await merchant.refund(reference, "0", "RF2"))["refused"] == "too_much"
    assert (await merchant.refund(reference, "100.50", "RF2"))["state"] == "done"
    order = await merchant.order(reference)
    assert (order["refunded_paisa"], order["state"]) == (12_050, "paid")
    # The fee goes back in proportion, each share rounded by itself.
    assert [one["fee_paisa"] for one in order["refunds"]] == [30, 151]


async def test_a_reference_gives_back_once(merchant: Merchant) -> None:
    reference, _ = await merchant.a_visited()
    first, second = [await merchant.refund(reference, "20.00", "RF1") for _ in range(2)]
    assert first == second
    assert [one["calls"] for one in (await merchant.order(reference))["refunds"]] == [2]
    assert (await merchant.refund(reference, "21.00", "RF1"))["refused"] == "duplicate"
    other, _ = await merchant.a_visited()
    assert (await merchant.refund(other, "20.00", "RF1"))["refused"] == "duplicate"


async def test_without_a_reference_each_call_gives_back_again_until_there_were_too_many(
    merchant: Merchant,
) -> None:
    reference, _ = await merchant.a_visited()
    ids = {(await merchant.refund(reference, "1.00"))["refund"] for _ in range(3)}
    assert len(ids) == 3
    assert (await merchant.refund(reference, "1.00"))["refused"] == "too_many"


async def test_what_was_not_paid_or_is_too_old_is_not_given_back(merchant: Merchant, clock: SetClock) -> None:
    cancelled, _ = await merchant.a_visited(behaviour=PayerDecision.CANCEL)
    assert (await merchant.refund(cancelled, "1.00"))["refused"] == "not_paid"
    assert (await merchant.refund("NONE", "1.00"))["refused"] == "unknown"
    reference, _ = await merchant.a_visited()
    clock.advance(days=180)
    await merchant.log_in()
    assert (await merchant.refund(reference, "1.00"))["refused"] == "too_late"


async def test_a_house_may_give_back_the_whole_alone(by_card: Merchant) -> None:
    reference, _ = await by_card.a_visited()
    await by_card.ask("POST", f"orders/{reference}/take")
    assert (await by_card.refund(reference, "20.00"))["refused"] == "not_in_parts"
    assert (await by_card.refund(reference, "120.50"))["state"] == "done"


@pytest.mark.parametrize(("kind", "state"), [("refund_processing", "done"), ("refund_fails", "failed")])
async def test_a_refund_in_work_is_decided_after_a_while(
    merchant: Merchant, clock: SetClock, kind: str, state: str
) -> None:
    reference, _ = await merchant.a_visited(kind)
    refund = await merchant.refund(reference, "120.50", "RF1")
    assert refund["state"] == "processing"
    assert (await merchant.refund(reference, "0.01", "RF2"))["refused"] == "too_much"
    clock.advance(seconds=60)
    for name in ("RF1", refund["refund"]):
        assert (await merchant.ask("GET", f"refunds/{name}"))["state"] == state
    assert (await merchant.order(reference))["refunded_paisa"] == (12_050 if state == "done" else 0)


async def test_a_refused_payer_is_refused_every_time_and_no_money_moves(merchant: Merchant) -> None:
    reference, _ = await merchant.a_visited("refund_refused")
    for _ in range(2):
        assert (await merchant.refund(reference, "1.00", "RF1"))["refused"] == "refused"
    assert (await merchant.ask("GET", "refunds/RF1"))["refused"] == "unknown"
    assert (await merchant.order(reference))["refunds"] == []


@pytest.mark.parametrize(
    ("fault", "is_done"),
    [
        (ProviderFault.LOST_DONE, True),
        (ProviderFault.LOST_UNDONE, False),
        (ProviderFault.HTML, True),
        (ProviderFault.HTTP_500, False),
    ],
)
async def test_the_first_refund_alone_is_struck(
    merchant: Merchant, fault: ProviderFault, *, is_done: bool
) -> None:
    reference, _ = await merchant.a_visited(f"refund_{fault}")
    try:
        await merchant.call("POST", f"orders/{reference}/refunds", {"amount": "1.00", "refund": "RF1"})
    except aiohttp.ServerDisconnectedError:
        assert fault in {ProviderFault.LOST_DONE, ProviderFault.LOST_UNDONE}
    assert (len((await merchant.order(reference))["refunds"]) == 1) is is_done
    assert (await merchant.refund(reference, "1.00", "RF1"))["state"] == "done"
    assert len((await merchant.order(reference))["refunds"]) == 1


async def test_money_comes_back_to_who_paid(merchant: Merchant) -> None:
    async def balance() -> int:
        answer = await merchant.admin("GET", "unpaid?count=1")
        paisa: int = answer["payers"][0]["balance_paisa"]
        return paisa

    before = await balance()
    reference, _ = await merchant.a_visited()
    assert before - await balance() == 12_050
    await merchant.refund(reference, "120.50")
    assert await balance() == before
