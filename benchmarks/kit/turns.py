"""One turn each: fetching through the switch, paying through the switch, paying by pgbench."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import aiohttp

from benchmarks.kit import pgbench_reference as reference
from benchmarks.kit import processor_usage as usage
from benchmarks.kit.load import Load, LoadResult, send
from benchmarks.kit.payment_counts import (
    EPOCH,
    Books,
    BooksError,
    PaymentCounts,
    check_against_books,
    rows_per_payment,
)
from benchmarks.kit.prepared_requests import DESCO, Payee, PreparedRequest, RequestPreparer
from benchmarks.kit.stage import Stage, operations_url

_FETCH, _PAY = "/syndicate/api/fetch-bill", "/syndicate/api/update-billPayment"
# More than pgbench will reach with any number of clients, so that its quotes never run out.
_REFERENCE_RATE_MAX = 12_000.0
WITHOUT_SCROLL = "pgbench without the counter"
_METRIC = re.compile(r"^ekpay_batch_(size|seconds)_(sum|count) ([\d.e+]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Turn:
    """The result of one turn; `cores` by part of the system."""

    kind: str
    clients: int
    done: int
    rate: float
    latency_ms: dict[str, float]
    cores: dict[str, float]
    wal_bytes_each: float
    batch_size: float = 0.0
    batch_ms: float = 0.0
    not_completed: int = 0

    def figures(self) -> dict[str, Any]:
        """The turn as results.json has it."""
        fields = asdict(self)
        return {"what": fields.pop("kind"), **fields}


@dataclass(frozen=True, slots=True)
class RowsPerPayment:
    """Rows that one payment inserts and row versions that it updates, by table, at a rough rate."""

    rate: float
    inserted: dict[str, float]
    updated: dict[str, float]


class Turns:
    """Takes the turns and checks each against the database; rows from before `since` do not count."""

    def __init__(
        self, stage: Stage, load: Load, since: datetime = EPOCH, payees: Sequence[Payee] = (DESCO,)
    ) -> None:
        self._stage = stage
        self._load = load
        self._preparer = RequestPreparer(stage.partners, stage.connection, payees, since)
        self._books = Books(stage.connection, since)
        self._reference_turns = 0
        self._fetches: list[PreparedRequest] = []
        self.payments: list[PreparedRequest] = []

    async def fetch(self, seconds: int, rate_max: float) -> Turn:
        """Fetch for a fixed time; what was fetched becomes pay messages, ready to be sent."""
        missing = max(int(rate_max * seconds) - len(self._fetches), 0)
        self._fetches += self._preparer.prepare_fetches(missing)
        turn, result, grown = await self._through_switch("fetch", _FETCH, self._fetches, seconds)
        self._fetches = list(result.unsent)
        check_against_books("fetch", result.answered, grown.quotes, result.sent)
        self.payments += await self._preparer.payments()
        return turn

    async def pay(self, seconds: int, *, may_fall_short: bool = False) -> Turn:
        """Pay for a fixed time from what was fetched; only what was completed counts.

        A payment is given back if the machine stalls for longer than it may wait for a connection to its
        biller, and refused if its bill was fetched before midnight in Dhaka. Long runs accept that by
        `may_fall_short`; any other turn is void then.

        Raises:
            BooksError: the database does not confirm the answers, or payments were not completed.
        """
        turn, result, grown = await self._through_switch("pay", _PAY, self.payments, seconds)
        self.payments = list(result.unsent)
        check_against_books("pay", result.answered, grown.payments, result.sent)
        if grown.not_completed and not may_fall_short:
            states = await self._books.other_end_states()
            raise BooksError(f"pay: {grown.not_completed} payments were not completed ({states})")
        done = turn.done - grown.not_completed
        return replace(turn, done=done, rate=done / result.seconds, not_completed=grown.not_completed)

    async def not_completed(self) -> tuple[int, str]:
        """How many payments since the instant were not completed, and their end states."""
        return (await self._books.counts()).not_completed, await self._books.other_end_states()

    async def reference(self, clients: int, seconds: int, *, has_scroll: bool = True) -> Turn:
        """Let pgbench pay for a fixed time, on quotes of its own."""
        self._reference_turns += 1
        turn = self._reference_turns
        quotes = int(_REFERENCE_RATE_MAX * seconds / clients) + 1
        await self._preparer.write_reference_quotes(turn, clients, quotes)
        before, start = await self._books.settled_counts(), usage.read(self._stage.pids)
        result = await reference.run_pgbench(self._stage, turn, clients, seconds, has_scroll=has_scroll)
        cores = usage.shares(start, usage.read(self._stage.pids), "pgbench")
        grown = _growth(before, await self._books.settled_counts())
        if grown.completed != result.payments:
            raise BooksError(f"pgbench: {result.payments} said to be paid, {grown.completed} in the books")
        latency = {"mean": result.mean_ms}
        kind = "pgbench" if has_scroll else WITHOUT_SCROLL
        return Turn(kind, clients, grown.completed, result.rate, latency, cores, grown.wal / grown.completed)

    async def rows_of(self, side: str) -> RowsPerPayment:
        """Rows that one payment writes, by table, from one second of this side."""
        before = await self._books.settled_counts()
        inserted, updated = await self._books.row_counts(), await self._books.update_counts(before.payments)
        turn = await (self.pay(1) if side == "pay" else self.reference(1, 1))
        after = await self._books.settled_counts()
        paid = after.payments - before.payments
        inserted_after, updated_after = (
            await self._books.row_counts(),
            await self._books.update_counts(after.payments),
        )
        return RowsPerPayment(
            turn.rate,
            rows_per_payment(inserted, inserted_after, paid),
            rows_per_payment(updated, updated_after, paid),
        )

    async def _through_switch(
        self, kind: str, path: str, prepared: list[PreparedRequest], seconds: int
    ) -> tuple[Turn, LoadResult, PaymentCounts]:
        stage = self._stage
        before, batches, start = (
            await self._books.settled_counts(),
            await self._batch_metrics(),
            usage.read(stage.pids),
        )
        result = await send(stage, path, prepared, seconds, self._load)
        cores = usage.shares(start, usage.read(stage.pids), "wrk")
        grown = _growth(before, await self._books.settled_counts())
        if result.not_2xx or result.broken:
            raise BooksError(
                f"{kind}: {result.not_2xx} answers were no success, {result.broken} connections broke"
            )
        size, batch_ms = _mean_batch(batches, await self._batch_metrics())
        wal = grown.wal / max(result.answered, 1)
        turn = Turn(
            kind,
            self._load.connections,
            result.answered,
            result.rate,
            result.percentiles_ms,
            cores,
            wal,
            size,
            batch_ms,
        )
        return turn, result, grown

    async def _batch_metrics(self) -> dict[str, float]:
        url = f"{operations_url(self._stage.home_folder, self._stage.switch_url)}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            matches = _METRIC.findall(await answer.text())
        return {f"{name}_{kind}": float(number) for name, kind, number in matches}


def _growth(before: PaymentCounts, after: PaymentCounts) -> PaymentCounts:
    return PaymentCounts(
        completed=after.completed - before.completed,
        open=after.open,
        payments=after.payments - before.payments,
        quotes=after.quotes - before.quotes,
        wal=after.wal - before.wal,
    )


def _mean_batch(before: dict[str, float], after: dict[str, float]) -> tuple[float, float]:
    grown = {name: number - before.get(name, 0.0) for name, number in after.items()}
    count = grown.get("size_count") or 1.0
    return grown.get("size_sum", 0.0) / count, grown.get("seconds_sum", 0.0) / count * 1_000
