"""The listener for operators that each process has, and the numbers that are counted when they ask."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import uvicorn
from typing_extensions import override

from ekpay_switch import telemetry, trouble
from ekpay_switch.api.operations import Health, build_operations_app
from ekpay_switch.composition.descriptors import look_for_a_descriptor
from ekpay_switch.composition.http_protocol import OperatorsHttp
from ekpay_switch.composition.switch import Switch
from ekpay_switch.persistence.alarms.upkeep import count_alarms
from ekpay_switch.persistence.host_links.store import count_reversals
from ekpay_switch.persistence.housekeeping import count_open, why_not_ready
from ekpay_switch.persistence.ledger.deposit_watch import DepositWatch
from ekpay_switch.persistence.ledger.deposits import deposit_alarms
from ekpay_switch.persistence.notifications.store import count_waiting
from ekpay_switch.persistence.routing.store import count_breakers
from ekpay_switch.persistence.worker_mark import SILENT_SECONDS, read_worker_silence
from ekpay_switch.ports.world import Clock

# A scrape costs the database nothing if another one was just answered, and waits for numbers no longer than
# this; counting goes on meanwhile, since the first look at a large database may take longer.
COUNTED_FOR_SECONDS, WAIT_SECONDS_MAX = 5.0, 8.0


class OperationsPortError(Exception):
    """The address for operators is taken, or is not ours."""


class Counts:
    """The numbers that SQL counts: counted when they are asked for, and dropped when they cannot be."""

    def __init__(
        self,
        chores: Sequence[Callable[[], Awaitable[object]]],
        silence: Callable[[], Awaitable[float]],
        clock: Clock,
    ) -> None:
        """`silence` returns the seconds since a worker did its rounds."""
        self._chores = chores
        self._silence = silence
        self._clock = clock
        self._counting: asyncio.Task[float | None] | None = None
        self._fresh_until = -1.0

    async def refresh(self) -> float | None:
        """Count again unless that was just done; seconds since a worker's rounds.

        None where the database does not answer, or not in `WAIT_SECONDS_MAX`.
        """
        is_over = self._counting is not None and self._counting.done()
        if self._counting is None or (is_over and self._clock.monotonic() >= self._fresh_until):
            self._counting = asyncio.create_task(self._count())
        done, _ = await asyncio.wait({self._counting}, timeout=WAIT_SECONDS_MAX)
        if not done:
            telemetry.forget_counted()
            return None
        return self._counting.result()

    async def stop(self) -> None:
        """Count no more."""
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)

    async def _count(self) -> float | None:
        try:
            silent_seconds = await self._silence()
            for chore in self._chores:
                await chore()
        except Exception as error:  # noqa: BLE001 - shown as ekpay_database_up 0
            telemetry.forget_counted()
            telemetry.log_warning("numbers_not_counted", error=error)
            return None
        else:
            telemetry.DATABASE_UP.set(1)
            return silent_seconds
        finally:
            self._fresh_until = self._clock.monotonic() + COUNTED_FOR_SECONDS


def counts_of(switch: Switch) -> Counts:
    """Everything that SQL counts of a switch."""
    engine = switch.engine
    deposits = DepositWatch(engine, deposit_alarms(switch.world.billers.all()))
    counted = (count_open, count_waiting, count_reversals, count_breakers, count_alarms)
    chores: list[Callable[[], Awaitable[object]]] = [partial(count, engine) for count in counted]
    chores.append(deposits.show)
    return Counts(chores, partial(read_worker_silence, engine), switch.world.clock)


async def readiness_fault(switch: Switch) -> str:
    """Why this process takes no payments, empty where it does."""
    look_for_a_descriptor()
    if trouble.DESCRIPTORS.reason:
        return f"descriptors spent: {trouble.DESCRIPTORS.reason}"
    if switch.positions.lost is not None:
        return "database restored"
    return await why_not_ready(switch.engine)


@asynccontextmanager
async def operations_listener(switch: Switch, port: int) -> AsyncIterator[None]:
    """Serve health checks and metrics to operators; port 0 is a free one, which the log names.

    Raises:
        OperationsPortError: the address cannot be listened on.
    """
    host = switch.settings.operations_host
    listener = _listen(host, port)
    counts = counts_of(switch)
    health = Health(
        partial(readiness_fault, switch),
        counts.refresh,
        lambda: switch.group_commit.depth,
        SILENT_SECONDS,
        switch.world.clock.now(),
        switch.settings.rehearsal,
    )
    config = uvicorn.Config(
        build_operations_app(health),
        http=OperatorsHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    telemetry.log("operations_served", host=host, port=listener.getsockname()[1])
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        await counts.stop()


class _Server(uvicorn.Server):
    """A server beside the main one of its process, which keeps the signals."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OperationsPortError(
            f"health checks and metrics cannot be served on {host}, port {port} ({error.strerror}): set "
            "EKPAY_OPERATIONS_HOST, and EKPAY_OPERATIONS_PORT or EKPAY_WORKER_OPERATIONS_PORT"
        ) from error
