"""The latency that the switch adds to a payment, at half of its maximum load.

Payments arrive at random instants drawn beforehand (`benchmarks.kit.open_loop`), and latency counts from the
instant. In alternate turns the same process sends the biller's own payment call directly to the biller at the
same rate, while the switch is idle. Only the *median* of those calls is subtracted, from the median and from
the 99th percentile alike: the biller is faster there than beside a busy switch, and its slow calls stay in,
so the reported addition is rather too high than too low.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from rich.console import Console
from rich.table import Table

from benchmarks.kit.bench_part import run_alone
from benchmarks.kit.load import Load
from benchmarks.kit.open_loop import (
    LAG_P99_MS_MAX,
    LoadTarget,
    OpenLoopResult,
    offer_load,
    percentile,
    poisson_instants,
    refuse_late_load,
    switch_target,
)
from benchmarks.kit.payment_counts import Books, BooksError, check_against_books
from benchmarks.kit.prepared_requests import FIRST_ACCOUNT, PreparedRequest
from benchmarks.kit.stage import Stage, open_stage
from benchmarks.kit.turns import Turns

AIM_ADDED_P99_MS = 50.0
PARTNERS = 16
ACCOUNTS = 1_000_000
SEED = 20_261
_SHARE = 0.5
_ROUNDS = 2
_CONNECTIONS = 128
_FETCH_RATE_MAX = 5_000.0
# Seconds of fetching, and of paying to find the capacity: fetching is sometimes the slower one.
_FETCH_SECONDS, _CAPACITY_SECONDS = 5, 2
_WARM_UP_SECONDS = 1.0
_BILLER_SECONDS = 3.0
_TRIES = 3
_LONG_MS = 100
_DHAKA = timezone(timedelta(hours=6))
_AT_ONCE = 16
# Above all scroll numbers of the switch, so that none is used twice.
_FIRST_SCROLL = 1_000_000_000
_STAMP_ABOVE_PAISA = 40_000
_SAVED = "323"
_USER, _PASSWORD, _BANK = "ekpay", "desco-sandbox", "EKP"


@dataclass(frozen=True, slots=True)
class Spread:
    """Latencies of one kind in milliseconds, and the lateness of their load."""

    count: int
    p50: float
    p95: float
    p99: float
    longest: float
    lag_p99: float
    queued: int

    @classmethod
    def of(cls, turns: Sequence[OpenLoopResult]) -> "Spread":
        """Of several turns together; the warm-up of each is left out."""
        latencies_ms = [number for turn in turns for number in turn.latencies_ms(_WARM_UP_SECONDS)]
        p50, p95, p99, longest = (percentile(latencies_ms, rank) for rank in (50, 95, 99, 100))
        lag, queued = max(turn.lag_p99_ms for turn in turns), sum(turn.queued for turn in turns)
        return cls(len(latencies_ms), p50, p95, p99, longest, lag, queued)

    def figures(self) -> dict[str, float]:
        """The numbers by their names."""
        return {
            "count": self.count,
            "p50_ms": round(self.p50, 2),
            "p95_ms": round(self.p95, 2),
            "p99_ms": round(self.p99, 2),
            "max_ms": round(self.longest, 2),
            "lag_p99_ms": round(self.lag_p99, 3),
            "queued": self.queued,
        }


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """Turns through the switch and turns directly at the biller, at `offered` requests a second."""

    capacity: float
    offered: float
    switch: tuple[OpenLoopResult, ...]
    biller: tuple[OpenLoopResult, ...]
    audit: str

    @property
    def biller_ms(self) -> float:
        """What is subtracted for the biller: its median, in milliseconds."""
        return Spread.of(self.biller).p50

    @property
    def added_p50_ms(self) -> float:
        """What the switch adds to the median payment."""
        return Spread.of(self.switch).p50 - self.biller_ms

    @property
    def added_p99_ms(self) -> float:
        """What the switch adds to the 99th percentile."""
        return Spread.of(self.switch).p99 - self.biller_ms

    def figures(self) -> dict[str, Any]:
        """The flat figures, and what they are made of."""
        return {
            "added_p50_ms": round(self.added_p50_ms, 2),
            "added_p99_ms": round(self.added_p99_ms, 2),
            "latency": {
                "aim_added_p99_ms": AIM_ADDED_P99_MS,
                "capacity_per_second": round(self.capacity, 1),
                "offered_per_second": round(self.offered, 1),
                "arrivals": f"poisson, seed {SEED}",
                "connections": max(turn.connections for turn in self.switch),
                "load_cores": [round(turn.cores, 3) for turn in self.switch],
                "switch": Spread.of(self.switch).figures(),
                "switch_by_turn": [Spread.of([turn]).figures() for turn in self.switch],
                "biller": Spread.of(self.biller).figures(),
                "biller_taken_off": "median of its own payment call, alone, at the same rate",
                "audit": self.audit,
            },
        }

    def show(self, console: Console) -> None:
        """One table, in milliseconds."""
        title = f"latency at half load, ms ({self.offered:.0f}/s of {self.capacity:.0f}/s, random arrivals)"
        table = Table(title=title, title_justify="left")
        for name in ("", "requests", "p50", "p95", "p99", "max", "late p99"):
            table.add_column(name, justify="right" if name else "left", no_wrap=True)
        rows = {f"switch, turn {n}": Spread.of([turn]) for n, turn in enumerate(self.switch, 1)}
        rows |= {"switch": Spread.of(self.switch), "biller alone": Spread.of(self.biller)}
        for name, row in rows.items():
            numbers = (row.p50, row.p95, row.p99, row.longest, row.lag_p99)
            table.add_row(name, str(row.count), *map(_milliseconds_text, numbers))
        table.add_section()
        table.add_row(
            "added",
            "",
            _milliseconds_text(self.added_p50_ms),
            "",
            _milliseconds_text(self.added_p99_ms),
            "",
            "",
        )
        console.print(table)
        console.print("added: less the biller's own p50; late: how late the load was itself", highlight=False)
        console.print(f"audit: {self.audit}", markup=False, highlight=False)


def _milliseconds_text(milliseconds: float) -> str:
    return f"{milliseconds:.2f}" if milliseconds < _LONG_MS else f"{milliseconds:,.0f}"


async def measure(
    capacity: float | None = None, seconds: float = 30.0, lag_p99_ms_max: float = LAG_P99_MS_MAX
) -> LatencyResult:
    """Offer half of `capacity`, in payments a second, for `seconds` in all; without one it is measured first.

    Raises:
        StageError, LoadError: something did not start, or wrk failed.
        OpenLoopError: the load was late each time, or failed.
        BooksError: the database does not confirm the answers.
    """
    async with open_stage(PARTNERS, ACCOUNTS) as stage:
        turns = Turns(stage, Load(1, _CONNECTIONS))
        await turns.fetch(_FETCH_SECONDS, _FETCH_RATE_MAX)
        await stage.connection.execute("ANALYZE")
        if capacity is None:
            capacity = (await turns.pay(_CAPACITY_SECONDS)).rate
        rate, each = _SHARE * capacity, seconds / _ROUNDS + _WARM_UP_SECONDS
        switch, biller = SwitchPayer(stage, turns), BillerPayer(stage.addresses["DESCO"])
        through_switch, direct = [], []
        for number in range(_ROUNDS):
            short = poisson_instants(rate, _BILLER_SECONDS + _WARM_UP_SECONDS, SEED + _ROUNDS + number)
            direct.append(await pay_on_schedule(biller.pay, short, lag_p99_ms_max))
            whole = poisson_instants(rate, each, SEED + number)
            through_switch.append(await pay_on_schedule(switch.pay, whole, lag_p99_ms_max))
        return LatencyResult(capacity, rate, tuple(through_switch), tuple(direct), await stage.audit())


async def pay_on_schedule(
    pay: Callable[[Sequence[float]], Awaitable[OpenLoopResult]],
    instants: Sequence[float],
    lag_p99_ms_max: float,
) -> OpenLoopResult:
    """A turn whose load kept to its schedule; turns that did not are dropped.

    Raises:
        OpenLoopError: none did.
    """
    for _ in range(_TRIES - 1):
        observed = await pay(instants)
        if observed.lag_p99_ms <= lag_p99_ms_max:
            return observed
    observed = await pay(instants)
    refuse_late_load(observed, lag_p99_ms_max)
    return observed


class SwitchPayer:
    """Pays through the switch what was fetched through it."""

    def __init__(self, stage: Stage, turns: Turns) -> None:
        self._stage = stage
        self._turns = turns
        self._books = Books(stage.connection)

    async def pay(self, instants: Sequence[float]) -> OpenLoopResult:
        """Fetch until there is enough to pay, then pay once at each instant.

        Raises:
            BooksError: an answer was no success, or the database counts otherwise.
            OpenLoopError: the load failed.
        """
        turns, number = self._turns, len(instants)
        while len(turns.payments) < number:
            await turns.fetch(_FETCH_SECONDS, _FETCH_RATE_MAX)
        bodies, turns.payments = turns.payments[:number], turns.payments[number:]
        before = await self._books.settled_counts()
        observed = await offer_load(switch_target(self._stage), instants, bodies)
        done = (await self._books.settled_counts()).completed - before.completed
        if observed.failed_count:
            raise BooksError(f"latency: {observed.failed_count} of {number} answers were no success")
        check_against_books("latency", number, done, number)
        return observed


class BillerPayer:
    """Pays the simulated DESCO directly, by the call that the switch would make."""

    def __init__(self, address: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._address = address
        self._now = now
        # From the last account down; the switch pays from the first one up.
        self._accounts = count(FIRST_ACCOUNT + ACCOUNTS - 1, -1)
        self._scrolls = count(_FIRST_SCROLL)

    async def pay(self, instants: Sequence[float]) -> OpenLoopResult:
        """Look bills up before the clock starts, then pay one at each instant.

        Raises:
            BooksError: a call was refused.
            OpenLoopError: the load failed.
        """
        async with aiohttp.ClientSession() as session:
            answer = await self._call(session, "login", {"user": _USER, "password": _PASSWORD})
            token = answer["token"]
            session.headers["Authorization"] = f"Bearer {token}"
            chosen = [next(self._accounts) for _ in instants]
            shares = (chosen[place::_AT_ONCE] for place in range(_AT_ONCE))
            looked_up = await asyncio.gather(*(self._look_up(session, share) for share in shares))
        bodies = [PreparedRequest(1, self.payment_body(bill)) for share in looked_up for bill in share]
        aim = LoadTarget(f"{self._address}/payment", "application/json", (token,))
        before = await self._saved_count()
        observed = await offer_load(aim, instants, bodies)
        # A refusal is an HTTP 200 as well: only the biller's count says what was saved.
        if (saved_count := await self._saved_count() - before) != len(instants) or observed.failed_count:
            raise BooksError(f"biller: {len(instants)} payments were sent, but {saved_count} saved")
        return observed

    async def _saved_count(self) -> int:
        """How many payments the biller says it has saved since it started."""
        stats = urlsplit(self._address)._replace(path="/_admin/stats").geturl()
        async with aiohttp.ClientSession() as session, session.get(stats) as answer:
            replies: dict[str, dict[str, int]] = (await answer.json())["replies"]
        return replies.get("save", {}).get(_SAVED, 0)

    async def _look_up(
        self, session: aiohttp.ClientSession, accounts: Iterable[int]
    ) -> list[Mapping[str, Any]]:
        details = []
        for account in accounts:
            form = {"accountNo": str(account), "paymentStatus": "0"}
            bills = (await self._call(session, "bills", form))["data"]
            answer = await self._call(session, "bill", {"billNo": bills[0]["billNo"]})
            details.append(answer["data"])
        return details

    async def _call(
        self, session: aiohttp.ClientSession, path: str, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        async with session.post(f"{self._address}/{path}", json=form) as answer:
            reply: Mapping[str, Any] = await answer.json()
        return reply

    def payment_body(self, bill: Mapping[str, Any]) -> str:
        """The body that pays this bill, as the switch would write it."""
        number, now = next(self._scrolls), self._now().astimezone(_DHAKA)
        paid, reference = bill["totalAmountTobePaid"], f"BENCH{number}"
        is_late = bill["totalAmountTobePaid"] != bill["totalAmount"]
        form = {
            "billNumber": bill["billNo"],
            "billToken": bill["billToken"],
            "transactionId": reference,
            "bankCode": _BANK,
            "scrollNo": number,
            "totalPayableAmount": paid,
            "totalPaidAmount": paid,
            "lpc": bill["lpc"] if is_late else "0.00",
            "paid": "Y",
            "issueDate": bill["issueDate"],
            "dueDate": bill["dueDate"],
            "cTariff": bill["tariff"],
            "departmentCode": bill["departmentCode"],
            "paymentAmount": paid,
            "paymentVatAmount": bill["totalVat"],
            "paymentDate": f"{now:%d-%m-%Y}",
            "trackingNo": reference,
            "stampQty": int(int(paid.replace(".", "")) > _STAMP_ABOVE_PAISA),
            "transactionTrackingNo": reference,
            "tranAccount": bill["accountNo"],
            "transactionDateTime": f"{now:%Y-%m-%d %H:%M:%S}",
        }
        return json.dumps(form)


def main() -> int:
    """Measure alone; 0 if the audit holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paying.latency", description=__doc__)
    parser.add_argument("--capacity", type=float, help="payments a second that the switch can take")
    parser.add_argument("--seconds", type=float, default=30.0, help="of load through the switch, in all")
    parser.add_argument("--lag-max", type=float, default=LAG_P99_MS_MAX, help="fair lateness, p99, in ms")
    arguments = parser.parse_args()
    return run_alone("latency", measure(arguments.capacity, arguments.seconds, arguments.lag_max))


if __name__ == "__main__":
    sys.exit(main())
