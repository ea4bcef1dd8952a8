"""kill -9 of the web process at every step of a payment; the worker lives on (T83)."""

import signal
import time

import pytest

from tests.faults.crashes.kill_matrix import Row
from tests.faults.crashes.paying_partner import Purchase, Shopper
from tests.faults.crashes.payment_checks import DONE
from tests.faults.installation import Installation

# What the biller does: answers, saves without an answer, loses the save, refuses, saves and talks rubbish.
EVERYTHING = ("polite", "polite", "lost_paid", "lost_unpaid", "refuses", "html")
POINTS = (
    "before_claim",
    "after_claim",
    "before_pay",
    "after_pay",
    "before_record",
    "after_record",
    "before_answer",
)
BILL_TAKEN = "1010"


async def _recover(
    site: Installation, shopper: Shopper, purchases: list[Purchase]
) -> tuple[float, list[Purchase]]:
    """Start a clean web process and repeat everything; how long that took, and what became of rivals."""
    killed_at = time.monotonic()
    await site.web()
    rival = purchases[0].by_another_name()
    shopper.purchases.append(rival)
    await shopper.settle([*purchases, rival])
    recovered = time.monotonic() - killed_at
    return recovered, await shopper.try_to_pay_twice()


@pytest.mark.parametrize("point", POINTS)
async def test_all_payments_at_one_point_when_the_web_process_dies(
    point: str, site: Installation, shopper: Shopper, matrix: list[Row]
) -> None:
    web = await site.web("--point", point, "--after", str(len(EVERYTHING)), "--holds")
    purchases = await shopper.fetch(EVERYTHING)
    await shopper.pay(purchases)
    assert await web.death() == -signal.SIGKILL
    assert not any(purchase.codes for purchase in purchases)
    saved = await shopper.saved(purchases)
    recovered, rivals = await _recover(site, shopper, purchases)
    verdict = await shopper.verdict()
    matrix.append(Row("web", point, 1, len(shopper.purchases), saved, recovered, verdict))
    assert verdict.faults == ()
    assert {code for rival in rivals for code in rival.codes} == {BILL_TAKEN}


@pytest.mark.parametrize("point", POINTS)
async def test_payments_on_their_way_when_the_web_process_dies_at_the_third(
    point: str, site: Installation, shopper: Shopper, matrix: list[Row]
) -> None:
    web = await site.web("--point", point, "--after", "3")
    purchases = await shopper.fetch(EVERYTHING)
    await shopper.pay(purchases)
    assert await web.death() == -signal.SIGKILL
    saved = await shopper.saved(purchases)
    recovered, rivals = await _recover(site, shopper, purchases)
    verdict = await shopper.verdict()
    matrix.append(Row("web", f"{point}, the third", 1, len(shopper.purchases), saved, recovered, verdict))
    assert verdict.faults == ()
    assert {code for rival in rivals for code in rival.codes} == {BILL_TAKEN}


async def test_the_web_process_dies_between_a_saved_payment_and_its_answer(
    site: Installation, shopper: Shopper, matrix: list[Row]
) -> None:
    web = await site.web("--point", "during_pay", "--after", "4", "--holds")
    purchases = await shopper.fetch(["slow"] * 4)
    await shopper.pay(purchases)
    assert await web.death() == -signal.SIGKILL
    saved = await shopper.saved(purchases)
    assert saved == len(purchases)
    recovered, _ = await _recover(site, shopper, purchases)
    verdict = await shopper.verdict()
    matrix.append(Row("web", "during_pay, saved", 1, len(shopper.purchases), saved, recovered, verdict))
    assert verdict.faults == ()
    assert all(purchase.codes[-1] == DONE for purchase in purchases)


async def test_the_web_process_dies_while_the_biller_hangs_and_has_saved_nothing(
    site: Installation, shopper: Shopper, matrix: list[Row]
) -> None:
    web = await site.web("--point", "during_pay", "--after", "4", "--holds")
    purchases = await shopper.fetch(["polite"] * 4)
    await site.ask_far_side("POST", "outage", {"mode": "hang"})
    await shopper.pay(purchases)
    assert await web.death() == -signal.SIGKILL
    await site.ask_far_side("POST", "outage", {"mode": "none"})
    saved = await shopper.saved(purchases)
    assert saved == 0
    recovered, _ = await _recover(site, shopper, purchases)
    verdict = await shopper.verdict()
    matrix.append(Row("web", "during_pay, not saved", 1, len(shopper.purchases), saved, recovered, verdict))
    assert verdict.faults == ()
    # Proven unsent within the life of the quote: sent once more, and paid.
    assert all(purchase.codes[-1] == DONE for purchase in purchases)
