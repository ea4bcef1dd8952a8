"""kill -9 of the worker at every step of resolving a doubt, and of both (T84, T90)."""

import signal
import time
from collections.abc import Sequence

import pytest

from tests.faults.crashes.kill_matrix import Row
from tests.faults.crashes.paying_partner import IN_PROGRESS, Shopper
from tests.faults.crashes.payment_checks import DONE
from tests.faults.installation import Installation

BILL_TAKEN, NOTHING_PAID = "1010", "1007"
# Saved; not saved the first time; not saved twice, so that it is given back.
DOUBTS = ("lost_paid", "lost_unpaid", "lost_unpaid")
LOST_TWICE = ("lost_paid", "lost_unpaid", "lost_twice")
SENT_AGAIN_SLOWLY = ("lost_then_slow", "lost_then_slow", "lost_paid")
PLACES: Sequence[tuple[str, tuple[str, ...]]] = (
    ("after_lease_due", DOUBTS),
    ("before_inquire", DOUBTS),
    ("after_inquire", DOUBTS),
    ("before_postpone", DOUBTS),
    ("after_postpone", DOUBTS),
    ("before_begin_send", DOUBTS),
    ("after_begin_send", DOUBTS),
    ("before_pay", DOUBTS),
    ("during_pay", SENT_AGAIN_SLOWLY),
    ("after_pay", DOUBTS),
    ("before_record_approved", DOUBTS),
    ("after_record_approved", DOUBTS),
    ("before_record_in_doubt", LOST_TWICE),
    ("after_record_in_doubt", LOST_TWICE),
    ("before_record_not_posted", LOST_TWICE),
    ("after_record_not_posted", LOST_TWICE),
)
# From here on the one more send of a payment may be on record without having happened, be it the payment that
# the worker dies at or one that it resolves beside it: it may be given back.
SPENT = frozenset(
    {"after_begin_send", "before_pay", "after_pay", "before_record_approved", "after_record_approved"}
)


def _fates(kind: str, point: str) -> set[str]:
    """What a partner may hear in the end of a bill of this kind."""
    if kind == "lost_twice":
        return {NOTHING_PAID}
    return {DONE, NOTHING_PAID} if kind == "lost_unpaid" and point in SPENT else {DONE}


@pytest.mark.parametrize(("point", "kinds"), PLACES, ids=[point for point, _ in PLACES])
async def test_the_worker_dies_while_it_resolves_doubts(
    point: str, kinds: tuple[str, ...], site: Installation, shopper: Shopper, matrix: list[Row]
) -> None:
    purchases = await shopper.fetch(kinds)
    worker = await site.worker("--point", point)
    await shopper.pay(purchases)
    assert {tuple(purchase.codes) for purchase in purchases} == {(IN_PROGRESS,)}
    assert await worker.death() == -signal.SIGKILL
    killed_at, saved = time.monotonic(), await shopper.saved(purchases)
    await site.worker()
    await shopper.settle()
    recovered = time.monotonic() - killed_at
    rivals = await shopper.try_to_pay_twice()
    verdict = await shopper.verdict()
    matrix.append(Row("worker", point, 1, len(shopper.purchases), saved, recovered, verdict))
    assert verdict.faults == ()
    for kind, purchase in zip(kinds, purchases, strict=True):
        assert purchase.codes[-1] in _fates(kind, point)
    assert {code for rival in rivals for code in rival.codes} == {BILL_TAKEN}


@pytest.mark.parametrize("point", ["after_inquire", "after_begin_send", "before_record"])
async def test_the_web_process_dies_after_the_send_and_the_worker_while_it_resolves(
    point: str, site: Installation, shopper: Shopper, matrix: list[Row]
) -> None:
    kinds = ("polite", "lost_paid", "lost_unpaid", "lost_twice")
    web = await site.web("--point", "after_pay", "--after", str(len(kinds)), "--holds")
    purchases = await shopper.fetch(kinds)
    worker = await site.worker("--point", point)
    await shopper.pay(purchases)
    assert await web.death() == -signal.SIGKILL
    assert await worker.death() == -signal.SIGKILL
    killed_at, saved = time.monotonic(), await shopper.saved(purchases)
    await site.worker()
    await site.web()
    await shopper.settle()
    recovered = time.monotonic() - killed_at
    verdict = await shopper.verdict()
    matrix.append(Row("both", f"after_pay, {point}", 2, len(shopper.purchases), saved, recovered, verdict))
    assert verdict.faults == ()
    for kind, purchase in zip(kinds, purchases, strict=True):
        assert purchase.codes[-1] in _fates(kind, point)


async def test_the_worker_dies_again_and_again_at_the_same_payment(
    site: Installation, shopper: Shopper, matrix: list[Row]
) -> None:
    """Every worker dies in the same place; each kill costs a lease, never a payment."""
    points = ("after_lease_due", "after_inquire", "before_begin_send", "before_pay", "before_record")
    purchases = await shopper.fetch(["lost_unpaid", "lost_unpaid"])
    site.kill("worker")
    await shopper.pay(purchases)
    for point in points:
        worker = await site.worker("--point", point)
        assert await worker.death() == -signal.SIGKILL
    killed_at, saved = time.monotonic(), await shopper.saved(purchases)
    await site.worker()
    await shopper.settle()
    recovered = time.monotonic() - killed_at
    verdict = await shopper.verdict()
    row = Row("worker", "five in a row", len(points), len(shopper.purchases), saved, recovered, verdict)
    matrix.append(row)
    assert verdict.faults == ()
