"""The kit of gateways end to end, over HTTP, with a sample family."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.switch_environment import settings_for_switch
from tests.sandbox.caller import SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.provider.sample_family import WALLET, Merchant, Sample, a_shop, gateway_settings


async def test_a_payer_pays_and_goes_back_with_get(merchant: Merchant) -> None:
    reference, visit = await merchant.a_visited()
    assert visit.sent_to is not None
    query = parse_qs(urlsplit(visit.sent_to).query)
    assert (query["x"], query["order"], query["status"]) == (["1"], [reference], ["paid"])
    status = await merchant.status(reference)
    assert (status["state"], status["amount"], status["currency"]) == ("paid", "120.50", "BDT")
    order = await merchant.order(reference)
    assert (order["fee_paisa"], order["fee_vat_paisa"], order["net_paisa"]) == (181, 27, 11_842)
    assert order["payer"] == await merchant.number("normal")


async def test_a_payer_goes_back_with_a_form_that_the_robot_brings(by_card: Merchant) -> None:
    async with a_shop() as shop:
        by_card.return_url = f"{shop.url}/return"
        reference, visit = await by_card.a_visited(follow=True)
    assert (visit.merchant_status, visit.page, visit.status) == (200, "thank you", "pending")
    assert visit.carries is not None
    assert shop.returns == [("POST", dict(visit.carries))]
    assert (await by_card.status(reference))["state"] == "agreed"


async def test_what_was_only_agreed_is_taken_once_by_the_merchants_own_call(by_card: Merchant) -> None:
    opened, _ = await by_card.create()
    assert (await by_card.ask("POST", f"orders/{opened}/take"))["refused"] == "not_agreed"
    reference, _ = await by_card.a_visited()
    first, second = [await by_card.ask("POST", f"orders/{reference}/take") for _ in range(2)]
    assert first == second
    assert first["state"] == "paid"
    assert (await by_card.order(reference))["calls"] == {"create": 1, "take": 2}
    poor, _ = await by_card.a_visited("insufficient_funds")
    assert (await by_card.ask("POST", f"orders/{poor}/take"))["refused"] == "declined"


@pytest.mark.parametrize(
    ("behaviour", "word", "state"),
    [
        (PayerDecision.CANCEL, "cancelled", "cancelled"),
        (PayerDecision.WRONG_PIN, "declined", "declined"),
        (PayerDecision.LEAVE, None, "opened"),
        (PayerDecision.LEAVE_AT_PIN, None, "opened"),
        (PayerDecision.RETURN, "paid", "paid"),
    ],
)
async def test_each_behaviour_of_a_payer_comes_to_what_it_says(
    merchant: Merchant, behaviour: PayerDecision, word: str | None, state: str
) -> None:
    reference, visit = await merchant.a_visited(behaviour=behaviour)
    assert visit.status == word
    assert (await merchant.status(reference))["state"] == state


async def test_a_page_needs_no_script_and_lets_only_its_own_run(by_card: Merchant) -> None:
    _, creation_time = await by_card.create()
    async with by_card.session.get(creation_time["page"]) as answer:
        assert (answer.status, "script-src" in answer.headers["content-security-policy"]) == (200, False)
        page = await answer.text()
    assert ("আপনার কার্ড নম্বর" in page, "Your card number" in page, "<script" in page) == (True, False, False)
    await by_card.admin("POST", "confirm", {"house": "postpay", "reference": "?", "payer": "1"})
    await pay(creation_time["page"], Payer(await by_card.number("normal")))
    async with by_card.session.get(creation_time["page"]) as answer:
        assert "script-src 'sha256-" in answer.headers["content-security-policy"]
        assert "<form method" in await answer.text()


async def test_a_page_lapses_and_one_that_nobody_has_is_not_found(
    merchant: Merchant, clock: SetClock
) -> None:
    reference, creation_time = await merchant.create()
    async with merchant.session.get(f"{creation_time['page']}x") as answer:
        assert answer.status == 404
    # The merchant's reference names the order, but it is no key to its page.
    async with merchant.session.get(f"{merchant.origin}/getpay/page/{creation_time['id']}") as answer:
        assert answer.status == 404
    clock.advance(seconds=1_800)
    async with merchant.session.get(creation_time["page"]) as answer:
        assert "এই পেমেন্টের সময় শেষ" in await answer.text()
    assert (await merchant.status(reference))["state"] == "expired"


async def test_a_reference_is_taken_for_ever_at_its_house_only(merchant: Merchant, by_card: Merchant) -> None:
    reference, _ = await merchant.a_visited(behaviour=PayerDecision.CANCEL)
    assert (await merchant.create(reference))[1] == {"refused": "duplicate"}
    assert "page" in (await by_card.create(reference))[1]


async def test_calls_are_found_by_path_and_method_and_turned_away_without_a_login(
    merchant: Merchant,
) -> None:
    reference, _ = await merchant.create()
    for path, method, status in (
        (f"orders/{reference}/", "GET", 200),
        (f"orders/{reference}", "DELETE", 405),
        ("orders", "GET", 404),
        ("orders/a/b/c", "GET", 404),
        ("page/x", "PUT", 405),
    ):
        assert (await merchant.call(method, path))[0] == status
    merchant.token = "other"
    assert (await merchant.call("GET", f"orders/{reference}"))[0] == 401
    assert (await merchant.call("POST", "token", {"user": "ekpay", "password": "x"}))[0] == 401
    assert (await merchant.call("POST", "token", []))[0] == 400


async def test_a_form_may_be_json_urlencoded_or_multipart(merchant: Merchant) -> None:
    fields = {"user": "ekpay", "password": "gateway-sandbox"}
    multipart = aiohttp.FormData(fields, default_to_multipart=True)
    url = f"{merchant.origin}/getpay/token"
    for data in (fields, multipart):
        async with merchant.session.post(url, data=data) as answer:
            assert answer.status == 200
    async with merchant.session.post(url, params=fields) as answer:
        assert answer.status == 200


async def test_calls_are_counted_in_the_book_and_by_order(merchant: Merchant) -> None:
    reference, _ = await merchant.a_visited()
    for _ in range(3):
        await merchant.status(reference)
    assert (await merchant.admin("GET", "calls?house=getpay"))["calls"] == {
        "token": 1,
        "create": 1,
        "status": 3,
    }
    assert (await merchant.order(reference))["calls"] == {"create": 1, "status": 3}
    stats = (await merchant.admin("GET", "stats"))["calls"]
    assert (stats["getpay.status"], stats["getpay.page"] > 2) == (3, True)


async def test_a_restart_replays_the_book(tmp_path: Path, clock: SetClock) -> None:
    async with served(Sample.open(gateway_settings(tmp_path), Clock(clock.now))) as (session, origin):
        merchant = Merchant(session, origin)
        await merchant.log_in()
        paid, _ = await merchant.a_visited("refund_processing")
        await merchant.a_visited("pending_then_paid")
        await merchant.a_visited("second_try")
        await merchant.a_visited(behaviour=PayerDecision.CANCEL)
        await merchant.refund(paid, "20.00", "RF1")
        before = await merchant.admin("GET", "orders?house=getpay")
        counted = await merchant.admin("GET", "calls?house=getpay")
    async with served(Sample.open(gateway_settings(tmp_path), Clock(clock.now))) as (session, other):
        merchant = Merchant(session, other)
        after = await merchant.admin("GET", "orders?house=getpay")
        for one in (*before["orders"], *after["orders"]):
            del one["page_url"]
        assert after == before
        assert await merchant.admin("GET", "calls?house=getpay") == counted
        clock.advance(seconds=120)
        after = await merchant.admin("GET", "orders?house=getpay")
        assert [one["state"] for one in after["orders"]] == ["paid", "paid", "paid", "cancelled"]
        assert after["orders"][0]["refunds"][0]["state"] == "done"


def test_a_switch_is_told_where_every_house_is() -> None:
    assert settings_for_switch([Sample], {"sample": "http://127.0.0.1:1"}, "secret") == {
        "EKPAY_GETPAY_URL": "http://127.0.0.1:1/getpay",
        "EKPAY_GETPAY_PASSWORD": "secret",
        "EKPAY_POSTPAY_URL": "http://127.0.0.1:1/postpay",
        "EKPAY_POSTPAY_PASSWORD": "secret",
    }
    assert settings_for_switch([Sample], {}, "secret") == {}


async def test_a_number_that_nobody_has_is_asked_for_again(merchant: Merchant) -> None:
    _, creation_time = await merchant.create()
    for number in ("0170000", "01799999999", "01990000000", "017000000033", WALLET):
        async with merchant.session.post(creation_time["page"], data={}) as answer:
            session = answer.cookies or answer.history[0].cookies
        cookies = {"Cookie": f"visit={session['visit'].value}"}
        form = {"wallet": number, "do": "confirm"}
        async with merchant.session.post(creation_time["page"], data=form, headers=cookies) as answer:
            assert ('name="otp"' in await answer.text()) is (number == WALLET)


async def test_faults_of_the_desk_strike_one_order_one_step_or_anybody(merchant: Merchant) -> None:
    reference, _ = await merchant.a_visited()
    other, _ = await merchant.a_visited()
    await merchant.fault(ProviderFault.HTTP_500, ProviderStep.STATUS, order=reference, times=2)
    assert (await merchant.call("GET", f"orders/{other}"))[0] == 200
    for _ in range(2):
        assert (await merchant.call("GET", f"orders/{reference}"))[0] == 500
    assert (await merchant.call("GET", f"orders/{reference}"))[0] == 200
    await merchant.fault(ProviderFault.LOST_DONE, ProviderStep.CREATE)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await merchant.create("LOST")
    assert (await merchant.status("LOST"))["state"] == "opened"
    await merchant.admin("POST", "faults", {"house": "getpay", "fault": "expire_tokens"})
    assert (await merchant.call("GET", f"orders/{other}"))[0] == 401
