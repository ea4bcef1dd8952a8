"""kill -9 at moments that nobody chose, under load: whatever the moment, the outcome holds."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

from tests.faults.installation import Installation, Running
from tests.faults.matrix import Row
from tests.faults.shopping import Purchase, Shopper

SEED = 20_261_125
ROUNDS = 20
CUSTOMERS = 4
KINDS = ("polite", "lost_paid", "html", "polite", "polite", "refuses", "polite", "lost_unpaid") * 2
VICTIMS = (("web",), ("web",), ("worker",), ("web", "worker"))


async def _load(shopper: Shopper, purchases: list[Purchase]) -> float:
    """A few customers side by side, each paying one bill after another; how many seconds that took."""

    async def pay_in_turn(purchases: list[Purchase]) -> None:
        for purchase in purchases:
            await shopper.pay([purchase])

    started = time.monotonic()
    await asyncio.gather(*(pay_in_turn(purchases[first::CUSTOMERS]) for first in range(CUSTOMERS)))
    return time.monotonic() - started


async def test_kills_at_random_moments_lose_and_double_nothing(
    site: Installation, shopper: Shopper, matrix: list[Row]
) -> None:
    draws = random.Random(SEED)  # noqa: S311 - not a secret, a rehearsal that can be repeated
    kills = 0
    # The product's own worker would hold what it had leased for a minute after its death.
    starts: dict[str, Callable[[], Awaitable[Running]]] = {
        "web": site.web,
        "worker": partial(site.worker, "--point", "never"),
    }
    await starts["worker"]()
    # On a slow machine a round lasts longer, and so does the time in which a kill may fall.
    whole_round = await _load(shopper, await shopper.fetch(KINDS))
    half_done_before = await shopper.half_done()
    for _ in range(ROUNDS):
        load = asyncio.create_task(_load(shopper, await shopper.fetch(KINDS)))
        await asyncio.sleep(draws.uniform(0, whole_round))
        victims = draws.choice(VICTIMS)
        for victim in victims:
            site.kill(victim)
            kills += 1
        await load
        for victim in reversed(victims):
            await starts[victim]()
    killed_at, saved = time.monotonic(), await shopper.saved(shopper.purchases)
    struck = await shopper.half_done() - half_done_before
    await shopper.settle()
    recovered = time.monotonic() - killed_at
    await shopper.try_to_pay_twice()
    verdict = await shopper.verdict()
    payments = len(shopper.purchases)
    matrix.append(Row("random", f"{ROUNDS} moments under load", kills, payments, saved, recovered, verdict))
    assert verdict.faults == ()
    assert struck > 0, "no kill met a payment on its way"
