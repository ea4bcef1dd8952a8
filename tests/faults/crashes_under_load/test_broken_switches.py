"""The same suite over switches that are broken on purpose: what it looks for, it finds."""

import asyncio
from pathlib import Path

from tests.faults.crashes.paying_partner import Shopper
from tests.faults.crashes.payment_checks import DONE, Verdict
from tests.faults.crashes_under_load.history import check
from tests.faults.crashes_under_load.load_run import loading, rehearsing
from tests.faults.installation import Installation
from tests.faults.wallet_crashes.shop import WalletShop


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


async def verdict_under_load(site: Installation, mutant: str, path: Path) -> Verdict:
    """What the history says of a broken switch, once its customers were told that they have paid."""
    await site.heal()
    await site.web("--mutant", mutant)
    async with rehearsing(site, path) as rehearsal:
        async with loading(rehearsal):
            await rehearsal.recover()
        row, history = await rehearsal.row("web", mutant)
    assert set(row.verdict.faults) <= set(check(history))
    return row.verdict


async def test_the_history_convicts_a_switch_that_acknowledges_without_sending(
    site: Installation, tmp_path: Path
) -> None:
    assert (await verdict_under_load(site, "boasts", tmp_path / "history.jsonl")).lost


async def test_the_history_convicts_a_switch_that_sends_twice(site: Installation, tmp_path: Path) -> None:
    assert (await verdict_under_load(site, "sends_twice", tmp_path / "history.jsonl")).doubled


# ---- money that is collected -------------------------------------------------------------------------------


async def test_a_switch_that_acknowledges_without_sending_loses_what_payers_gave(
    site: Installation, shop: WalletShop
) -> None:
    # Whoever comes first delivers, so that the worker has to be broken as well.
    mutant = ("--mutant", "boasts")
    await asyncio.gather(site.web(*mutant), site.worker(*mutant))
    await shop.place(errands := await shop.prepare(["polite", "polite"]))
    await shop.send_payers(errands)
    await shop.settle()
    verdict = await shop.verdict()
    assert len(verdict.lost) == len(errands)
    assert verdict.doubled == ()


async def test_a_switch_that_executes_pages_that_were_given_up_takes_money_twice(
    site: Installation, shop: WalletShop
) -> None:
    """The second money goes back by itself, and is found all the same."""
    mutant = ("--mutant", "executes_abandoned")
    await asyncio.gather(site.web(*mutant), site.worker(*mutant))
    await shop.place(errands := await shop.prepare(["two_pages", "two_pages"]))
    await shop.send_payers(errands)
    await shop.settle()
    await shop.until_all_is_closed()
    verdict = await shop.verdict()
    assert {fault.partition(":")[0] for fault in verdict.doubled} == {errand.key for errand in errands}
    assert verdict.lost == ()


async def test_a_switch_that_sends_refunds_twice_gives_back_twice(
    site: Installation, shop: WalletShop
) -> None:
    await site.worker("--mutant", "refunds_twice")
    await shop.place(errands := await shop.prepare(["polite", "polite"]))
    await shop.send_payers(errands)
    await shop.settle()
    await shop.ask_back(errands)
    await shop.settle()
    verdict = await shop.verdict()
    assert {fault.partition(":")[0] for fault in verdict.doubled} == {errand.key for errand in errands}
    assert verdict.lost == ()
