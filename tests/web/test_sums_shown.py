"""The sum that a page shows is the sum that the payer is debited, charges included, as the ledger has it."""

import re

import pytest

from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.receipts.receipt import receipt_of
from ekpay_switch.ports.receipts import PaidPayment
from ekpay_switch.web.receipts.lines import signed_facts
from ekpay_switch.web.receipts.pages import SignedReceipt, pdf_content
from tests.fakes.receipts import a_merchants_payment
from tests.scenarios.checkout import PAYMENT_ID
from tests.web.checkout.checkout_setup import HOME, Markup, Seen
from tests.web.checkout.language_setup import TOLD, Stand
from tests.web.receipts.receipt_setup import KEYS, Stage

SUM = re.compile(r"(?<![\d.,])[\d,]+\.\d\d(?!\d)")
HEADINGS = {
    "title": re.compile("<title>(.*?)</title>", re.DOTALL),
    "h1": re.compile("<h1.*?>(.*?)</h1>", re.DOTALL),
}
INSTRUMENTS = ["bkash", "nagad", "card", "nexus", "agrani"]


def sums_in(text: str) -> set[int]:
    """Every sum of money in a text, in paisa, whatever the digits."""
    found = SUM.findall(fold_bangla_digits(text))
    return {int(one.replace(",", "").replace(".", "")) for one in found}


def heading_sums(seen: Seen, tag: str) -> set[int]:
    found = HEADINGS[tag].search(seen.body.decode())
    assert found is not None
    return sums_in(found[1])


def moved(stand: Stand, account: str) -> int:
    """What the ledger has moved on the accounts of this name, in paisa without a sign."""
    entries = [entry for owner, entry in stand.shopper.small.books.entries if owner == PAYMENT_ID]
    postings = [one for entry in entries for one in entry.postings]
    return sum(abs(one.amount) for one in postings if one.account.partition(":")[0] == account)


def debited(stand: Stand) -> int:
    """What came from the payer: all that was collected into flight, before the connector kept its fee."""
    entries = [entry for owner, entry in stand.shopper.small.books.entries if owner == PAYMENT_ID]
    return -sum(min(one.amount, 0) for entry in entries for one in entry.postings if one.account == IN_FLIGHT)


def ledger_parts(stand: Stand) -> dict[str, int]:
    """The parts of what was paid, from the postings of the moment when it was credited."""
    return {
        "debited": debited(stand),
        "price": moved(stand, "payable"),
        "charge": moved(stand, "charge_income"),
        "fees": moved(stand, "fee_income") + moved(stand, "vat_payable"),
    }


@pytest.mark.parametrize("instrument", INSTRUMENTS)
async def test_the_sum_of_every_way_to_pay_is_what_the_ledger_takes_by_it(
    stand: Stand, instrument: str
) -> None:
    first = await stand.browser.get()
    offered = int(first.html.fields()[f"total-{instrument}"])
    go = await stand.browser.follow(await stand.browser.choose(instrument))
    waiting, leave = await stand.browser.get(), await stand.browser.get(f"{HOME}/cancel")
    connector_id = stand.shopper.tries()[-1].new.connector_id
    page, far = stand.shopper.page(connector_id), stand.shopper.far[connector_id]
    page.is_agreed = True
    if not far.profile.executes:
        far.take(page)
    await stand.shopper.wait(181)
    stand.put(**TOLD)
    paid = await stand.browser.get()
    parts = ledger_parts(stand)
    assert parts["debited"] == offered == sum(parts.values()) - parts["debited"]
    for seen in (go, waiting):
        assert sums_in(seen.text) == {parts["debited"]}
    assert sums_in(leave.text) == {parts["debited"], parts["price"]}
    assert heading_sums(paid, "title") == {parts["debited"]}
    panel = paid.body.decode().partition("<dl")[0].partition("<main")[2]
    assert sums_in(Markup(panel).text) == {parts["debited"]}
    assert sums_in(paid.text) == set(parts.values())


async def test_the_choice_is_headed_by_what_its_ways_take_from_the_cheapest_to_the_dearest(
    stand: Stand,
) -> None:
    first = await stand.browser.get()
    totals = {int(value) for name, value in first.html.fields().items() if name.startswith("total-")}
    assert len(totals) > 1
    assert heading_sums(first, "h1") == heading_sums(first, "title") == {min(totals), max(totals)}


async def test_where_all_ways_cost_the_same_the_heading_and_the_button_say_that_sum(stand: Stand) -> None:
    stand.shopper.takes("bkash")
    first = await stand.browser.get()
    (total,) = {int(value) for name, value in first.html.fields().items() if name.startswith("total-")}
    (button,) = re.findall('<button type="submit".*?</button>', first.body.decode(), re.DOTALL)
    assert heading_sums(first, "h1") == sums_in(button) == {total}


async def test_where_nothing_is_offered_no_sum_is_headed_that_nobody_is_debited(stand: Stand) -> None:
    stand.shopper.takes("nobody")
    first = await stand.browser.get()
    assert heading_sums(first, "h1") == heading_sums(first, "title") == set()


@pytest.mark.parametrize("state", [State.REFUNDING, State.REFUNDED])
async def test_what_goes_back_to_the_payer_is_everything_that_was_debited(stand: Stand, state: State) -> None:
    await stand.browser.pay()
    stand.put(state=state)
    seen = await stand.browser.get()
    parts = ledger_parts(stand)
    assert {parts["debited"]} <= sums_in(seen.text) <= {parts["debited"], parts["price"]}
    assert heading_sums(seen, "title") == {parts["debited"]}


async def test_a_refund_is_shown_beside_what_was_debited(stand: Stand) -> None:
    await stand.browser.pay()
    stand.put(**TOLD, refunded=Money(40_000))
    seen = await stand.browser.get()
    assert sums_in(seen.text) == {*ledger_parts(stand).values(), 40_000}


async def paid_receipt(stand: Stand) -> PaidPayment:
    """The payment of the books as its receipt reads it."""
    await stand.browser.pay()
    payment = await stand.shopper.now()
    return a_merchants_payment(sums=payment.sums, payment_id=payment.payment_id)


async def test_the_receipts_page_and_pdf_show_the_sums_of_the_ledger_and_no_others(stand: Stand) -> None:
    paid = await paid_receipt(stand)
    parts = ledger_parts(stand)
    known = {*parts.values(), moved(stand, "fee_income"), moved(stand, "vat_payable")} - {parts["fees"]}
    stage = Stage(paid)
    page = await stage.page(query=f"lang={stand.t.language.value}")
    assert sums_in(page.words) == known
    head = page.words.partition("Paid to")[0]
    assert sums_in(head) == {parts["debited"]}
    receipt = await receipt_of(paid.payment_id, stage.receipts, stage.desk.billers, stage.desk.connectors)
    assert receipt is not None
    content = pdf_content(
        SignedReceipt(receipt, KEYS.sign(signed_facts(receipt)), stage.path, "https://pay.example")
    )
    assert sums_in(str(content["groups"])) == known
    assert sums_in(str(content["verdict"])) == {parts["debited"]}
