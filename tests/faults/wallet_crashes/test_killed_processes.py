"""kill -9 of the web process and of the worker at every step of a wallet payment and of a refund.

Payers agree on the simulated bKash's page. Where a name stands for a step, as many payments wait before it as
after it when the process dies. While the web process is the one to die, no worker runs: what it leaves is for
the next web process and a worker that is started beside it.
"""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.faults.crashes.payment_checks import Verdict
from tests.faults.installation import Installation, Running
from tests.faults.wallet_crashes.books import evidence_of
from tests.faults.wallet_crashes.kill_matrix import WalletRow
from tests.faults.wallet_crashes.shop import Errand, WalletShop

CLEAN = Verdict((), (), ())
# Wallet and biller answer; the wallet neither moves money nor answers at first; the biller refuses, so that
# everything goes back; the payer opens two pages and uses both, the older one first.
EVERY_KIND = ("polite", "execute_lost_undone", "refused", "two_pages")
# Those whose money comes with the answer to the execute.
ANSWERED = ("polite", "delivery_lost", "refused_refund_lost_done")
AGREED = ("polite", "execute_lost_done", "execute_lost_undone")
DELIVERED = ("polite", "refused", "delivery_lost", "delivery_undone")
GIVEN_BACK = ("refused", "refused_refund_lost_done", "refused_refund_lost_undone")
HANGS = ("execute_hangs_done", "execute_hangs_undone")
REFUND_HANGS = ("refused_refund_hangs_done", "refused_refund_hangs_undone")

ORDERING = ("open", "create", "record_page")
COMING_BACK = (
    ("keep", EVERY_KIND),
    ("lease_try", EVERY_KIND),
    ("begin_execute", AGREED),
    ("execute", AGREED),
    ("record_money", ANSWERED),
    ("start_delivery", DELIVERED),
    ("pay", DELIVERED),
    ("record", DELIVERED),
)
FOLLOWING_UP = (("begin_execute", AGREED), ("execute", AGREED), ("record_money", ANSWERED))
DELIVERING = ("pay", "record")
REFUNDING = ("begin_refund", "refund", "record_refund")
# The steps that a worker takes for a payment that its biller refuses.
ONE_AFTER_THE_OTHER = (
    "after_lease_tries",
    "after_execute",
    "after_record_declined",
    "before_open_give_backs",
    "after_open_give_backs",
    "after_lease_refunds",
    "after_refund",
)


@dataclass(frozen=True, slots=True)
class Scene:
    """One shop before one installation, and the table that its rows go to."""

    site: Installation
    shop: WalletShop
    rows: list[WalletRow]

    async def died(self, process: Running) -> "Struck":
        """Wait until a process has died by its own hand; what the wallet had taken by then."""
        assert await process.death() == -signal.SIGKILL
        at = time.monotonic()
        return Struck(at, await self.shop.taken())

    async def goes_on(self) -> None:
        """Start both processes of the product, whichever does not run; nobody waits for the worker."""
        if not self.site.is_alive("worker"):
            await self.site.worker()
        await self.site.heal()

    async def judge(self, struck: "Struck", process: str, point: str, kills: int = 1) -> None:
        """Wait until all is final, judge it, and add the row."""
        await self.shop.settle()
        seconds = time.monotonic() - struck.at
        await self.shop.until_all_is_closed()
        evidence, verdict = await evidence_of(self.site, self.shop), await self.shop.verdict()
        refunds = sum(len(ours.refunds) for ours in evidence.ours)
        row = WalletRow(process, point, kills, len(evidence.ours), struck.taken, refunds, seconds, verdict)
        self.rows.append(row)
        assert verdict == CLEAN


@dataclass(frozen=True, slots=True)
class Struck:
    """When the last kill struck, and from how many payers the wallet had taken money by then."""

    at: float
    taken: int


@pytest.fixture
def scene(site: Installation, shop: WalletShop, wallet_rows: list[WalletRow]) -> Scene:
    return Scene(site, shop, wallet_rows)


def is_well_under_way(struck: Struck, errands: Sequence[Errand]) -> bool:
    """Whether most payers' money was taken when the worker died.

    The fuse counts calls. On a slow machine a delivery in doubt is asked about and recorded a second time
    before the last payment is delivered, which is then not waited for.
    """
    return len(errands) // 2 <= struck.taken <= len(errands)


def around(step: str, each: int) -> tuple[str, ...]:
    """A crash once so many payments wait before a step and so many after it."""
    return ("--point", f"before_{step},after_{step}", "--after", str(each), "--holds")


def twice(kinds: Sequence[str]) -> list[str]:
    return [*kinds, *kinds]


# ---- the web process ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ORDERING)
async def test_the_web_process_dies_while_payments_are_made(step: str, scene: Scene) -> None:
    scene.site.kill("worker")
    web = await scene.site.web(*around(step, len(EVERY_KIND)))
    await scene.shop.place(await scene.shop.prepare(twice(EVERY_KIND)))
    struck = await scene.died(web)
    assert struck.taken == 0
    await scene.goes_on()
    await scene.judge(struck, "web", step)


@pytest.mark.parametrize(("step", "kinds"), COMING_BACK, ids=[step for step, _ in COMING_BACK])
async def test_the_web_process_dies_while_payers_come_back(
    step: str, kinds: tuple[str, ...], scene: Scene
) -> None:
    scene.site.kill("worker")
    web = await scene.site.web(*around(step, len(kinds)))
    await scene.shop.place(errands := await scene.shop.prepare(twice(kinds)))
    await scene.shop.send_payers(errands)
    struck = await scene.died(web)
    await scene.goes_on()
    await scene.judge(struck, "web", step)


async def test_payers_on_their_way_when_the_web_process_dies_at_the_third(scene: Scene) -> None:
    scene.site.kill("worker")
    web = await scene.site.web("--point", "after_execute", "--after", "3")
    await scene.shop.place(errands := await scene.shop.prepare(twice(ANSWERED)))
    await scene.shop.send_payers(errands)
    struck = await scene.died(web)
    await scene.goes_on()
    await scene.judge(struck, "web", "execute, after the third")


async def test_the_web_process_dies_while_the_wallet_hangs(scene: Scene) -> None:
    scene.site.kill("worker")
    web = await scene.site.web("--point", "during_execute", "--after", "4", "--holds")
    await scene.shop.place(errands := await scene.shop.prepare(twice(HANGS)))
    await scene.shop.send_payers(errands)
    struck = await scene.died(web)
    assert struck.taken == len(errands) // 2
    await scene.goes_on()
    await scene.judge(struck, "web", "during_execute, half of it done")


async def test_the_web_process_dies_while_a_shop_asks_for_refunds(scene: Scene) -> None:
    kinds = ("polite", "refund_lost_done", "refund_lost_undone")
    web = await scene.site.web(*around("ask", len(kinds)))
    await scene.shop.place(errands := await scene.shop.prepare(twice(kinds)))
    await scene.shop.send_payers(errands)
    await scene.shop.settle()
    await scene.shop.ask_back(errands)
    struck = await scene.died(web)
    await scene.goes_on()
    await scene.judge(struck, "web", "ask")


# ---- the worker --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "kinds"), FOLLOWING_UP, ids=[step for step, _ in FOLLOWING_UP])
async def test_the_worker_dies_while_it_takes_money_from_payers_who_never_came_back(
    step: str, kinds: tuple[str, ...], scene: Scene
) -> None:
    worker = await scene.site.worker(*around(step, len(kinds)))
    await scene.shop.place(errands := await scene.shop.prepare(twice(kinds)))
    await scene.shop.send_payers(errands, come_back=False)
    struck = await scene.died(worker)
    await scene.goes_on()
    await scene.judge(struck, "worker", step)


@pytest.mark.parametrize("step", DELIVERING)
async def test_the_worker_dies_while_it_delivers_what_was_paid_for(step: str, scene: Scene) -> None:
    worker = await scene.site.worker(*around(step, len(DELIVERED)))
    await scene.shop.place(errands := await scene.shop.prepare(twice(DELIVERED)))
    await scene.shop.send_payers(errands, come_back=False)
    struck = await scene.died(worker)
    assert is_well_under_way(struck, errands)
    await scene.goes_on()
    await scene.judge(struck, "worker", step)


async def test_the_worker_dies_once_it_has_begun_to_deliver(scene: Scene) -> None:
    """What waits before it, as after its money was recorded, the worker would take up again and again."""
    many = 2 * len(DELIVERED)
    worker = await scene.site.worker("--point", "after_start_delivery", "--after", str(many), "--holds")
    await scene.shop.place(errands := await scene.shop.prepare(twice(DELIVERED)))
    await scene.shop.send_payers(errands, come_back=False)
    struck = await scene.died(worker)
    assert struck.taken == len(errands)
    await scene.goes_on()
    await scene.judge(struck, "worker", "after_start_delivery")


async def test_the_worker_dies_while_it_gives_up_what_cannot_be_delivered(scene: Scene) -> None:
    """The biller is away until the quotes are dead, so that the money goes back."""
    worker = await scene.site.worker(*around("give_up_delivery", 2))
    await scene.shop.place(errands := await scene.shop.prepare(["polite"] * 4))
    # Whoever comes back is delivered for by the web process, which leaves it to the worker.
    scene.site.kill("far_side")
    await scene.shop.send_payers(errands)
    await scene.shop.let_quotes_die()
    struck = await scene.died(worker)
    await scene.site.open_far_side()
    await scene.goes_on()
    await scene.judge(struck, "worker", "give_up_delivery")


@pytest.mark.parametrize("step", REFUNDING)
async def test_the_worker_dies_while_it_gives_money_back(step: str, scene: Scene) -> None:
    kinds = (*GIVEN_BACK, "refund_lost_done")
    worker = await scene.site.worker(*around(step, len(kinds)))
    await scene.shop.place(errands := await scene.shop.prepare(twice(kinds)))
    await scene.shop.send_payers(errands)
    paid = [errand for errand in errands if errand.kind not in GIVEN_BACK]
    await scene.shop.settle(paid)
    await scene.shop.ask_back(paid)
    struck = await scene.died(worker)
    await scene.goes_on()
    await scene.judge(struck, "worker", step)


async def test_the_worker_dies_while_the_wallet_hangs_over_a_refund(scene: Scene) -> None:
    worker = await scene.site.worker("--point", "during_refund", "--after", "4", "--holds")
    await scene.shop.place(errands := await scene.shop.prepare(twice(REFUND_HANGS)))
    await scene.shop.send_payers(errands)
    struck = await scene.died(worker)
    await scene.goes_on()
    await scene.judge(struck, "worker", "during_refund, half of it done")


async def test_the_worker_dies_at_one_step_after_the_other_of_the_same_payments(scene: Scene) -> None:
    """Each kill costs a lease, never money."""
    scene.site.kill("worker")
    await scene.shop.place(errands := await scene.shop.prepare(["refused", "refused"]))
    await scene.shop.send_payers(errands, come_back=False)
    struck = Struck(0.0, 0)
    for point in ONE_AFTER_THE_OTHER:
        struck = await scene.died(await scene.site.worker("--point", point))
    await scene.goes_on()
    kills = len(ONE_AFTER_THE_OTHER)
    await scene.judge(struck, "worker", "seven steps in a row", kills)


# ---- both --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("point", "then"), [("execute", "inquire_try"), ("record_money", "pay")])
async def test_the_web_process_dies_and_then_the_worker_that_takes_over(
    point: str, then: str, scene: Scene
) -> None:
    scene.site.kill("worker")
    web = await scene.site.web(*around(point, len(ANSWERED)))
    await scene.shop.place(errands := await scene.shop.prepare(twice(ANSWERED)))
    await scene.shop.send_payers(errands)
    await scene.died(web)
    struck = await scene.died(await scene.site.worker("--point", f"after_{then}", "--after", "2"))
    await scene.goes_on()
    await scene.judge(struck, "both", f"{point}, after_{then}", 2)
