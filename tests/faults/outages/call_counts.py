"""Counting what reaches far sides that are dark, and judging whether it was too much.

It knows no switch: samples of the proxy's counts go in, sentences about what was too much come out.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.faults.billers.stage import Proxy

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
    seconds, probes = last.at - calm[0].at, last.all_of(far_side) - calm[0].all_of(far_side)
    if probes > (allowed := limits.probes(seconds)):
        yield f"{far_side}: {probes} calls in {seconds:.0f} s of open breakers, {allowed:.0f} allowed"


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
