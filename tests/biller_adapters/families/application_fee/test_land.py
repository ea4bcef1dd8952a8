"""Land over the wire: mutation in its steps, land tax in parts and with its dakhila, e-Porcha by post."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.domain.bill import AmountRefused, Bill, BillFound, BillMissing, ChargeLine
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import ZERO, Money, format_taka, parse_taka, total
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NotFound, Posted
from ekpay_switch.domain.payments.delivery import PayOrder
from tests.biller_adapters.families.application_fee.offices_sandbox_stage import OfficesStage, offices_stage

MUTATION, DCR, LDTAX, PORCHA = "emutation_application", "emutation_dcr", "ldtax", "eporcha_khatian"
# The sandbox gives holdings whose serial ends in 3 or 7 to organisations, and exempts those ending in 5.
CITIZEN, ORGANISATION, EXEMPT = 0, 2, 4


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[OfficesStage]:
    async with offices_stage(tmp_path) as opened:
        yield opened


def lines(bill: Bill) -> dict[str, int]:
    return {line.label: line.amount.minor for line in bill.charges}


# ---- mutation ----------------------------------------------------------------------------------------------


async def test_a_mutation_costs_1170_taka_in_three_payments(stage: OfficesStage) -> None:
    court = await stage.named(MUTATION)
    assert court["stage"] == "court"
    notice, dcr = {**court, "stage": "notice"}, {"application_no": court["application_no"]}
    steps = ((MUTATION, court), (MUTATION, notice), (DCR, dcr))
    seen: dict[str, int] = {}
    for biller, named in steps:
        bill = await stage.bill(biller, named)
        seen |= lines(bill)
        assert isinstance(await stage.pay(stage.order(biller, bill)), Approved)
    assert seen == {
        "court_fee": 2_000,
        "notice_fee": 5_000,
        "record_correction": 100_000,
        "khatian_copy": 10_000,
    }
    booked = await stage.booked(MUTATION) + await stage.booked(DCR)
    assert (booked, sum(booked)) == ([2_000, 5_000, 110_000], 117_000)


async def test_no_step_of_a_mutation_is_owed_before_the_one_before_it(stage: OfficesStage) -> None:
    court = await stage.named(MUTATION)
    notice, dcr = {**court, "stage": "notice"}, {"application_no": court["application_no"]}
    assert await stage.fetch(MUTATION, notice) == BillMissing()
    assert await stage.fetch(DCR, dcr) == BillMissing()
    assert isinstance(await stage.pay_named(MUTATION, court), Approved)
    assert await stage.fetch(DCR, dcr) == BillMissing()
    assert isinstance(await stage.pay_named(MUTATION, notice), Approved)
    assert isinstance(await stage.fetch(DCR, dcr), BillFound)


async def test_a_step_that_is_not_open_cannot_be_paid_past_its_fetch(stage: OfficesStage) -> None:
    """Quotes of other applications, carried over to one of which nothing is paid."""
    first, second = await stage.named(MUTATION), await stage.named(MUTATION, nth=1)
    number = first["application_no"]
    await stage.pay_named(MUTATION, second)
    notice = await stage.bill(MUTATION, {**second, "stage": "notice"})
    await stage.pay(stage.order(MUTATION, notice))
    dcr = await stage.bill(DCR, {"application_no": second["application_no"]})
    for biller, bill in ((MUTATION, notice), (DCR, dcr)):
        moved = {
            name: told.replace(second["application_no"], number) for name, told in bill.biller_quote.items()
        }
        order = _quoting(stage.order(biller, bill), moved)
        assert await stage.pay(order) == Declined("not_open", "13")
        assert await stage.inquire(order) == NotFound()


async def test_each_step_is_paid_once(stage: OfficesStage) -> None:
    court = await stage.named(MUTATION)
    for named in (court, {**court, "stage": "notice"}):
        bill = await stage.bill(MUTATION, named)
        assert isinstance(await stage.pay(stage.order(MUTATION, bill)), Approved)
        assert await stage.pay(stage.order(MUTATION, bill)) == Declined("already_paid", "12")
        assert (await stage.bill(MUTATION, named)).is_paid
    assert await stage.booked(MUTATION) == [2_000, 5_000]


async def test_the_two_fees_of_one_application_are_two_bills(stage: OfficesStage) -> None:
    court = await stage.named(MUTATION)
    first = await stage.bill(MUTATION, court)
    await stage.pay(stage.order(MUTATION, first))
    second = await stage.bill(MUTATION, {**court, "stage": "notice"})
    number = court["application_no"]
    assert (first.bill_key, second.bill_key) == (f"{number}/court", f"{number}/notice")
    assert first.bill_number == second.bill_number == number


async def test_the_notice_fee_is_owed_for_seven_days_after_the_court_fee(stage: OfficesStage) -> None:
    court = await stage.named(MUTATION)
    notice = {**court, "stage": "notice"}
    await stage.pay_named(MUTATION, court)
    bill = await stage.bill(MUTATION, notice)
    assert bill.due_on is not None
    assert bill.due_on.isoformat() == "2026-03-17"
    stage.clock.instant = stage.clock.instant.replace(day=17)
    last_day = stage.order(MUTATION, await stage.bill(MUTATION, notice))
    stage.clock.instant = stage.clock.instant.replace(day=18)
    assert await stage.fetch(MUTATION, notice) == BillMissing()
    assert await stage.pay(last_day) == Declined("quote_expired", "14")


# ---- land tax ----------------------------------------------------------------------------------------------


async def test_a_citizen_pays_all_of_the_land_tax_or_nothing(stage: OfficesStage) -> None:
    named = await stage.named(LDTAX, nth=CITIZEN)
    assert named["owner_type"] == "citizen"
    bill = await stage.bill(LDTAX, named)
    assert set(lines(bill)) == {"current_tax", "arrears", "interest"}
    assert bill.late_fee.minor == lines(bill)["interest"] > 0
    assert bill.bill_key == named["payment_ref"]
    half = format_taka(bill.total.minor // 2)
    assert await stage.fetch(LDTAX, {**named, "amount": half}) == AmountRefused(bill.total)
    cut = _quoting(stage.order(LDTAX, bill), {**bill.biller_quote, "amount": half, "heads": ""}, half)
    assert await stage.pay(cut) == Declined("amount_differs", "15")
    assert isinstance(await stage.pay(stage.order(LDTAX, bill)), Approved)


async def test_an_organisation_pays_in_part_and_the_rest_later(stage: OfficesStage) -> None:
    named = await stage.named(LDTAX, nth=ORGANISATION)
    assert named["owner_type"] == "organisation"
    whole = await stage.bill(LDTAX, named)
    wanted = Money(whole.total.minor // 3)
    part = await stage.bill(LDTAX, {**named, "amount": format_taka(wanted.minor)})
    assert (part.total, part.bill_key) == (wanted, "")
    assert part.charges == (*whole.charges, ChargeLine("left_for_later", wanted - whole.total))
    assert total(line.amount for line in part.charges) == part.total
    assert isinstance(await stage.pay(stage.order(LDTAX, part)), Approved)

    rest = await stage.bill(LDTAX, named)
    assert rest.total == whole.total - wanted
    assert rest.charges == (*whole.charges, ChargeLine("paid_before", ZERO - wanted))
    assert isinstance(await stage.pay(stage.order(LDTAX, rest)), Approved)
    assert (await stage.bill(LDTAX, named)).is_paid
    assert await stage.booked(LDTAX) == [wanted.minor, rest.total.minor]


async def test_an_organisation_never_pays_more_than_it_owes(stage: OfficesStage) -> None:
    named = await stage.named(LDTAX, nth=ORGANISATION)
    whole = await stage.bill(LDTAX, named)
    more = format_taka(whole.total.minor + 1)
    assert await stage.fetch(LDTAX, {**named, "amount": more}) == AmountRefused(whole.total)
    # Two quotes, each for most of it: the second comes to more than is left by then.
    most = format_taka(whole.total.minor * 2 // 3)
    quotes = [await stage.bill(LDTAX, {**named, "amount": most}) for _ in range(2)]
    first, second = [await stage.pay(stage.order(LDTAX, quote)) for quote in quotes]
    assert isinstance(first, Approved)
    assert second == Declined("amount_differs", "15")
    assert sum(await stage.booked(LDTAX)) < whole.total.minor


async def test_who_owns_a_holding_is_not_for_the_payer_to_say(stage: OfficesStage) -> None:
    named = await stage.named(LDTAX, nth=CITIZEN)
    assert await stage.fetch(LDTAX, {**named, "owner_type": "organisation"}) == BillMissing()


async def test_an_exempt_owner_pays_10_taka_for_the_dakhila(stage: OfficesStage) -> None:
    bill = await stage.bill(LDTAX, await stage.named(LDTAX, nth=EXEMPT))
    assert (lines(bill), bill.total) == ({"dakhila_fee": 1_000}, Money(1_000))


async def test_the_dakhila_follows_the_interim_receipt(stage: OfficesStage) -> None:
    order = stage.order(LDTAX, await stage.bill(LDTAX, await stage.named(LDTAX)))
    paid = await stage.pay(order)
    assert isinstance(paid, Approved)
    assert set(paid.facts) == {"receipt"}
    early = await stage.inquire(order)
    assert isinstance(early, Posted)
    assert early.facts == paid.facts
    stage.clock.instant = stage.clock.instant.replace(minute=1)
    later = await stage.inquire(order)
    assert isinstance(later, Posted)
    assert later.facts == {**paid.facts, "final_receipt": f"DK{paid.facts['receipt']}"}
    assert await stage.inquire(order) == later


async def test_a_dakhila_can_be_made_on_an_order(stage: OfficesStage) -> None:
    orders = [stage.order(LDTAX, await stage.bill(LDTAX, await stage.named(LDTAX, nth=n))) for n in (0, 1)]
    for order in orders:
        await stage.pay(order)
    body = {"house": LDTAX, "transaction": orders[1].reference}
    assert await stage.admin.admin("POST", "final_receipts", body) == {"made": 1}
    asked = [await stage.inquire(order) for order in orders]
    assert ["final_receipt" in one.facts for one in asked if isinstance(one, Posted)] == [False, True]
    assert await stage.admin.admin("POST", "final_receipts", {"house": LDTAX}) == {"made": 1}
    assert await stage.admin.admin("POST", "final_receipts", {"house": PORCHA}) == {"made": 0}


async def test_a_payment_whose_answer_was_lost_gets_its_dakhila_too(stage: OfficesStage) -> None:
    order = stage.order(LDTAX, await stage.bill(LDTAX, await stage.named(LDTAX, "lost_paid")))
    assert isinstance(await stage.pay(order), InDoubt)
    stage.clock.instant = stage.clock.instant.replace(minute=2)
    asked = await stage.inquire(order)
    assert isinstance(asked, Posted)
    assert set(asked.facts) == {"receipt", "final_receipt"}


# ---- e-Porcha ----------------------------------------------------------------------------------------------


async def test_a_khatian_by_post_shows_the_posts_share_and_brings_the_address(stage: OfficesStage) -> None:
    named = {
        **await stage.named(PORCHA),
        "delivery": "post",
        "postal_name": "রাহেলা খাতুন",
        "postal_address": "House 4, Road 2, Tongi, Gazipur",
        "postcode": "1711",
    }
    order = stage.order(PORCHA, bill := await stage.bill(PORCHA, named))
    assert (lines(bill), bill.total) == ({"copy_fee": 10_000, "postal_charge": 4_000}, Money(14_000))
    assert bill.details["label_bn_postal_charge"] == "ডাক মাশুল"
    assert isinstance(await stage.pay(order), Approved)
    (payment,) = (await stage.admin.admin("GET", "dump"))["payments"]
    assert (payment["amount_paisa"], payment["other_paisa"]) == (14_000, 4_000)
    kept = {name: payment["facts"][name] for name in ("postal_name", "postal_address", "postcode")}
    assert kept == {name: named[name] for name in kept}


async def test_a_khatian_by_post_needs_an_address(stage: OfficesStage) -> None:
    named = await stage.named(PORCHA)
    assert await stage.fetch(PORCHA, {**named, "delivery": "post"}) == BillMissing()
    assert lines(await stage.bill(PORCHA, named)) == {"copy_fee": 10_000}


async def test_a_khatian_is_paid_once_however_it_is_delivered(stage: OfficesStage) -> None:
    named = await stage.named(PORCHA)
    by_post = {
        **named,
        "delivery": "post",
        "postal_name": "A B",
        "postal_address": "12 A Road",
        "postcode": "1711",
    }
    first, second = await stage.bill(PORCHA, named), await stage.bill(PORCHA, by_post)
    assert first.bill_key == second.bill_key
    assert isinstance(await stage.pay(stage.order(PORCHA, first)), Approved)
    assert await stage.pay(stage.order(PORCHA, second)) == Declined("already_paid", "12")


def _quoting(order: PayOrder, quote: dict[str, str], taka: str | None = None) -> PayOrder:
    """The order with another quote, and another amount if one is given."""
    changed = replace(order, biller_quote=quote)
    if taka is None:
        return changed
    return replace(changed, sums=Sums(parse_taka(taka), ZERO, ZERO, ZERO))
