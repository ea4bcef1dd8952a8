"""Counting what reaches far sides that are dark, and judging it; and the load of partners that go on paying.

The counter knows no switch: samples of the proxy's counts go in, sentences about what was too much come out.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import aiohttp

from sandbox.demo.partner_side import PartnerSide, Reference
from sandbox.partner.client import UnreadableAnswerError, result_code
from sandbox.partner.messages import Message, Payout
from tests.faults.matrix_stage import Proxy

INQUIRIES = {"desco": "/desco/api/payment-status", "breb": "/breb/api/status", "nesco": "/nesco/api/history"}
PAY_CALLS = {"desco": "/desco/api/payment", "breb": "/breb/api/payment", "nesco": "/nesco/api/remote-charge"}
SAMPLE_SECONDS = 0.25
# One second's worth of questions may be late and arrive together with the next one's on a busy machine.
NOISE_FACTOR = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """The proxy's counts of exchanges by far side and path, at a reading of the monotonic clock."""

    at: float
    counts: Mapping[str, Mapping[str, int]]

    def all_of(self, far_side: str) -> int:
        return sum(self.counts[far_side].values())

    def inquiries(self, far_side: str) -> int:
        return self.counts[far_side].get(INQUIRIES[far_side], 0)

    def pay_calls(self, far_side: str) -> int:
        return self.counts[far_side].get(PAY_CALLS[far_side], 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a far side may be asked: inquiries a second, and probes while the breakers are open.

    Each of `processes` has a breaker of its own, which is open from `open_after_seconds` on.
    """

    per_second: float
    probe_seconds: float
    processes: int
    open_after_seconds: float

    def budget(self, seconds: float) -> float:
        """Inquiries within so many seconds, all processes together."""
        return self.per_second * seconds

    def probes(self, seconds: float) -> float:
        """Exchanges of any kind within so many seconds while the breakers are open."""
        return self.processes * (seconds / self.probe_seconds + 1)


async def watch(proxy: Proxy, samples: list[Sample]) -> None:
    """Take samples until cancelled."""
    while True:
        samples.append(await sample(proxy))
        await asyncio.sleep(SAMPLE_SECONDS)


async def sample(proxy: Proxy) -> Sample:
    counted = await proxy.counted()
    return Sample(time.monotonic(), {name: dict(one["paths"]) for name, one in counted.items()})


def too_much(samples: Sequence[Sample], far_side: str, limits: Limits) -> Iterator[str]:
    """What a far side was asked beyond its limits, from the first sample to the last."""
    first, last = samples[0], samples[-1]
    seconds = last.at - first.at
    asked = last.inquiries(far_side) - first.inquiries(far_side)
    if asked > limits.budget(seconds):
        yield f"{far_side}: {asked} inquiries in {seconds:.0f} s, {limits.budget(seconds):.0f} allowed"
    most = most_within_a_second(samples, far_side)
    if most > NOISE_FACTOR * limits.per_second:
        yield f"{far_side}: {most} inquiries in one second, {limits.per_second:.0f} allowed"
    calm = [one for one in samples if one.at >= first.at + limits.open_after_seconds]
    if not calm:
        yield f"{far_side}: nothing is known of the time after its breakers opened"
        return
    seconds = last.at - calm[0].at
    probes = last.all_of(far_side) - calm[0].all_of(far_side)
    if probes > limits.probes(seconds):
        yield f"{far_side}: {probes} calls in {seconds:.0f} s of open breakers, {limits.probes(seconds):.0f} allowed"


def most_within_a_second(samples: Sequence[Sample], far_side: str) -> int:
    """The most inquiries between two samples that are at most a second apart, or follow each other."""
    most = 0
    for number, later in enumerate(samples):
        for earlier in reversed(samples[:number]):
            if later.at - earlier.at > 1 and earlier is not samples[number - 1]:
                break
            most = max(most, later.inquiries(far_side) - earlier.inquiries(far_side))
    return most


def asked_early(moments: Mapping[str, Sequence[float]], every_seconds: float) -> Iterator[str]:
    """Payments that were asked about sooner than this after the time before; moments in seconds."""
    for payment, asked_at in moments.items():
        for earlier, later in pairwise(sorted(asked_at)):
            if later - earlier < every_seconds:
                yield f"{payment}: asked again after {later - earlier:.1f} s"


@dataclass(slots=True)
class Heard:
    """What partners heard: codes by kind of call, HTTP statuses other than 200, and the longest wait."""

    codes: dict[str, Counter[str]] = field(default_factory=lambda: {"pay": Counter(), "fetch": Counter()})
    oddities: Counter[str] = field(default_factory=Counter)
    longest_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Stocked:
    """A bill that was fetched in time, and the reference that it will be paid under."""

    side: PartnerSide
    fetched: Message
    reference: Reference


class Crowd:
    """Partners that pay what they have in stock, whatever they hear, and try to fetch more."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    async def pay(self, stock: Iterable[Stocked]) -> None:
        """Pay all of these at the same time, once each."""
        await asyncio.gather(*(self._pay(one) for one in stock))

    async def go_on(self, stock: Sequence[Stocked], seconds: float, wanted: Sequence[tuple[str, Mapping[str, str]]],
                    side: PartnerSide) -> None:  # fmt: skip
        """Spread the payments evenly over so many seconds, and try to fetch what else is wanted meanwhile."""
        loop = asyncio.get_running_loop()
        begun_at, calls = loop.time(), []
        every = max(1, len(stock) // max(1, len(wanted)))
        bills = iter(wanted)
        for number, one in enumerate(stock):
            await asyncio.sleep(begun_at + seconds * number / len(stock) - loop.time())
            calls.append(asyncio.create_task(self._pay(one)))
            if number % every == 0 and (bill := next(bills, None)) is not None:
                calls.append(asyncio.create_task(self._fetch(side, *bill)))
        await asyncio.gather(*calls)

    async def _pay(self, one: Stocked) -> None:
        code = await self._ask("pay", one.side.client.pay(one.fetched, Payout(one.reference.text)))
        if code:
            one.reference.codes.append(code)

    async def _fetch(self, side: PartnerSide, biller: str, bill: Mapping[str, str]) -> None:
        await self._ask("fetch", side.client.fetch_bill(biller, **bill))
