"""The banks' consent pages, as a switch and a payer meet them that know nothing but their document."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.callers.payer.payer import PayerDecision
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.iso8583.caller import (
    ACQUIRERS,
    AMOUNT,
    HOUSES,
    IN_PAN,
    RETURN,
    Switch,
    a_reference,
    a_switch,
)


@pytest.fixture
async def switch(tmp_path: Path, clock: SetClock) -> AsyncIterator[Switch]:
    async with a_switch(tmp_path, clock) as opened:
        yield opened


@pytest.mark.parametrize("house", HOUSES)
async def test_a_payer_agrees_and_the_host_gives_the_money_and_takes_it_back(
    switch: Switch, house: str
) -> None:
    bank = switch.at(house)
    reference, alias = await bank.consented()
    assert (len(alias), alias[:2]) == ((19, "50") if house in IN_PAN else (20, "AL"))
    assert (await bank.order(reference))["state"] == "agreed"
    assert (await bank.totals())["taken_paisa"] == 0
    line = await bank.signed_on()
    request = bank.request(reference, alias)
    told = await line.ask("0200", request)
    assert (told[39], told[15], len(told[38])) == ("00", "0310", 6)
    echoed = {2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 48, 49, 102} & request.keys()
    assert told.keys() == echoed | {15, 38, 39}
    assert {number: told[number] for number in echoed} == {number: request[number] for number in echoed}
    assert told[32] == ACQUIRERS[house]
    order = await bank.order(reference)
    assert (order["state"], order["amount_paisa"], order["transaction_id"]) == ("paid", AMOUNT, told[38])
    assert (await bank.totals())["taken_paisa"] == AMOUNT
    assert (await line.ask("0420", bank.reversal(request)))[39] == "00"
    order = await bank.order(reference)
    assert (order["state"], order["reason"], order["net_paisa"]) == ("cancelled", "reversed", 0)
    assert (await bank.totals())["taken_paisa"] == 0


@pytest.mark.parametrize(
    ("kind", "does", "status", "state"),
    [
        ("normal", PayerDecision.APPROVE, "AGREED", "agreed"),
        ("normal", PayerDecision.RETURN, "AGREED", "agreed"),
        ("normal", PayerDecision.CANCEL, "CANCELLED", "cancelled"),
        ("cancels", PayerDecision.APPROVE, "CANCELLED", "cancelled"),
        ("normal", PayerDecision.WRONG_PIN, "REFUSED", "declined"),
        ("refused_at_page", PayerDecision.APPROVE, "REFUSED", "declined"),
        ("insufficient_funds", PayerDecision.APPROVE, "AGREED", "agreed"),
        ("says_declined", PayerDecision.APPROVE, "REFUSED", "agreed"),
    ],
)
async def test_the_browser_brings_back_what_the_payer_did(
    switch: Switch, kind: str, does: PayerDecision, status: str, state: str
) -> None:
    reference = a_reference()
    back = switch.returned(await switch.visit(switch.link(switch.members(reference)), kind, does))
    named = ["order", "status", "alias", "amount"] if status == "AGREED" else ["order", "status", "amount"]
    assert list(back) == named
    assert (back["order"], back["status"], back["amount"]) == (reference, status, str(AMOUNT))
    assert (await switch.order(reference))["state"] == state


@pytest.mark.parametrize("does", [PayerDecision.LEAVE, PayerDecision.LEAVE_AT_PIN])
async def test_who_leaves_is_sent_nowhere_and_may_come_back(switch: Switch, does: PayerDecision) -> None:
    reference = a_reference()
    link = switch.link(switch.members(reference))
    assert (await switch.visit(link, does=does)).sent_to is None
    assert (await switch.order(reference))["state"] == "opened"
    assert switch.returned(await switch.visit(link))["status"] == "AGREED"


async def test_the_same_link_shows_the_same_order_and_brings_the_same_alias(switch: Switch) -> None:
    reference = a_reference()
    link = switch.link(switch.members(reference))
    first = await switch.visit(link)
    again = await switch.visit(link)
    assert again.sent_to == first.sent_to
    # What became of the money changes nothing about what was agreed to.
    line = await switch.signed_on()
    request = switch.request(reference, switch.returned(first)["alias"])
    assert (await line.ask("0200", request))[39] == "00"
    assert (await switch.visit(link)).sent_to == first.sent_to


@pytest.mark.parametrize(
    ("reads", "texts"),
    [
        ("bn", ("জনতা ব্যাংক", "হিসাব নম্বর", "১,২৫০.৫০ টাকা")),
        ("en", ("Janata Bank", "account number", "BDT 1,250.50")),
    ],
)
async def test_a_page_speaks_bangla_and_english_and_needs_no_script(
    switch: Switch, reads: str, texts: tuple[str, ...]
) -> None:
    link = switch.link(switch.members(a_reference()))
    async with switch.session.get(link, headers={"Accept-Language": reads}) as answer:
        page = await answer.text()
    assert [text for text in texts if text not in page] == []
    assert "<script" not in page


@pytest.mark.parametrize(
    ("changes", "secret", "status"),
    [
        ({}, "sandbox-consent-agrani", 403),
        ({"acceptor": "ANOTHERSHOP0001"}, "", 400),
        ({"amount": "0"}, "", 400),
        ({"amount": "12.50"}, "", 400),
        ({"amount": "9" * 13}, "", 400),
        ({"currency": "840"}, "", 400),
        ({"return": "javascript:alert(1)"}, "", 400),
        ({"order": "SHORT"}, "", 400),
        ({"order": "lower0case0letters0here"}, "", 400),
        ({"order": "X" * 33}, "", 400),
    ],
)
async def test_a_link_that_is_not_right_is_refused_and_nothing_is_recorded(
    switch: Switch, changes: dict[str, str], secret: str, status: int
) -> None:
    members = switch.members(a_reference()) | changes
    for method in ("GET", "POST"):
        link = switch.link(members, secret)
        async with switch.session.request(
            method, link, data={"do": "cancel"} if method == "POST" else None
        ) as answer:
            assert answer.status == status
            assert "জনতা ব্যাংক" in await answer.text()
    assert (await switch.admin("GET", "dump"))["orders"] == []


async def test_a_changed_amount_breaks_the_signature_and_a_signed_one_is_refused(switch: Switch) -> None:
    reference = a_reference()
    link = switch.link(switch.members(reference))
    await switch.visit(link, does=PayerDecision.LEAVE)
    signed = switch.link(switch.members(reference, amount="100"))
    elsewhere = switch.link(switch.members(reference, **{"return": "https://evil.example/"}))
    tampered = link.replace(f"amount={AMOUNT}", "amount=100")
    for other, status in ((tampered, 403), (signed, 409), (elsewhere, 409)):
        async with switch.session.get(other) as answer:
            assert answer.status == status
    order = await switch.order(reference)
    assert (order["amount_paisa"], order["facts"]["return"]) == (AMOUNT, RETURN)


async def test_a_signature_of_the_way_back_opens_nothing(switch: Switch) -> None:
    back = switch.returned(await switch.visit(switch.link(switch.members(a_reference()))))
    async with switch.session.get(switch.link(back)) as answer:
        assert answer.status == 403


async def test_a_forged_return_bears_an_alias_of_nobody(switch: Switch) -> None:
    reference = a_reference()
    visit = await switch.visit(switch.link(switch.members(reference)), "return_forged")
    with pytest.raises(AssertionError):
        switch.returned(visit)
    assert "status=AGREED" in str(visit.sent_to)
    assert (await switch.order(reference))["state"] == "opened"


async def test_a_page_lapses(switch: Switch, clock: SetClock) -> None:
    link = switch.link(switch.members(a_reference()))
    await switch.visit(link, does=PayerDecision.LEAVE)
    clock.advance(seconds=1_800)
    visit = await switch.visit(link, does=PayerDecision.LEAVE)
    assert visit.sent_to is None
    assert "এই পেমেন্টের সময় শেষ" in visit.page


async def test_the_desk_agrees_for_a_payer(switch: Switch) -> None:
    url, reference = f"{switch.origin}/janata/_admin/approve", a_reference()
    async with switch.session.post(url, json={"reference": reference}) as answer:
        assert answer.status == 404
    page = switch.link(switch.members(reference))
    async with switch.session.post(url, json={"reference": reference, "page": page}) as answer:
        told = await answer.json()
    assert told["approved"] == reference
    assert told["sent_to"] == (await switch.visit(page)).sent_to
    async with switch.session.post(url, json={"reference": reference}) as answer:
        assert (await answer.json()) == told
    async with switch.session.post(url, json={"page": page.replace("sign=", "sign=0")}) as answer:
        assert answer.status == 403
    over = a_reference()
    await switch.visit(switch.link(switch.members(over)), does=PayerDecision.CANCEL)
    async with switch.session.post(url, json={"reference": over}) as answer:
        assert answer.status == 409
