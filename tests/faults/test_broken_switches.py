"""The same suite over switches that are broken on purpose: what it looks for, it finds."""

from pathlib import Path

from tests.faults.history import check
from tests.faults.installation import Installation
from tests.faults.shopping import Shopper
from tests.faults.under_load import loading, rehearsing
from tests.faults.verdict import DONE, Verdict


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
