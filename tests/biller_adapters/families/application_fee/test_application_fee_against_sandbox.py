"""Every office's manifest against the simulated office, over real HTTP: what can happen to a payment."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ekpay_switch.domain.bill import BillFound, BillMissing
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NotFound, Posted
from ekpay_switch.flows.bills.fetch_bill import chosen_parameters
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.application_fee.offices_sandbox_stage import OfficesStage, offices_stage

OFFICES = (
    "eporcha_khatian",
    "ldtax",
    "emutation_application",
    "emutation_dcr",
    "landport_passenger_charge",
    "nid_correction",
    "nid_reissue",
    "xi_admission",
    "bteb_admission",
    "trade_licence",
    "up_certificate",
    "egp_fee",
)
UNASKED = {"landport_passenger_charge", "up_certificate"}
every_office = pytest.mark.parametrize("office", OFFICES)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[OfficesStage]:
    async with offices_stage(tmp_path) as opened:
        yield opened


@every_office
async def test_a_fee_is_fetched_paid_and_told_again(stage: OfficesStage, office: str) -> None:
    named = await stage.named(office)
    order = stage.order(office, bill := await stage.bill(office, named))
    assert bill.total.minor == sum(line.amount.minor for line in bill.charges)
    paid = await stage.pay(order)
    assert isinstance(paid, Approved)
    assert paid.facts["receipt"]
    again, asked = await stage.pay(order), await stage.inquire(order)
    assert again == paid
    assert asked == Posted(order.reference, bill.total.minor, paid.facts)
    assert await stage.booked(office) == [bill.total.minor]


@every_office
async def test_what_is_paid_is_not_paid_again(stage: OfficesStage, office: str) -> None:
    named = await stage.named(office)
    order = stage.order(office, await stage.bill(office, named))
    late = stage.order(office, await stage.bill(office, named))
    assert isinstance(await stage.pay(order), Approved)
    assert await stage.pay(late) == Declined("already_paid", "12")
    assert await stage.inquire(late) == NotFound()
    found = await stage.fetch(office, named)
    assert isinstance(found, BillFound)
    assert found.bill.is_paid == (office not in UNASKED)


@every_office
async def test_an_office_knows_whom_it_does_not_know(stage: OfficesStage, office: str) -> None:
    named = await stage.named(office, "unknown")
    found = await stage.fetch(office, named)
    if isinstance(found, BillFound):
        assert office in UNASKED
        assert await stage.pay(stage.order(office, found.bill)) == Declined("no_such_bill", "11")
    else:
        assert found == BillMissing()


@every_office
async def test_what_was_paid_before_all_time(stage: OfficesStage, office: str) -> None:
    bill = await stage.bill(office, await stage.named(office, "already_paid"))
    assert bill.is_paid == (office not in UNASKED)
    if not bill.is_paid:
        assert await stage.pay(stage.order(office, bill)) == Declined("already_paid", "12")


@every_office
async def test_an_amount_that_changes_after_the_fetch_is_refused(stage: OfficesStage, office: str) -> None:
    bill = await stage.bill(office, await stage.named(office, "amount_changes"))
    order = stage.order(office, bill)
    assert await stage.pay(order) == Declined("amount_differs", "15")
    assert await stage.inquire(order) == NotFound()


@every_office
async def test_an_office_may_refuse(stage: OfficesStage, office: str) -> None:
    outcome = await stage.pay_named(office, await stage.named(office, "refuses"))
    assert outcome == Declined("refused", "16")


@every_office
@pytest.mark.parametrize("kind", ["lost_paid", "html"])
async def test_a_taken_payment_whose_answer_is_lost_is_found(
    stage: OfficesStage, office: str, kind: str
) -> None:
    order = stage.order(office, await stage.bill(office, await stage.named(office, kind)))
    assert isinstance(await stage.pay(order), InDoubt)
    asked = await stage.inquire(order)
    assert isinstance(asked, Posted)
    assert (asked.amount_minor, bool(asked.facts["receipt"])) == (order.sums.billed_amount.minor, True)
    assert isinstance(await stage.pay(order), Approved)
    assert await stage.booked(office) == [order.sums.billed_amount.minor]


@every_office
async def test_a_payment_that_was_never_taken_is_sent_again(stage: OfficesStage, office: str) -> None:
    order = stage.order(office, await stage.bill(office, await stage.named(office, "lost_unpaid")))
    assert isinstance(await stage.pay(order), InDoubt)
    assert await stage.inquire(order) == NotFound()
    assert isinstance(await stage.pay(order), Approved)
    assert await stage.booked(office) == [order.sums.billed_amount.minor]


@every_office
async def test_an_echo_of_another_amount_is_told_as_it_is(stage: OfficesStage, office: str) -> None:
    order = stage.order(office, await stage.bill(office, await stage.named(office, "echoes_other")))
    assert isinstance(await stage.pay(order), InDoubt)
    asked = await stage.inquire(order)
    assert isinstance(asked, Posted)
    assert asked.amount_minor == order.sums.billed_amount.minor + 100
    assert isinstance(await stage.pay(order), InDoubt)


@every_office
async def test_a_slow_answer_is_an_answer(stage: OfficesStage, office: str) -> None:
    assert isinstance(await stage.pay_named(office, await stage.named(office, "slow")), Approved)


@every_office
async def test_what_an_office_asks_for_is_what_its_manifest_lets_a_payer_say(
    stage: OfficesStage, office: str
) -> None:
    profile = the_manifest(office).profile()
    wire_names = {parameter.name: parameter.wire_name for parameter in profile.parameters}
    named = await stage.named(office)
    assert chosen_parameters(profile, {wire_names[name]: text for name, text in named.items()}) == named
