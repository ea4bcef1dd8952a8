"""What each magic number does, at the page, in the answers and in the book."""

import time

import aiohttp
import pytest

from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.magic_numbers import (
    COMMON_KINDS,
    DuplicateKindError,
    PayerBehaviour,
    PayerKindRow,
    Payers,
)
from sandbox.kit.provider.payer_numbers import PayerKind, digits_of, masked, normal_numbers, number_of
from tests.sandbox.caller import SetClock
from tests.sandbox.kit.provider.sample_family import Merchant


@pytest.mark.parametrize("kind", PayerKind)
def test_every_kind_of_number_is_found_again_and_no_other_is(kind: PayerKind) -> None:
    for digits in (0, 10, 44, 99):
        for nth in (0, 199):
            assert digits_of(kind, number_of(kind, digits, nth), 200) == digits
    assert [digits_of(kind, number, 2) for number in normal_numbers(kind, 2)] == [0, 0]
    assert digits_of(kind, number_of(kind, 0, 200), 200) is None
    # Magic only for 1,000 of each.
    assert digits_of(kind, number_of(kind, 10, 1_000), 200) is None
    for number in ("", "0" * 11, number_of(kind, 10) + "0", "০১৭০০০০০০০০", "x" * 16):
        assert digits_of(kind, number, 200) is None


def test_a_number_is_masked_but_for_its_ends() -> None:
    assert masked("01700000003") == "017****0003"
    assert masked("4100000000000003") == "410000******0003"
    assert masked("") == ""


def test_no_two_kinds_share_a_number_or_a_name() -> None:
    rows = list(Payers(PayerKind.WALLET, 10).rows())
    assert len(rows) == len(COMMON_KINDS) + 1
    for own in ("digits", "name", "range"):
        one = PayerKindRow(
            {"digits": 90, "name": 90, "range": 89}[own],
            "cancels" if own == "name" else "own",
            "",
            PayerBehaviour(),
        )
        other = PayerKindRow(90 if own == "digits" else 91, "other", "", PayerBehaviour())
        with pytest.raises(DuplicateKindError):
            Payers(PayerKind.WALLET, 10, (one, other))
    assert Payers(PayerKind.WALLET, 10).number_of("unheard") is None


@pytest.mark.parametrize(
    ("kind", "word", "state"),
    [
        ("insufficient_funds", "declined", "declined"),
        ("declined", "declined", "declined"),
        ("wrong_pin", "declined", "declined"),
        ("cancels", "cancelled", "cancelled"),
        ("pending", "pending", "agreed"),
        ("second_try", "paid", "paid"),
        ("says_paid", "paid", "declined"),
        ("says_declined", "declined", "paid"),
        ("return_lost", None, "paid"),
        ("return_forged", "paid", "opened"),
        ("nothing_comes", None, "paid"),
        ("risky", "paid", "paid"),
    ],
)
async def test_what_the_browser_says_and_what_is_so(
    merchant: Merchant, kind: str, word: str | None, state: str
) -> None:
    reference, visit = await merchant.a_visited(kind)
    status = await merchant.status(reference)
    assert (visit.status, status["state"]) == (word, state)
    assert (status["payment"] != "") is (state == "paid")


async def test_a_reason_is_kept_and_tries_are_listed(merchant: Merchant) -> None:
    reasons = {}
    for kind in ("insufficient_funds", "declined", "wrong_pin"):
        reference, _ = await merchant.a_visited(kind)
        reasons[kind] = (await merchant.status(reference))["reason"]
    assert reasons == {kind: kind for kind in reasons}
    reference, _ = await merchant.a_visited("second_try")
    assert (await merchant.status(reference))["tries"] == ["declined"]
    reference, _ = await merchant.a_visited(behaviour=PayerDecision.WRONG_PIN)
    assert (await merchant.status(reference))["reason"] == "wrong_pin"


async def test_a_payer_without_so_much_money_is_declined(merchant: Merchant) -> None:
    _, creation_time = reference, _ = await merchant.create(amount="10000000.01")
    await pay(creation_time["page"], Payer(await merchant.number("normal")))
    status = await merchant.status(reference)
    assert (status["state"], status["reason"]) == ("declined", "insufficient_funds")


@pytest.mark.parametrize(
    ("kind", "state"), [("pending_then_paid", "paid"), ("pending_then_declined", "declined")]
)
async def test_what_is_pending_is_decided_after_a_while(
    merchant: Merchant, clock: SetClock, kind: str, state: str
) -> None:
    reference, visit = await merchant.a_visited(kind)
    status = await merchant.status(reference)
    assert (visit.status, status["state"], status["is_pending"]) == ("pending", "agreed", True)
    clock.advance(seconds=119)
    assert (await merchant.status(reference))["state"] == "agreed"
    clock.advance(seconds=1)
    assert (await merchant.status(reference))["state"] == state


async def test_what_is_pending_for_ever_outlives_its_page(merchant: Merchant, clock: SetClock) -> None:
    reference, _ = await merchant.a_visited("pending")
    clock.advance(days=30)
    await merchant.log_in()
    assert (await merchant.status(reference))["state"] == "agreed"


async def test_answers_lie_about_amount_or_currency_and_the_book_does_not(merchant: Merchant) -> None:
    reference, _ = await merchant.a_visited("other_amount")
    assert (await merchant.status(reference))["amount"] == "121.50"
    order = await merchant.order(reference)
    assert (order["amount_paisa"], order["told_paisa"]) == (12_050, 12_150)
    reference, _ = await merchant.a_visited("other_currency")
    assert (await merchant.status(reference))["currency"] == "USD"
    assert (await merchant.order(reference))["currency"] == "BDT"


async def test_who_was_not_sent_back_is_when_the_page_is_opened_again(merchant: Merchant) -> None:
    reference, visit = await merchant.a_visited("return_lost")
    assert "পেমেন্ট অনুমোদিত হয়েছে" in visit.page
    order = await merchant.order(reference)
    assert (await pay(order["page_url"], Payer("1"))).status == "paid"


async def test_a_family_reads_its_own_kinds(merchant: Merchant) -> None:
    reference, _ = await merchant.a_visited("risky")
    assert (await merchant.status(reference))["risk"] == "1"
    assert (await merchant.order(reference))["payer_kind"] == "risky"


@pytest.mark.parametrize(
    "fault",
    [
        ProviderFault.LOST_DONE,
        ProviderFault.HTML,
        ProviderFault.HTTP_500,
        ProviderFault.SLOW,
        ProviderFault.UNAUTHORISED,
    ],
)
async def test_the_first_status_alone_is_struck(merchant: Merchant, fault: ProviderFault) -> None:
    reference, _ = await merchant.a_visited(f"status_{fault}")
    begun = time.monotonic()
    if fault is ProviderFault.LOST_DONE:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await merchant.status(reference)
    else:
        status, answer = await merchant.call("GET", f"orders/{reference}")
        assert (status, isinstance(answer, str)) == {
            ProviderFault.HTML: (200, True),
            ProviderFault.HTTP_500: (500, False),
            ProviderFault.SLOW: (200, False),
            ProviderFault.UNAUTHORISED: (401, False),
        }[fault]
        assert (time.monotonic() - begun >= 0.3) is (fault is ProviderFault.SLOW)
    assert (await merchant.status(reference))["state"] == "paid"


@pytest.mark.parametrize(
    ("kind", "is_opened"),
    [
        ("create_lost_done", True),
        ("create_lost_undone", False),
        ("create_html", True),
        ("create_http_500", False),
        ("create_refuse", False),
    ],
)
async def test_a_named_payer_strikes_the_first_create(
    merchant: Merchant, kind: str, *, is_opened: bool
) -> None:
    body = {"amount": "5", "payer": await merchant.number(kind)}
    try:
        _, answer = await merchant.call("POST", "orders/C1", body)
    except aiohttp.ServerDisconnectedError:
        answer = None
    assert not isinstance(answer, dict) or "page" not in answer
    assert ("state" in await merchant.status("C1")) is is_opened
    again = await merchant.ask("POST", "orders/C1", body)
    assert ("page" in again) is not is_opened


async def test_a_hanging_call_closes_late_done_or_not(merchant: Merchant) -> None:
    for fault, is_done in ((ProviderFault.HANG_DONE, True), (ProviderFault.HANG_UNDONE, False)):
        await merchant.fault(fault, ProviderStep.CREATE, order=f"H{fault}")
        begun = time.monotonic()
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await merchant.create(f"H{fault}")
        assert time.monotonic() - begun >= 0.3
        assert ("state" in await merchant.status(f"H{fault}")) is is_done


async def test_taking_can_be_struck_where_the_merchant_takes(by_card: Merchant) -> None:
    reference, _ = await by_card.a_visited("take_lost_done")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await by_card.ask("POST", f"orders/{reference}/take")
    assert (await by_card.status(reference))["state"] == "paid"
    reference, _ = await by_card.a_visited("take_http_500")
    assert (await by_card.call("POST", f"orders/{reference}/take"))[0] == 500
    assert (await by_card.status(reference))["state"] == "agreed"
    assert (await by_card.ask("POST", f"orders/{reference}/take"))["state"] == "paid"
