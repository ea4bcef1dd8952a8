"""A demo's desk at a family of providers, against the kit that all families stand on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.rehearsals.demo.admin_clients.admin_client import SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.provider_family import ProviderAdminClient, order_of
from tests.sandbox.caller import SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.provider.sample_family import Merchant, Sample, gateway_settings


@pytest.fixture
async def sample(tmp_path: Path) -> AsyncIterator[tuple[Merchant, ProviderAdminClient]]:
    far_side = Sample.open(gateway_settings(tmp_path), Clock(SetClock().now))
    async with (
        served(far_side) as (session, origin),
        ProviderAdminClient(SimulatorAddress(origin, "")) as desk,
    ):
        merchant = Merchant(session, origin)
        await merchant.log_in()
        yield merchant, desk


async def test_the_book_of_a_family_is_read_from_its_desk(
    sample: tuple[Merchant, ProviderAdminClient],
) -> None:
    merchant, desk = sample
    assert (await desk.book(), await desk.undelivered()) == ([], {})
    reference, _ = await merchant.a_visited("other_amount")
    refund = await merchant.refund(reference, "20.50")
    left, _ = await merchant.create()
    paid, unpaid = await desk.book()
    assert (paid.connector, paid.reference, paid.is_paid) == ("getpay", reference, True)
    assert (paid.amount_paisa, paid.stated_paisa, paid.stated_currency) == (12_050, 12_150, "BDT")
    # Of a fee of 1.81 and its VAT of 0.27 both come back in proportion.
    assert (paid.kept_paisa, paid.net_paisa) == (208, 12_050 - 208 - 2_050 + 36)
    assert [one.amount_paisa for one in paid.refunds] == [2_050]
    assert refund["refund"] in paid.refunds[0].names
    assert (unpaid.reference, unpaid.is_paid, unpaid.net_paisa) == (left, False, 0)


async def test_an_order_goes_by_what_the_switch_has_called_it(
    sample: tuple[Merchant, ProviderAdminClient],
) -> None:
    merchant, _ = sample
    reference, _ = await merchant.create()
    line = await merchant.order(reference)
    assert order_of(line).reference == reference
    assert {line["provider_reference"], line["page_token"]} <= order_of(line).names
    # Some books must give an order another name than the one that it was asked for under.
    renamed = line | {"reference": f"{reference}#2", "facts": {"asked_as": reference}}
    assert order_of(renamed).reference == reference


async def test_a_message_that_nobody_takes_is_owed(sample: tuple[Merchant, ProviderAdminClient]) -> None:
    merchant, desk = sample
    merchant.push_url = "http://127.0.0.1:9/nobody"
    await merchant.a_visited()
    assert await desk.undelivered() == {"getpay": 1}


async def test_a_fault_strikes_and_logins_die_at_one_house(
    sample: tuple[Merchant, ProviderAdminClient],
) -> None:
    merchant, desk = sample
    await desk.strike("getpay", ProviderStep.CREATE, ProviderFault.HTTP_500)
    status, _ = await merchant.call("POST", "orders/R-STRUCK", {"amount": "1.00", "return_url": "x"})
    assert status == 500
    await desk.end_logins("getpay")
    status, _ = await merchant.call("POST", "orders/R-OUT", {"amount": "1.00", "return_url": "x"})
    assert status == 401
