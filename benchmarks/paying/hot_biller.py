"""The cost of a hot biller: `hot_ratio`, payments a second with one biller taking 60 % ÷ all equal.

Five billers: DESCO postpaid, whose scroll counter all its payments share, and four of the family direct_rest,
which differ in nothing but their data and live in one simulator. Adapters and simulators have costs of their
own, so a hot turn also has another mix of adapters than the uniform one. The hot turns are therefore
weighted: every biller hot in its turn would give exactly the uniform mix, and the one direct_rest biller that
is hot here stands for the four. The rest of the difference is the hotness alone. The ratio of each hot biller
by itself is reported too; it includes the mix.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from statistics import median
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.kit import processor_usage as usage
from benchmarks.kit.bench_part import run_alone
from benchmarks.kit.load import Load, LoadResult, send
from benchmarks.kit.payment_counts import Books, BooksError, check_against_books
from benchmarks.kit.prepared_requests import (
    DESCO,
    Payee,
    PreparedRequest,
    RequestPreparer,
    RequestStock,
    interleave,
    payee_of,
)
from benchmarks.kit.stage import Stage, Staging, open_stage
from sandbox.billers.direct.institutions import INSTITUTIONS
from sandbox.kit.institution.clock import Clock
from sandbox.registry import InstitutionName

PARTNERS, ACCOUNTS = 16, 1_000_000
LOAD = Load(1, 128)
STAGING = Staging(institutions=(InstitutionName.DESCO, InstitutionName.DIRECT))
HOT_BILLER = "wzpdcl_postpaid"
DIRECT = (HOT_BILLER, "nesco_postpaid", "kgdcl_gas", "btcl_bill")
BILLERS = (DESCO.id, *DIRECT)
UNIFORM = "all alike"
HOT_SHARE = 0.6
AIM = 0.9
_SHARE_TOLERANCE = 0.02
_FETCH, _PAY = "/syndicate/api/fetch-bill", "/syndicate/api/update-billPayment"
_FETCH_SECONDS = 2
_FETCH_RATE_MAX = 5_000
_WARM_UP_SECONDS = 2
_NONE: Mapping[str, int] = MappingProxyType({})
# A rate that no turn exceeds, so that wrk does not run out of requests: above the best so far, never below a
# likely one, and before the first turn more than any machine reaches. Unsent requests wait for the next turn.
_MARGIN, _RATE_MIN, _RATE_FIRST = 1.4, 1_500, 4_000
_BY_BILLER = """
SELECT biller_id, count(*) FILTER (WHERE state = 'completed') AS completed, count(*) AS payments FROM payments
GROUP BY biller_id
"""


@dataclass(frozen=True, slots=True)
class PaidCounts:
    """Payments of one biller: all, and those that are completed."""

    completed: int
    payments: int


@dataclass(frozen=True, slots=True)
class MixTurn:
    """The result of one turn of paying: payments by biller, and the cores used by each part.

    `switch_ms` is processor time of the switch for each payment; it shows costs where wall time is disturbed.
    """

    hot: str
    done: int
    rate: float
    latency_ms: dict[str, float]
    switch_ms: float
    paid: dict[str, int]
    cores: dict[str, float]


def weights_of(hot: str, billers: Sequence[str] = BILLERS) -> dict[str, int]:
    """How often each biller is paid: one takes 60 % and the others share the rest, or all take the same."""
    if hot == UNIFORM:
        return dict.fromkeys(billers, 1)
    # Two parts for each of the others, and for the hot one half as much again as they have together.
    other_count = len(billers) - 1
    return {biller: 3 * other_count if biller == hot else 2 for biller in billers}


def payees_of(ids: Sequence[str]) -> tuple[Payee, ...]:
    """The billers of these ids; the sandbox opens their books today."""
    today, institutions = Clock().today(), {institution.id: institution for institution in INSTITUTIONS}
    return tuple(DESCO if name == DESCO.id else payee_of(institutions[name], today) for name in ids)


class MixedTurns:
    """Fetches into a stock and pays mixes from it; every turn is checked against the database by biller."""

    def __init__(self, stage: Stage, load: Load, billers: Sequence[Payee]) -> None:
        self._stage = stage
        self._load = load
        self._preparer = RequestPreparer(stage.partners, stage.connection, billers)
        self._books = Books(stage.connection)
        self._best_rate = 0.0
        self._fetched: tuple[int, ...] = (0, 0, 0)
        self._fetches = RequestStock()
        self.stock = RequestStock()

    async def fetch_stock(
        self, turns: Iterable[Mapping[str, int]], seconds: int, extra: Mapping[str, int] = _NONE
    ) -> None:
        """Fetch until there is enough for turns of these weights, and so many `extra` of a biller.

        Raises:
            BooksError: a fetch failed.
        """
        needed: dict[str, float] = dict(extra)
        for weights in turns:
            for biller, weight in weights.items():
                share = weight / sum(weights.values())
                needed[biller] = needed.get(biller, 0.0) + share * self._payments_needed(seconds)
        while missing := self._missing(needed):
            bodies = self._take_fetches(interleave(missing), _FETCH_RATE_MAX * _FETCH_SECONDS)
            result = await send(self._stage, _FETCH, bodies, _FETCH_SECONDS, self._load)
            _refuse_failures("fetch", result)
            self._fetches.put_back(result.unsent)
            await self._books.settled_counts()
            fetched = await self._preparer.payments()
            self.stock.add(fetched)
            # Summed since the beginning: requests in flight at the end of a turn may arrive in the next one.
            counts = (result.answered, len(fetched), result.sent)
            self._fetched = tuple(map(sum, zip(self._fetched, counts, strict=True)))
            check_against_books("fetch", *self._fetched)

    async def pay(
        self,
        hot: str,
        seconds: int,
        alongside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
        billers: Sequence[str] = BILLERS,
    ) -> MixTurn:
        """Pay a mix for a fixed time; what runs `alongside` has ended before the books are read.

        Raises:
            BooksError: a payment was not completed, or the mix is another one.
        """
        weights = weights_of(hot, billers)
        bodies = self.stock.take(interleave(weights), self._payments_needed(seconds))
        before = await self.paid_counts()
        async with alongside():
            start = usage.read(self._stage.pids)
            result = await send(self._stage, _PAY, bodies, seconds, self._load)
            end = usage.read(self._stage.pids)
        self.stock.put_back(result.unsent)
        grown = counts_between(before, await self.paid_counts(), billers)
        completed = sum(counts.completed for counts in grown.values())
        turn_kind = f"pay, hot {hot}"
        _refuse_failures(turn_kind, result)
        check_against_books(turn_kind, result.answered, completed, result.sent)
        if completed != sum(counts.payments for counts in grown.values()):
            raise BooksError(f"{turn_kind}: not every payment of this turn is completed")
        paid = {biller: counts.completed for biller, counts in grown.items()}
        refuse_other_mix(turn_kind, paid, weights)
        self._best_rate = max(self._best_rate, result.rate)
        each_ms = 1_000 * (end.parts["switch"] - start.parts["switch"]) / completed
        cores = usage.shares(start, end, "wrk")
        return MixTurn(hot, result.answered, result.rate, result.percentiles_ms, each_ms, paid, cores)

    async def paid_counts(self) -> dict[str, PaidCounts]:
        """Payments so far by biller, once none is in flight."""
        await self._books.settled_counts()
        rows = await self._stage.connection.fetch(_BY_BILLER)
        return {row["biller_id"]: PaidCounts(row["completed"], row["payments"]) for row in rows}

    def _take_fetches(self, order: Sequence[str], count: int) -> list[PreparedRequest]:
        """So many fetch messages in this order; unsent ones come before new ones."""
        for biller, number in Counter(islice(cycle(order), count)).items():
            self._fetches.add(
                self._preparer.prepare_fetches(max(number - self._fetches.available(biller), 0), (biller,))
            )
        return self._fetches.take(order, count)

    def _payments_needed(self, seconds: int) -> int:
        rate = max(self._best_rate * _MARGIN, _RATE_MIN) if self._best_rate else _RATE_FIRST
        return int(rate * seconds)

    def _missing(self, needed: Mapping[str, float]) -> dict[str, int]:
        """How many fetches of each biller are missing, scaled down: a period must be short."""
        short = {biller: count - self.stock.available(biller) for biller, count in needed.items()}
        short = {biller: number for biller, number in short.items() if number > 0}
        whole = sum(short.values())
        return {biller: max(round(20 * number / whole), 1) for biller, number in short.items()}


def counts_between(
    before: Mapping[str, PaidCounts], after: Mapping[str, PaidCounts], billers: Sequence[str]
) -> dict[str, PaidCounts]:
    """The difference of two counts, for each of these billers."""
    none = PaidCounts(0, 0)
    pairs = {biller: (before.get(biller, none), after.get(biller, none)) for biller in billers}
    return {
        biller: PaidCounts(later.completed - earlier.completed, later.payments - earlier.payments)
        for biller, (earlier, later) in pairs.items()
    }


def refuse_other_mix(turn_kind: str, paid: Mapping[str, int], weights: Mapping[str, int]) -> None:
    """Refuse a turn whose mix of billers is not the intended one.

    Raises:
        BooksError: a biller's share differs by more than two in a hundred.
    """
    whole, parts = sum(paid.values()), sum(weights.values())
    for biller, weight in weights.items():
        if abs(paid.get(biller, 0) / whole - weight / parts) > _SHARE_TOLERANCE:
            raise BooksError(f"{turn_kind}: {paid.get(biller, 0)} of {whole} payments were {biller}'s")


def _refuse_failures(turn_kind: str, result: LoadResult) -> None:
    if result.not_2xx or result.broken:
        raise BooksError(
            f"{turn_kind}: {result.not_2xx} answers were no success, {result.broken} connections broke"
        )


def weighted_rate(desco: float, direct: float) -> float:
    """The rate of hot turns in the uniform mix, from the rates of two hot billers.

    Times add up, not rates: a fifth of the payments with DESCO hot, the rest with a direct_rest biller hot.
    """
    share = 1 / len(BILLERS)
    return 1 / (share / desco + (1 - share) / direct)


@dataclass(frozen=True, slots=True)
class HotBillerResult:
    """Every turn in order, and the audit's last line."""

    turns: tuple[MixTurn, ...]
    audit: str

    def rates(self, hot: str) -> list[float]:
        """The rates of one kind of turn, in order."""
        return [turn.rate for turn in self.turns if turn.hot == hot]

    @property
    def hot_ratio(self) -> float:
        """The median of the rounds: hot turns, weighted to the uniform mix, ÷ uniform."""
        triples = zip(self.rates(UNIFORM), self.rates(DESCO.id), self.rates(HOT_BILLER), strict=True)
        return median(weighted_rate(desco, direct) / uniform for uniform, desco, direct in triples)

    def ratio_of(self, hot: str) -> float:
        """The median of the rounds with this biller hot ÷ uniform; it includes the mix of adapters."""
        return median(
            rate / uniform for uniform, rate in zip(self.rates(UNIFORM), self.rates(hot), strict=True)
        )

    def figures(self) -> dict[str, Any]:
        """For results.json: the ratio, and everything else under one key."""
        details = {
            "share": HOT_SHARE,
            "billers": BILLERS,
            "ratio_by_hot_biller": {hot: round(self.ratio_of(hot), 3) for hot in (DESCO.id, HOT_BILLER)},
            "turns": [asdict(turn) for turn in self.turns],
            "audit": self.audit,
        }
        return {"hot_ratio": round(self.hot_ratio, 3), "hot_mix": details}

    def show(self, console: Console) -> None:
        """Print the rate by hot biller, and the ratio."""
        table = Table("hot biller", "a second", "÷ all alike", "p99 ms", "switch ms each")
        table.title = f"payments to {len(BILLERS)} billers, one taking {HOT_SHARE:.0%}"
        for hot in (UNIFORM, DESCO.id, HOT_BILLER):
            mine = [turn for turn in self.turns if turn.hot == hot]
            p99 = median(turn.latency_ms["p99"] for turn in mine)
            each = median(turn.switch_ms for turn in mine)
            rate, ratio = median(self.rates(hot)), self.ratio_of(hot)
            table.add_row(hot, f"{rate:.0f}", f"{ratio:.2f}", f"{p99:.1f}", f"{each:.2f}")
        console.print(table)
        text = f"hot ÷ uniform, weighed to the same mix of adapters: {self.hot_ratio:.2f}"
        console.print(f"{text} (aim {AIM}); audit: {self.audit}", highlight=False)


async def measure(rounds: int = 3, seconds: int = 2, load: Load = LOAD) -> HotBillerResult:
    """Take turns: uniform, DESCO hot, one of the others hot, `rounds` times.

    Raises:
        StageError: something did not start.
        LoadError: wrk failed.
        BooksError: the books do not bear out a turn.
    """
    kinds = (UNIFORM, DESCO.id, HOT_BILLER)
    async with open_stage(PARTNERS, ACCOUNTS, STAGING) as stage:
        turns = MixedTurns(stage, load, payees_of(BILLERS))
        await turns.fetch_stock([weights_of(UNIFORM)], _WARM_UP_SECONDS)
        await turns.pay(UNIFORM, _WARM_UP_SECONDS)
        await stage.connection.execute("ANALYZE")
        mix_turns: list[MixTurn] = []
        for _ in range(rounds):
            await turns.fetch_stock([weights_of(hot) for hot in kinds], seconds)
            mix_turns += [await turns.pay(hot, seconds) for hot in kinds]
        return HotBillerResult(tuple(mix_turns), await stage.audit())


def parse_arguments(name: str) -> argparse.Namespace:
    """The rounds and the seconds of a turn from the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side takes its turn")
    parser.add_argument("--seconds", type=int, default=3, help="length of a turn")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_arguments("paying.hot_biller")
    sys.exit(run_alone("mix", measure(arguments.rounds, arguments.seconds)))
