"""Open-loop load: every request is sent at an instant fixed beforehand, whatever the others do.

Latency counts from that instant, so that a stalling far side cannot hide behind a waiting client (coordinated
omission). The load is a process of its own, `python -m benchmarks.kit.open_loop FOLDER`: one thread, plain
sockets and `select`, whose timeout is exact to the microsecond where event loops round to milliseconds. It
reports its own lateness, and a run in which it was late is refused.
"""

import asyncio
import gc
import json
import random
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.kit.errors import BenchError

# The load process needs the standard library only: it starts at once and is small.
if TYPE_CHECKING:
    from benchmarks.kit.prepared_requests import PreparedRequest
    from benchmarks.kit.stage import Stage

LAG_P99_MS_MAX = 5.0
_REPOSITORY = Path(__file__).resolve().parents[2]
_PAY = "/syndicate/api/update-billPayment"
_TARGET, _REQUESTS, _SAMPLES = "aim.json", "requests", "samples"
# Far more than are ever busy at half load, and few enough for `select`, which takes descriptors below 1,024.
_CONNECTIONS_MAX = 512
_LEAD_SECONDS = 0.5
_CONNECTIONS_FIRST = 64
# Well below what servers keep an idle connection for, so that none is closed under a request.
_IDLE_SECONDS_MAX = 30.0
_ANSWER_SECONDS = 30.0
_CHUNK = 65_536
_OK = 200
_BROKEN = 0
_LENGTH = b"\r\ncontent-length:"


class OpenLoopError(BenchError):
    """The load process failed, or its own lateness would have been part of the number."""


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """Where requests go; `tokens` are the bearers that `PreparedRequest.token` counts from 1."""

    url: str
    content_type: str
    tokens: tuple[str, ...]


class Sample(NamedTuple):
    """One request: when it was to leave, began to leave and was answered, in seconds; status 0 if never."""

    due: float
    sent: float
    answered: float
    status: int


@dataclass(frozen=True, slots=True)
class OpenLoopResult:
    """The samples of one turn; `queued` requests found no free connection, `cpu_seconds` are the load's own.

    `connections` is how many were opened in all.
    """

    samples: tuple[Sample, ...]
    queued: int
    cpu_seconds: float
    connections: int

    @property
    def failed_count(self) -> int:
        """Requests without an answer that says 200."""
        return sum(sample.status != _OK for sample in self.samples)

    @property
    def lag_p99_ms(self) -> float:
        """How late the load itself was, in milliseconds."""
        return percentile([1_000 * (sample.sent - sample.due) for sample in self.samples], 99)

    @property
    def cores(self) -> float:
        """Cores that the load itself used."""
        return self.cpu_seconds / max(sample.answered for sample in self.samples)

    def latencies_ms(self, since: float = 0.0) -> list[float]:
        """From the instant a request was due to its answer, without those due before `since` seconds."""
        return [1_000 * (sample.answered - sample.due) for sample in self.samples if sample.due >= since]


def switch_target(stage: "Stage") -> LoadTarget:
    """Payments through the syndicate API of the switch on this stage."""
    return LoadTarget(
        stage.switch_url + _PAY, "text/plain", tuple(partner.token for partner in stage.partners)
    )


def poisson_instants(rate: float, seconds: float, seed: int) -> list[float]:
    """Instants of independent arrivals, `rate` a second on average; the same seed gives the same instants."""
    draw, instants, now = random.Random(seed), [], 0.0  # noqa: S311 - to be repeated, not to be secret
    while (now := now + draw.expovariate(rate)) < seconds:
        instants.append(now)
    return instants


def steady_instants(rate: float, seconds: float) -> list[float]:
    """Instants at equal distances."""
    return [number / rate for number in range(int(rate * seconds))]


def percentile(numbers: Sequence[float], rank: float) -> float:
    """The smallest number that is not exceeded by at least `rank` per cent; nothing is interpolated.

    Raises:
        ValueError: there are no numbers.
    """
    if not numbers:
        raise ValueError("nothing was measured")
    # In thousandths, so that the 99th of a hundred numbers is not the hundredth by a rounding error.
    place = -(-len(numbers) * round(rank * 1_000) // 100_000)
    return sorted(numbers)[max(place, 1) - 1]


async def offer_load(
    target: LoadTarget, instants: Sequence[float], bodies: "Sequence[PreparedRequest]"
) -> OpenLoopResult:
    """Send one body at each instant, counted from the start, and wait for every answer.

    Raises:
        OpenLoopError: the load process ended badly, or there were too few bodies.
    """
    if len(bodies) < len(instants):
        raise OpenLoopError(f"{len(instants)} requests are due, but {len(bodies)} are prepared")
    with TemporaryDirectory(prefix="ekpay-open-loop-") as name:
        folder = Path(name)
        description = {"url": target.url, "content_type": target.content_type, "tokens": target.tokens}
        (folder / _TARGET).write_text(json.dumps(description))
        with (folder / _REQUESTS).open("w") as file:
            for instant, body in zip(instants, bodies, strict=False):
                file.write(f"{instant:.6f} {body.token} {body.body}\n")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.kit.open_loop", name,
            cwd=_REPOSITORY,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output = (await process.communicate())[0].decode()
        if process.returncode:
            raise OpenLoopError(f"the load process failed: {output.strip()[-500:]}")
        return _read_result(json.loads(output), (folder / _SAMPLES).read_text())


def refuse_late_load(observed: OpenLoopResult, lag_p99_ms_max: float = LAG_P99_MS_MAX) -> None:
    """Refuse a turn whose load did not keep to its schedule.

    Raises:
        OpenLoopError: its 99th percentile of lateness is too long.
    """
    if observed.lag_p99_ms > lag_p99_ms_max:
        lag = f"{observed.lag_p99_ms:.1f} ms late in its 99th percentile"
        raise OpenLoopError(f"the load was {lag}; at most {lag_p99_ms_max:.1f} ms are fair")


def _read_result(counts: dict[str, Any], lines: str) -> OpenLoopResult:
    samples = []
    for line in lines.splitlines():
        due, sent, answered, status = line.split()
        samples.append(Sample(float(due), float(sent), float(answered), int(status)))
    return OpenLoopResult(tuple(samples), counts["queued"], counts["cpu_seconds"], counts["connections"])


# ---- the load process ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Connection:
    """One keep-alive connection and the bytes of its answer so far."""

    socket: socket.socket
    number: int = -1
    idle_since: float = 0.0
    read: bytearray = field(default_factory=bytearray)


class UnreadableResponseError(Exception):
    """An answer that this client cannot read: no HTTP/1.1 with a stated length."""


def parse_response_head(read: bytes | bytearray) -> tuple[int, int] | None:
    """Status and length of an answer in bytes, or None while its head is not whole.

    Raises:
        Unreadable: it states no length, or no status.
    """
    end = read.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(read[: end + 2]).lower()
    try:
        at = head.index(_LENGTH)
        length = int(head[at + len(_LENGTH) : head.index(b"\r", at + 2)])
        return int(head[9:12]), end + 4 + length
    except ValueError as error:
        raise UnreadableResponseError(str(error)) from None


class OpenLoopClient:
    """Sends requests when they are due and reads answers; without a free connection a request queues."""

    def __init__(
        self,
        host: str,
        port: int,
        requests: Sequence[tuple[float, bytes]],
        connections_max: int = _CONNECTIONS_MAX,
    ) -> None:
        self._host = host
        self._port = port
        self._requests = requests
        self._connections_max = connections_max
        self._idle: list[_Connection] = []
        self._busy: dict[int, _Connection] = {}
        self._waiting: deque[int] = deque()
        self._next = 0
        self._begin = 0.0
        self.queued = 0
        self.opened = 0
        self.samples = [Sample(due, due, due, _BROKEN) for due, _ in requests]

    def run(self) -> None:
        """Open some connections, then let the requests leave at their instants until all are answered."""
        first = min(len(self._requests), self._connections_max, _CONNECTIONS_FIRST)
        self._idle = [self._connect() for _ in range(first)]
        self._begin = time.monotonic() + _LEAD_SECONDS
        last = self._requests[-1][0] if self._requests else 0.0
        while self._next < len(self._requests) or self._busy:
            self._send_due()
            if self._now() > last + _ANSWER_SECONDS:
                break
            readable, _, _ = select.select(list(self._busy), [], [], self._seconds_until_due())
            now = self._now()
            for descriptor in readable:
                self._receive(self._busy[descriptor], now)
        for connection in (*self._idle, *self._busy.values()):
            connection.socket.close()

    def _now(self) -> float:
        return time.monotonic() - self._begin

    def _seconds_until_due(self) -> float:
        """Seconds until the next request is due."""
        if self._next == len(self._requests):
            return 1.0
        return max(self._requests[self._next][0] - self._now(), 0.0)

    def _send_due(self) -> None:
        while self._next < len(self._requests) and self._requests[self._next][0] <= (now := self._now()):
            number, self._next = self._next, self._next + 1
            self.samples[number] = self.samples[number]._replace(sent=now)
            if self._idle:
                self._send(self._usable_connection(self._idle.pop(), now), number)
            elif len(self._busy) < self._connections_max:
                self._send(self._connect(), number)
            else:
                self.queued += 1
                self._waiting.append(number)

    def _usable_connection(self, connection: _Connection, now: float) -> _Connection:
        """This connection, or a new one if the far side may be about to close it."""
        if now - connection.idle_since < _IDLE_SECONDS_MAX:
            return connection
        connection.socket.close()
        return self._connect()

    def _connect(self) -> _Connection:
        link = socket.create_connection((self._host, self._port), _ANSWER_SECONDS)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened += 1
        return _Connection(link)

    def _send(self, connection: _Connection, number: int) -> None:
        connection.number = number
        self._busy[connection.socket.fileno()] = connection
        try:
            connection.socket.sendall(self._requests[number][1])
        except OSError:
            self._finish(connection, _BROKEN, self._now())

    def _receive(self, connection: _Connection, now: float) -> None:
        try:
            chunk = connection.socket.recv(_CHUNK)
            connection.read += chunk
            head = parse_response_head(connection.read)
        except (OSError, UnreadableResponseError):
            chunk, head = b"", None
        if not chunk:
            self._finish(connection, _BROKEN, now)
        elif head is not None and len(connection.read) >= head[1]:
            self._finish(connection, head[0], now)

    def _finish(self, connection: _Connection, status: int, now: float) -> None:
        """Record the answer, and reuse the connection unless it is broken."""
        self.samples[connection.number] = self.samples[connection.number]._replace(
            answered=now, status=status
        )
        del self._busy[connection.socket.fileno()]
        connection.read.clear()
        if status == _BROKEN:
            connection.socket.close()
            connection = self._connect() if self._waiting else connection
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        elif status != _BROKEN:
            connection.idle_since = now
            self._idle.append(connection)


def _read_requests(folder: Path, target: dict[str, Any], host: str, path: str) -> list[tuple[float, bytes]]:
    heads = [
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {target['content_type']}\r\nContent-Length: ".encode()
        for token in target["tokens"]
    ]
    requests = []
    with (folder / _REQUESTS).open("rb") as file:
        for line in file:
            instant, token, body = line.rstrip(b"\n").split(b" ", 2)
            head = heads[int(token) - 1]
            requests.append((float(instant), head + str(len(body)).encode() + b"\r\n\r\n" + body))
    return requests


def main(folder: Path) -> None:
    """The load process: read the folder, send, and write the samples into it."""
    target = json.loads((folder / _TARGET).read_text())
    url = urlsplit(target["url"])
    requests = _read_requests(folder, target, url.netloc, url.path)
    load = OpenLoopClient(url.hostname or "127.0.0.1", url.port or 80, requests)
    # Nothing here makes reference cycles; a garbage collection would only make the load late.
    gc.collect()
    gc.disable()
    before = time.process_time()
    load.run()
    used = time.process_time() - before
    lines = (
        f"{due:.6f} {sent:.6f} {answered:.6f} {status}\n" for due, sent, answered, status in load.samples
    )
    (folder / _SAMPLES).write_text("".join(lines))
    counts = {"queued": load.queued, "cpu_seconds": used, "connections": load.opened}
    print(json.dumps(counts))  # noqa: T201 - read by `offer_load`


if __name__ == "__main__":
    main(Path(sys.argv[1]))
