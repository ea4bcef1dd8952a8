"""How much a hanging biller slows down the others: `bulkhead_loss`.

Four healthy billers are paid as fast as the switch can, while a fifth gets ten payments a second without
waiting for answers. The fifth answers in the odd turns and hangs in the even ones; the loss is the drop in
the rate of the four. Before the clock starts the fifth is sent as many payments as its pool has connections:
a hanging biller occupies all of them within seconds, and from then on further payments wait for a connection,
get none and are given back. So each turn measures the steady state, not its beginning. In an even turn the
fifth's own payments cost the switch less; `loss_at_most` counts them as if the four had made them in the odd
turns.

Requests to the hanging biller are delayed, not lost, and reach it at the end of the turn, before any
deadline: those payments are completed late, those without a connection are given back, and none is left in
doubt. The breaker, which opens when deadlines pass, would only make the hanging cheaper.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import repeat
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from benchmarks.kit.bench_part import run_alone
from benchmarks.kit.far_side_relay import FarSideRelay, open_relay
from benchmarks.kit.load import Load
from benchmarks.kit.open_loop import LoadTarget, offer_load, steady_instants
from benchmarks.kit.payment_counts import BooksError
from benchmarks.kit.prepared_requests import PreparedRequest
from benchmarks.kit.stage import Stage, Staging, open_stage
from benchmarks.paying.hot_biller import (
    ACCOUNTS,
    BILLERS,
    LOAD,
    PARTNERS,
    UNIFORM,
    MixedTurns,
    MixTurn,
    PaidCounts,
    counts_between,
    parse_arguments,
    payees_of,
    weights_of,
)
from ekpay_switch.wire.http import WireSettings
from sandbox.billers.direct.family import DirectFamily
from sandbox.registry import InstitutionName

SICK = "btcl_bill"
HEALTHY = tuple(biller for biller in BILLERS if biller != SICK)
PER_SECOND = 10
POOL = WireSettings().connections_max
AIM = 0.05
# Every held call must be answered before its deadline (20 s): head start, turn and release.
SECONDS_MAX = 10
_START_SECONDS = 15
_SPARE_SECONDS = 1.0
_PAY = "/syndicate/api/update-billPayment"
_WARM_UP_SECONDS = 2


@dataclass(frozen=True, slots=True)
class BulkheadTurn:
    """A turn of the healthy billers, and the results of the payments at the other one meanwhile."""

    hangs: bool
    healthy: MixTurn
    sent: int
    completed: int
    given_back: int


@dataclass(frozen=True, slots=True)
class BulkheadResult:
    """Every turn in order, and the audit's last line."""

    turns: tuple[BulkheadTurn, ...]
    audit: str

    def rates(self, *, hangs: bool) -> list[float]:
        """The healthy rates beside an answering or a hanging biller, in order."""
        return [turn.healthy.rate for turn in self.turns if turn.hangs is hangs]

    @property
    def loss(self) -> float:
        """The median of the pairs: the share of the rate that was lost; negative if none was."""
        return self._loss(0)

    @property
    def loss_at_most(self) -> float:
        """The same, counting the payments at the answering biller as payments of the others."""
        return self._loss(PER_SECOND)

    def _loss(self, spared: int) -> float:
        pairs = zip(self.rates(hangs=False), self.rates(hangs=True), strict=True)
        return median(1 - hanging / (answering + spared) for answering, hanging in pairs)

    def figures(self) -> dict[str, Any]:
        """For results.json: the loss, and everything else under one key."""
        details = {
            "sick": SICK,
            "sick_payments_per_second": PER_SECOND,
            "sick_payments_at_once_before": POOL,
            "loss_at_most": round(self.loss_at_most, 3),
            "turns": [asdict(turn) for turn in self.turns],
            "audit": self.audit,
        }
        return {"bulkhead_loss": round(self.loss, 3), "bulkhead": details}

    def show(self, console: Console) -> None:
        """Print both rates, the loss, and the results of the hanging payments."""
        rates = " and ".join(f"{median(self.rates(hangs=hangs)):.0f}/s" for hangs in (False, True))
        text = f"payments beside a biller that answers, and that hangs: {rates}"
        most = f"at most {self.loss_at_most:.1%}"
        console.print(f"{text}, loss {self.loss:.1%}, {most} (aim under {AIM:.0%})", highlight=False)
        hanging = [turn for turn in self.turns if turn.hangs]
        each = " and ".join(
            f"{median(turn.healthy.switch_ms for turn in self.turns if turn.hangs is hangs):.2f}"
            for hangs in (False, True)
        )
        late, back = sum(turn.completed for turn in hanging), sum(turn.given_back for turn in hanging)
        text = f"ms of the switch each {each}; at the hanging one {late} completed late, {back} given back"
        console.print(f"{text}, none left in doubt; audit: {self.audit}", highlight=False)


class HangingBillerLoad:
    """The payments at the fifth biller, sent by a process of their own at fixed instants.

    `failed_count` are those of the last turn that had no answer.
    """

    def __init__(self, stage: Stage, relay: FarSideRelay) -> None:
        self._target = LoadTarget(
            stage.switch_url + _PAY, "text/plain", tuple(partner.token for partner in stage.partners)
        )
        self._relay = relay
        self.failed_count = 0

    @asynccontextmanager
    async def run_alongside(
        self, bodies: Sequence[PreparedRequest], seconds: int, *, hangs: bool
    ) -> AsyncIterator[None]:
        """Send them while the block runs, which begins once every connection of the pool is in use."""
        has_pool_full = self._relay.expect(POOL)
        if hangs:
            self._relay.hold()
        offered = asyncio.create_task(offer_load(self._target, payment_instants(seconds), bodies))
        try:
            async with asyncio.timeout(_START_SECONDS):
                await has_pool_full.wait()
            yield
        finally:
            self._relay.release()
            self.failed_count = (await offered).failed_count


def payment_instants(seconds: int) -> list[float]:
    """The instants of payments at the fifth biller, in seconds: a pool full at once, then steadily."""
    return [*repeat(0.0, POOL), *steady_instants(PER_SECOND, seconds + _SPARE_SECONDS)]


def checked_turn(healthy: MixTurn, sent: int, grown: PaidCounts, *, hangs: bool) -> BulkheadTurn:
    """The turn, if the counts of the fifth biller are as expected for an answering or hanging one.

    Raises:
        BooksError: a payment is missing, or the pool was not full in a turn that hung.
    """
    turn = BulkheadTurn(hangs, healthy, sent, grown.completed, grown.payments - grown.completed)
    if grown.payments != sent:
        raise BooksError(f"bulkhead: {sent} payments sent to {SICK}, {grown.payments} in the books")
    is_as_expected = turn.completed >= POOL and turn.given_back if hangs else not turn.given_back
    if not is_as_expected:
        conduct = "hangs" if hangs else "answers"
        raise BooksError(
            f"bulkhead: {SICK} {conduct}, {turn.completed} completed, {turn.given_back} given back"
        )
    return turn


async def measure(rounds: int = 3, seconds: int = 3, load: Load = LOAD) -> BulkheadResult:
    """Take turns, `rounds` of each kind; a turn has at most `SECONDS_MAX` seconds.

    Raises:
        StageError: something did not start.
        LoadError: wrk failed.
        OpenLoopError: the load of the fifth biller failed.
        BooksError: the database does not confirm a turn.
        TimeoutError: the pool of the fifth biller did not fill up.
    """
    length, weights = min(seconds, SECONDS_MAX), weights_of(UNIFORM, HEALTHY)
    async with open_relay(0) as relay:
        url = f"http://127.0.0.1:{relay.port}{DirectFamily.base_path}/{SICK}"
        staging = Staging(
            (InstitutionName.DESCO, InstitutionName.DIRECT), environ={f"EKPAY_{SICK.upper()}_URL": url}
        )
        async with open_stage(PARTNERS, ACCOUNTS, staging) as stage:
            relay.far_port = urlsplit(stage.addresses["DIRECT"]).port or 0
            turns = MixedTurns(stage, load, payees_of(BILLERS))
            sick_load = HangingBillerLoad(stage, relay)
            await turns.fetch_stock([weights_of(UNIFORM)], _WARM_UP_SECONDS)
            await turns.pay(UNIFORM, _WARM_UP_SECONDS)
            await stage.connection.execute("ANALYZE")
            results: list[BulkheadTurn] = []
            for _ in range(rounds):
                extra = {SICK: 2 * len(payment_instants(length))}
                await turns.fetch_stock([weights, weights], length, extra)
                results += [await _turn(turns, sick_load, length, hangs=hangs) for hangs in (False, True)]
            return BulkheadResult(tuple(results), await stage.audit())


async def _turn(
    turns: MixedTurns, sick_load: HangingBillerLoad, seconds: int, *, hangs: bool
) -> BulkheadTurn:
    bodies = turns.stock.take((SICK,), len(payment_instants(seconds)))
    before = await turns.paid_counts()
    healthy = await turns.pay(
        UNIFORM, seconds, lambda: sick_load.run_alongside(bodies, seconds, hangs=hangs), HEALTHY
    )
    if sick_load.failed_count:
        raise BooksError(f"bulkhead: {sick_load.failed_count} payments at {SICK} had no answer")
    grown = counts_between(before, await turns.paid_counts(), (SICK,))[SICK]
    return checked_turn(healthy, len(bodies), grown, hangs=hangs)


if __name__ == "__main__":
    arguments = parse_arguments("bulkhead")
    sys.exit(run_alone("bulkhead", measure(arguments.rounds, arguments.seconds)))
