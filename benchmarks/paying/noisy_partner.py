"""What one partner's flood of fetches does to the fetches of another, with and without the limits.

`python -m benchmarks.paying.noisy_partner`: in one run, against one switch, a quiet partner fetches at random
instants: alone, beside a flood that its agreement lets through, and beside the same flood within the limits
that a partner has unless agreed otherwise. The ratios compare those turns; the flood must really be refused
in the last one, and in no other.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.kit.bench_part import run_alone
from benchmarks.kit.errors import BenchError
from benchmarks.kit.open_loop import (
    LoadTarget,
    OpenLoopResult,
    offer_load,
    percentile,
    poisson_instants,
    steady_instants,
)
from benchmarks.kit.prepared_requests import PreparedRequest, RequestPreparer
from benchmarks.kit.stage import Stage, open_stage
from ekpay_switch.domain.parties.partner_limits import FetchTerms

AIM_RATIO_P95 = 2.0
QUIET, NOISY = 1, 2
ALONE, UNBOUNDED, LIMITED = "alone", "no limits", "usual limits"
_ACCOUNTS = 200_000
_FETCH = "/syndicate/api/fetch-bill"
_QUIET_RATE = 20.0
_SEED = 20_261
_WARM_UP_SECONDS = 1.0
_LIFTED = FetchTerms(10_000, 100_000)
_USUAL = FetchTerms()
_OK, _TOO_MANY = 200, 429
# Until the switch believes the terms that were changed (`partner_cache_seconds`), and its caches are warm.
_SETTLE_FETCHES = 60
_SET_TERMS = "UPDATE partners SET fetches_in_flight = $2, fetches_per_second = $3 WHERE id = $1"


class NoisyPartnerError(BenchError):
    """The turn did not show what it is named for."""


@dataclass(frozen=True, slots=True)
class NoisyTurn:
    """The quiet partner's latencies in milliseconds, and what became of the flood."""

    quiet_ms: tuple[float, ...]
    flood_answered: int
    flood_refused: int
    seconds: float

    def p(self, rank: float) -> float:
        """A percentile of the quiet partner."""
        return percentile(self.quiet_ms, rank)


@dataclass(frozen=True, slots=True)
class NoisyPartnerResult:
    """The three turns of a run, and the audit after them."""

    turns: dict[str, NoisyTurn]
    audit: str

    def ratio(self, name: str, rank: float) -> float:
        """How many times slower the quiet partner is than alone."""
        return self.turns[name].p(rank) / self.turns[ALONE].p(rank)

    def figures(self) -> dict[str, Any]:
        """Its keys of results.json."""
        names = {"unbounded": UNBOUNDED, "limited": LIMITED}
        ratios = {
            f"noisy_partner_{key}_p{rank}_ratio": round(self.ratio(name, rank), 2)
            for key, name in names.items()
            for rank in (50, 95)
        }
        return ratios | {"noisy_partner_alone_p50_ms": round(self.turns[ALONE].p(50), 2)}

    def show(self, console: Console) -> None:
        """One table."""
        title = f"a quiet partner's fetches beside a flood, ms (aim: p95 ÷ alone at most {AIM_RATIO_P95:.0f})"
        table = Table(title=title, title_justify="left")
        for name in ("", "p50", "p95", "÷ alone", "÷ alone", "flood/s", "refused/s"):
            table.add_column(name, justify="right" if name else "left", no_wrap=True)
        for name, turn in self.turns.items():
            ratios = (f"{self.ratio(name, 50):.2f}", f"{self.ratio(name, 95):.2f}")
            flood = (turn.flood_answered + turn.flood_refused, turn.flood_refused)
            rates = (f"{count / turn.seconds:.0f}" for count in flood)
            table.add_row(name, f"{turn.p(50):.1f}", f"{turn.p(95):.1f}", *ratios, *rates)
        console.print(table)
        console.print(f"audit: {self.audit}", markup=False, highlight=False)


async def measure(flood_rate: float = 600.0, seconds: float = 10.0) -> NoisyPartnerResult:
    """Three turns of `seconds` each; the noisy partner sends `flood_rate` fetches a second.

    Raises:
        StageError, OpenLoopError: something did not start, or the load failed.
        NoisyPartnerError: the flood was refused where it is allowed, or not where it is not.
    """
    async with open_stage(2, _ACCOUNTS) as stage:
        preparer = RequestPreparer(stage.partners, stage.connection)
        flood = Flood(stage, preparer, flood_rate, seconds + _WARM_UP_SECONDS)
        turns = {}
        for name, terms in ((ALONE, None), (UNBOUNDED, _LIFTED), (LIMITED, _USUAL)):
            turns[name] = await flood.turn(terms)
        if turns[UNBOUNDED].flood_refused or not turns[LIMITED].flood_refused:
            raise NoisyPartnerError(f"refusals do not fit the limits: {turns}")
        return NoisyPartnerResult(turns, await stage.audit())


class Flood:
    """A quiet partner and a noisy one at the same switch."""

    def __init__(self, stage: Stage, preparer: RequestPreparer, rate: float, seconds: float) -> None:
        self._stage = stage
        self._preparer = preparer
        self._rate = rate
        self._seconds = seconds
        tokens = tuple(partner.token for partner in stage.partners)
        self._target = LoadTarget(stage.switch_url + _FETCH, "text/plain", tokens)
        self._stock: dict[int, list[PreparedRequest]] = {QUIET: [], NOISY: []}

    async def turn(self, terms: FetchTerms | None) -> NoisyTurn:
        """The quiet partner alone where there are no terms, else beside the noisy one under them."""
        if terms is not None:
            noisy = self._stage.partners[NOISY - 1].id
            await self._stage.connection.execute(_SET_TERMS, noisy, terms.in_flight, terms.per_second)
        await offer_load(
            self._target, steady_instants(_QUIET_RATE, _SETTLE_FETCHES / _QUIET_RATE),
            self._take(QUIET, _SETTLE_FETCHES),
        )  # fmt: skip
        instants = poisson_instants(_QUIET_RATE, self._seconds, _SEED)
        loads = [(instants, QUIET)]
        if terms is not None:
            loads.append((steady_instants(self._rate, self._seconds), NOISY))
        results = await asyncio.gather(
            *(offer_load(self._target, due, self._take(who, len(due))) for due, who in loads)
        )
        return _turn_of(results, self._seconds)

    def _take(self, who: int, number: int) -> list[PreparedRequest]:
        """Messages of one partner; what is prepared for the other one is kept for it."""
        while len(self._stock[who]) < number:
            for request in self._preparer.prepare_fetches(2 * (number - len(self._stock[who]))):
                self._stock[request.token].append(request)
        taken, self._stock[who] = self._stock[who][:number], self._stock[who][number:]
        return taken


def _turn_of(results: Sequence[OpenLoopResult], seconds: float) -> NoisyTurn:
    quiet, flood = results[0], [sample.status for result in results[1:] for sample in result.samples]
    if quiet.failed_count:
        raise NoisyPartnerError(f"{quiet.failed_count} fetches of the quiet partner were refused")
    refused = flood.count(_TOO_MANY)
    return NoisyTurn(tuple(quiet.latencies_ms(_WARM_UP_SECONDS)), flood.count(_OK), refused, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paying.noisy_partner", description=__doc__)
    parser.add_argument("--rate", type=float, default=600.0, help="fetches a second of the noisy partner")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a turn")
    arguments = parser.parse_args()
    sys.exit(run_alone("noisy partner", measure(arguments.rate, arguments.seconds)))
