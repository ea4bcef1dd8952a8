"""kill -9 at moments that nobody chose, under load: whatever the moment, the outcome holds."""

import asyncio
import random
import time

from tests.faults.installation import Installation
from tests.faults.matrix import Row
from tests.faults.shopping import BUSY, Shopper

SEED = 20_261_125
ROUNDS = 20
KINDS = ("polite", "polite", "polite", "lost_paid", "lost_unpaid", "refuses", "html", "polite")
# Long enough for a kill to meet every part of a round, the answers of slow machines too.
LATEST_SECONDS = 0.4


async def test_kills_at_random_moments_lose_and_double_nothing(
    site: Installation, shopper: Shopper, matrix: list[Row]
) -> None:
    moments = random.Random(SEED)  # noqa: S311 - not a secret, a rehearsal that can be repeated
    kills, unanswered = 0, 0
    await site.web()
    await site.worker()
    for _ in range(ROUNDS):
        purchases = await shopper.fetch(KINDS)
        load = asyncio.create_task(shopper.pay(purchases))
        await asyncio.sleep(moments.uniform(0, LATEST_SECONDS))
        victims = moments.choice((("web",), ("web",), ("worker",), ("web", "worker")))
        for victim in victims:
            site.kill(victim)
            kills += 1
        await load
        unanswered += sum(not purchase.codes for purchase in purchases)
        if "worker" in victims:
            await site.worker()
        if "web" in victims:
            await site.web()
    killed_at, saved = time.monotonic(), await shopper.saved(shopper.purchases)
    await shopper.settle()
    recovered = time.monotonic() - killed_at
    await shopper.try_to_pay_twice()
    verdict = await shopper.verdict()
    payments = len(shopper.purchases)
    matrix.append(Row("random", f"{ROUNDS} moments under load", kills, payments, saved, recovered, verdict))
    assert verdict.faults == ()
    # The kills did strike payments, and BUSY was never the end of one.
    assert unanswered > 0
    assert BUSY not in {purchase.codes[-1] for purchase in shopper.purchases}
