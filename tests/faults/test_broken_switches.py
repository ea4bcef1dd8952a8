"""The same suite over switches that are broken on purpose: what it looks for, it finds."""

from tests.faults.installation import Installation
from tests.faults.shopping import Shopper
from tests.faults.verdict import DONE


async def test_a_switch_that_acknowledges_without_sending_loses_payments(
    site: Installation, shopper: Shopper
) -> None:
    await site.web("--mutant", "boasts")
    await shopper.pay(await shopper.fetch(["polite", "polite"]))
    assert [purchase.codes for purchase in shopper.purchases] == [[DONE], [DONE]]
    verdict = await shopper.verdict()
    assert len(verdict.lost) == len(shopper.purchases)
    assert verdict.doubled == ()


async def test_a_switch_that_sends_a_payment_twice_doubles_it(site: Installation, shopper: Shopper) -> None:
    await site.web("--mutant", "sends_twice")
    await shopper.pay(await shopper.fetch(["polite", "polite"]))
    assert [purchase.codes for purchase in shopper.purchases] == [[DONE], [DONE]]
    verdict = await shopper.verdict()
    assert len(verdict.doubled) == len(shopper.purchases)
