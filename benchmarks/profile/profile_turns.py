"""The turns of the profile: plain ones, sampled ones, and one with every statement timed."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from benchmarks.kit import processor_usage as usage
from benchmarks.kit import turn_report as report
from benchmarks.kit.load import Load
from benchmarks.kit.machine import machine_facts
from benchmarks.kit.stage import Stage, StageError, Staging, open_stage
from benchmarks.kit.turns import Turn, Turns
from benchmarks.profile import postgres_activity as profile_server
from benchmarks.profile.instrumented_switch import (
    APPLIED,
    FOLDER_VARIABLE,
    MODE,
    OFF,
    RESULTS,
    SAMPLES,
    STATEMENTS,
)
from benchmarks.profile.layers import Profile, Stack, profile_of
from benchmarks.profile.postgres_activity import OTHER_PROCESSES, Activity

FETCH, PAY = "fetch", "pay"
SWITCH, SANDBOX = "the switch", "the simulated biller"
_PARTNERS, _ACCOUNTS = 16, 1_000_000
_FETCH_RATE_MAX = 5_000.0
_WARM_UP_SECONDS = 3
# The first turns of paying are slower than later ones: the fetched bills must last for a whole turn.
_MARGIN = 2.0
_OBEY_SECONDS = 10
_POLL_SECONDS = 0.02
_COUNTED = {FETCH: "SELECT count(*) FROM quotes", PAY: "SELECT count(*) FROM payments"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pairs of turns, how long each is, and the connections of wrk."""

    rounds: int
    seconds: int
    connections: int


@dataclass(frozen=True, slots=True)
class MeasuredTurn:
    """One turn, and the microseconds of processor time of each part by payment or fetch."""

    turn: Turn
    each: dict[str, float]


@dataclass(frozen=True, slots=True)
class StepProfile:
    """All turns of fetching or of paying, and the profile of the sampled ones."""

    plain: tuple[MeasuredTurn, ...]
    sampled: tuple[MeasuredTurn, ...]
    profile: Profile

    def each(self, part: str) -> float:
        """Microseconds of processor time of a part by payment or fetch, the median of the plain turns."""
        return median(measured.each.get(part, 0.0) for measured in self.plain)

    @property
    def rate(self) -> float:
        """The median rate of the plain turns, a second."""
        return median(measured.turn.rate for measured in self.plain)

    @property
    def parts(self) -> list[str]:
        """All parts that used processor time, the largest first."""
        names = {name for measured in self.plain for name in measured.each}
        return sorted(names, key=lambda name: (-self.each(name), name))

    @property
    def sampling_cost(self) -> float:
        """The share of the switch's processor time that sampling added."""
        return median(measured.each[SWITCH] for measured in self.sampled) / self.each(SWITCH) - 1

    @property
    def median_turn(self) -> Turn:
        """The plain turn of the median rate, or just below it."""
        ordered = sorted((measured.turn for measured in self.plain), key=lambda turn: turn.rate)
        return ordered[(len(ordered) - 1) // 2]


@dataclass(frozen=True, slots=True)
class Statements:
    """One turn of paying with every statement timed: calls and seconds by name, measured in the driver."""

    payments: int
    calls: dict[str, int]
    seconds: dict[str, float]
    activity: Activity

    @property
    def batches(self) -> int:
        """How many transactions were committed."""
        return self.calls.get("COMMIT", 0)


@dataclass(frozen=True, slots=True)
class PaymentProfile:
    """All data of the page."""

    facts: dict[str, Any]
    fetch: StepProfile
    pay: StepProfile
    statements: Statements
    audit: str


class _Instruments:
    """Switches the instruments of the measured switch by a file and a signal."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._folder = folder
        self._pid = pid

    async def set(self, mode: str) -> dict[str, Any]:
        """Switch an instrument on or off; return the results since the last change.

        Raises:
            StageError: the switch did not apply the mode.
        """
        applied = self._folder / APPLIED
        applied.unlink(missing_ok=True)
        (self._folder / MODE).write_text(mode)
        os.kill(self._pid, signal.SIGUSR1)
        try:
            async with asyncio.timeout(_OBEY_SECONDS):
                while not applied.exists():  # noqa: ASYNC110 - another process makes it
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            raise StageError(f"the measured switch did not obey {mode!r}") from error
        results: dict[str, Any] = json.loads((self._folder / RESULTS).read_text())
        return results


class _Bench:
    """Takes turns with an instrument on or off."""

    def __init__(self, stage: Stage, plan: Plan, instruments: _Instruments, console: Console) -> None:
        self._stage = stage
        self._plan = plan
        self._instruments = instruments
        self._console = console
        self._turns = Turns(stage, Load(1, plan.connections))
        self._plain: dict[str, list[MeasuredTurn]] = {FETCH: [], PAY: []}
        self._sampled: dict[str, list[MeasuredTurn]] = {FETCH: [], PAY: []}
        self._stacks: dict[str, Counter[Stack]] = {FETCH: Counter(), PAY: Counter()}
        self._committers: Collection[int] = ()

    async def measure(self) -> PaymentProfile:
        await self._turns.fetch(_WARM_UP_SECONDS, _FETCH_RATE_MAX)
        rate = (await self._turns.pay(1)).rate
        await self._stage.connection.execute("ANALYZE")
        self._committers = (await self._instruments.set(OFF))["backends"]
        for number in range(1, self._plan.rounds + 1):
            self._console.print(f"round {number} of {self._plan.rounds}")
            await self._pair(FETCH)
            await self._fetch_enough(2 * rate)
            await self._pair(PAY)
            rate = max(measured.turn.rate for measured in self._plain[PAY])
        await self._fetch_enough(rate)
        statements = await self._time_statements()
        facts = await report.facts(self._stage, Load(1, self._plan.connections))
        facts |= machine_facts(self._stage.home_folder, facts["server_version"])
        facts |= {"seconds": self._plan.seconds}
        fetches, payments = self._step_profile(FETCH), self._step_profile(PAY)
        return PaymentProfile(facts, fetches, payments, statements, await self._stage.audit())

    def _step_profile(self, step: str) -> StepProfile:
        profile = profile_of(self._stacks[step].items())
        return StepProfile(tuple(self._plain[step]), tuple(self._sampled[step]), profile)

    async def _fetch_enough(self, rate: float) -> None:
        """Fetch until there is enough to pay at this rate."""
        while len(self._turns.payments) < _MARGIN * rate * self._plan.seconds:
            await self._turns.fetch(self._plan.seconds, _FETCH_RATE_MAX)

    async def _pair(self, step: str) -> None:
        self._plain[step].append(await self._measure_turn(step))
        await self._instruments.set(SAMPLES)
        self._sampled[step].append(await self._measure_turn(step))
        for stack, count in (await self._instruments.set(OFF))["stacks"]:
            self._stacks[step][tuple((file, function) for file, function in stack)] += count

    async def _measure_turn(self, step: str) -> MeasuredTurn:
        """One turn, with processor times read before and after it."""
        connection = await profile_server.open_watcher(self._stage)
        try:
            own = [self._stage.connection.get_server_pid(), connection.get_server_pid()]
            purposes = await profile_server.processes(connection, self._committers, own)
            roots = self._stage.pids
            pids = {f"{pid}": pid for pid in (*purposes, *own, *roots.values())}
            counted = await self._stage.connection.fetchval(_COUNTED[step])
            before = usage.read(pids).parts
            turn = await self._run(step)
            after = usage.read(pids).parts
            done = await self._stage.connection.fetchval(_COUNTED[step]) - counted
        finally:
            await connection.close()
        each = {pid: 1e6 * (after[f"{pid}"] - before[f"{pid}"]) / done for pid in pids.values()}
        used = defaultdict(float, {SWITCH: each[roots["switch"]], SANDBOX: each[roots["sandbox"]]})
        for pid, purpose in purposes.items():
            used[purpose] += each[pid]
        # The bench's own backends, which count payments, are no part of a payment.
        used[OTHER_PROCESSES] = each[roots["postgres"]] - sum(each[pid] for pid in (*purposes, *own))
        self._console.print(f"  {step:6} {turn.rate:6.0f}/s, {used[SWITCH]:5.0f} µs of the switch each")
        return MeasuredTurn(turn, {name: us for name, us in used.items() if us > 0})

    async def _run(self, step: str) -> Turn:
        if step == PAY:
            return await self._turns.pay(self._plan.seconds)
        return await self._turns.fetch(self._plan.seconds, _FETCH_RATE_MAX)

    async def _time_statements(self) -> Statements:
        connection = await profile_server.open_watcher(self._stage)
        try:
            await self._instruments.set(STATEMENTS)
            before = await self._stage.connection.fetchval(_COUNTED[PAY])
            async with profile_server.watch_activity(connection, self._committers) as activity:
                await self._turns.pay(self._plan.seconds)
            timings = (await self._instruments.set(OFF))["statements"]
            paid = await self._stage.connection.fetchval(_COUNTED[PAY]) - before
        finally:
            await connection.close()
        calls: dict[str, int] = defaultdict(int)
        seconds: dict[str, float] = defaultdict(float)
        for text, (count, used) in timings.items():
            calls[profile_server.statement_name(text)] += count
            seconds[profile_server.statement_name(text)] += used
        return Statements(paid, calls, seconds, activity)


async def measure(plan: Plan, console: Console) -> PaymentProfile:
    """Open a stage with an instrumented switch, and take all turns.

    Raises:
        StageError: something did not start or did not respond.
        LoadError: wrk failed.
        BooksError: the database does not confirm a turn.
    """
    with TemporaryDirectory(prefix="ekpay-profile-") as name:
        staging = Staging(
            environ={FOLDER_VARIABLE: name},
            command=[sys.executable, "-m", "benchmarks.profile.instrumented_switch", "serve"],
        )
        async with open_stage(_PARTNERS, _ACCOUNTS, staging) as stage:
            instruments = _Instruments(Path(name), stage.pids["switch"])
            return await _Bench(stage, plan, instruments, console).measure()
