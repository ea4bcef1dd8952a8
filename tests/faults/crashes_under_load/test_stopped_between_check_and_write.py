"""SIGSTOP of a sender at the worst moments, SIGCONT when somebody else has decided (law 14).

Three moments: before the gate, where the deadline is compared; after it and before the bytes are given to
the kernel; between the biller's answer and its record. Before the gate nothing leaves any more. After it no
program can take the write back: whoever is stopped in those microseconds sends late. Then the biller knows
the order again, or, where the money was given back meanwhile, the late success is found and goes to review.
"""

import asyncio
import random
from pathlib import Path

import pytest

from ekpay_switch.persistence.audit import run as audit
from tests.faults.crashes.kill_matrix import Row
from tests.faults.crashes.paying_partner import Purchase, Shopper
from tests.faults.crashes.payment_checks import DONE, Verdict
from tests.faults.crashes_under_load.history import check
from tests.faults.crashes_under_load.load_run import SEED, loading, rehearsing
from tests.faults.installation import Installation, Running

# Longer than a payment is leased to its sender, so that the worker takes over what stands still.
STALL_SECONDS = 4.0
# Eight, and more where none of them met a payment on its way, which no draw can promise.
STALLS_MIN, STALLS_MAX = 8, 40
GIVEN_BACK = "1007"
CLEAN = Verdict((), (), ())


async def stopped_while_paying(
    site: Installation, shopper: Shopper, point: str, kind: str
) -> tuple[Running, Purchase, "asyncio.Task[None]"]:
    """A web process that stands still at a point of its first payment, and the partner that waits for it."""
    web = await site.web("--point", point, "--stops")
    (purchase,) = await shopper.fetch([kind])
    waiting = asyncio.create_task(shopper.pay([purchase]))
    await web.stop()
    return web, purchase, waiting


async def test_nothing_leaves_a_process_that_was_stopped_before_the_gate_until_its_deadline_had_passed(
    site: Installation, shopper: Shopper
) -> None:
    web, purchase, waiting = await stopped_while_paying(site, shopper, "before_pay", "polite")
    await shopper.until_it_is(purchase, "completed")
    web.go_on()
    await waiting
    assert purchase.codes == [DONE]
    assert "late:unreached" in await shopper.evidence_of(purchase)
    assert await shopper.saves(purchase) == [1]
    assert await shopper.verdict() == CLEAN


@pytest.mark.parametrize(
    ("kind", "end", "code", "evidence"),
    [
        ("polite", "completed", DONE, "late:approved"),
        # The worker sends once more, and a refused repeat proves nothing: the next inquiry ends the doubt.
        ("refuses", "refunded", GIVEN_BACK, "late:declined"),
        # The worker sends once more and is served: the refusal of the first send is history by then.
        ("refused_once", "completed", DONE, "late:declined"),
    ],
)
async def test_an_answer_that_was_kept_until_the_worker_had_decided_is_evidence_and_decides_nothing(
    kind: str, end: str, code: str, evidence: str, site: Installation, shopper: Shopper
) -> None:
    web, purchase, waiting = await stopped_while_paying(site, shopper, "before_record", kind)
    await shopper.until_it_is(purchase, end)
    decided = await shopper.history_of(purchase)
    web.go_on()
    await waiting
    assert purchase.codes == [code]
    assert evidence in await shopper.evidence_of(purchase)
    assert await shopper.history_of(purchase) == decided
    assert await shopper.verdict() == CLEAN


async def test_a_write_after_the_worker_has_sent_again_is_known_to_the_biller_as_the_same_order(
    site: Installation, shopper: Shopper
) -> None:
    web, purchase, waiting = await stopped_while_paying(site, shopper, "at_the_gate", "polite")
    await shopper.until_it_is(purchase, "completed")
    assert await shopper.saves(purchase) == [1]
    web.go_on()
    await waiting
    await shopper.until_there_are(2, purchase)
    assert purchase.codes == [DONE]
    assert await shopper.state(purchase) == "completed"
    verdict = await shopper.verdict()
    # One payment under one transaction; the far side counts that it was asked for it twice.
    assert verdict == Verdict((), (f"bill {purchase.bill}: saved 2 times",), ())


async def test_a_write_after_the_money_was_given_back_goes_to_review_as_a_late_success(
    site: Installation, shopper: Shopper
) -> None:
    # The worker's own send is lost, so that it ends with giving back.
    web, purchase, waiting = await stopped_while_paying(site, shopper, "at_the_gate", "lost_once")
    await shopper.until_it_is(purchase, "refunded")
    assert await shopper.saves(purchase) == []
    web.go_on()
    await waiting
    await shopper.until_it_is(purchase, "in_review")
    assert purchase.codes == [GIVEN_BACK]
    assert await shopper.saves(purchase) == [1]
    assert await shopper.verdict() == Verdict((), (), (f"{purchase.reference}: not final (in_review)",))


async def test_a_worker_stopped_at_the_gate_of_the_second_send_is_found_out_like_a_web_process(
    site: Installation, shopper: Shopper
) -> None:
    stopped = await site.worker("--point", "at_the_gate", "--stops")
    (purchase,) = await shopper.fetch(["lost_unpaid"])
    await shopper.pay([purchase])
    await stopped.stop()
    await site.second_worker()
    await shopper.until_it_is(purchase, "refunded")
    assert await shopper.saves(purchase) == []
    stopped.go_on()
    await shopper.until_it_is(purchase, "in_review")
    assert await shopper.saves(purchase) == [1]
    assert await shopper.verdict() == Verdict((), (), (f"{purchase.reference}: not final (in_review)",))


async def test_a_web_process_that_stands_still_anywhere_until_its_leases_are_over_doubles_and_loses_nothing(
    site: Installation, matrix: list[Row], tmp_path: Path
) -> None:
    draws = random.Random(SEED)  # noqa: S311 - not a secret, a rehearsal that can be repeated
    await site.heal()
    async with rehearsing(site, tmp_path / "history.jsonl") as rehearsal:
        async with loading(rehearsal):
            while rehearsal.kills < STALLS_MIN or not await rehearsal.has_met_a_lease():
                assert rehearsal.kills < STALLS_MAX, "no stall met a payment on its way"
                await rehearsal.recover()
                await asyncio.sleep(draws.uniform(0, 0.4))
                rehearsal.note_strike("web stalled")
                with site.stalled("web"):
                    await asyncio.sleep(STALL_SECONDS)
        row, history = await rehearsal.row("web stalled", f"{rehearsal.kills} moments under load")
    matrix.append(row)
    assert check(history) == ()
    assert await audit.run(site.database) is None
    assert history.lines["late"], "no stall outlived a lease"
