"""The load: partners that carry out a script, many scenes concurrently, and settle what stayed open.

It returns what the partners experienced; the comparison decides whether that is right. Only an answer that is
never allowed is counted here, as a surprise, and a demo with one has failed.
"""

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient
from sandbox.rehearsals.demo.paying import network_faults as network
from sandbox.rehearsals.demo.paying.bad_requests import EXPECTED, BadRequestSender
from sandbox.rehearsals.demo.paying.partner import NOTHING_SENT, PartnerSide, Reference, UnexpectedAnswerError
from sandbox.rehearsals.demo.paying.script import BadRequest, BillerIncident, PartnerOrder, RepeatKind, Scene
from sandbox.rehearsals.installation.installation import Stage

_PAID = "0000"
_EXPECTED_REFUSAL = {RepeatKind.OTHER_REFERENCE: "1010", RepeatKind.OTHER_CONTENT: "1009"}
_TRIES_MAX = 40
_PAUSE_SECONDS = 0.5
_DOWN_SECONDS = 0.5
_ASK_EVERY_SECONDS = 1.0
# A doubt that was asked about in vain is asked hourly in the end: 180 s at the divisor of a demo.
_SETTLE_SECONDS = 600.0


@dataclass(slots=True)
class PartnerExperience:
    """What was sent and how it was answered: counts by kind, and by kind and code.

    `struck` holds the fault that was set for each reference; `paid_anew` counts orders that were not sent to
    the biller and were paid under a new reference.
    """

    faults: Counter[str] = field(default_factory=Counter)
    struck: dict[str, str] = field(default_factory=dict)
    duplicates: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    bad_requests: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    paid_anew: int = 0
    surprises: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FarSideAvailability:
    """Whether the billers may be killed now: not while a fault in their memory waits for its payment."""

    is_up: asyncio.Event = field(default_factory=asyncio.Event)
    is_unarmed: asyncio.Condition = field(default_factory=asyncio.Condition)
    armed: int = 0

    @asynccontextmanager
    async def armed_fault(self) -> AsyncIterator[None]:
        """In this context the billers are up and stay up."""
        await self.is_up.wait()
        self.armed += 1
        try:
            yield
        finally:
            self.armed -= 1
            async with self.is_unarmed:
                self.is_unarmed.notify_all()


@dataclass(frozen=True, slots=True)
class DemoBillers:
    """Where a load injects faults: admin clients by their billers' ekPay ids, and the network before them."""

    admin_clients: Mapping[str, BillerAdminClient]
    network: network.NetworkFaults


class PartnerLoad:
    """Carries out one script on a stage."""

    def __init__(
        self, stage: Stage, billers: DemoBillers, sides: Sequence[PartnerSide], dead_token: str
    ) -> None:
        """`dead_token` is a security token that a rotation has ended."""
        self.experience = PartnerExperience()
        self._stage = stage
        self._billers = billers
        self._sides = sides
        self._dead_token = dead_token
        self.availability = FarSideAvailability()
        self.availability.is_up.set()
        self._armed: set[str] = set()
        self._later: list[tuple[PartnerSide, Mapping[str, Any], Reference]] = []

    async def perform(self, scenes: Iterable[Scene], concurrency: int, advance: Callable[[], None]) -> None:
        """Carry out all scenes, `concurrency` of them at a time; `advance` is called after each."""
        waiting = iter(scenes)

        async def _work() -> None:
            for scene in waiting:
                try:
                    await self._act(scene)
                except UnexpectedAnswerError as answer:
                    self.experience.surprises.append(f"{scene}: {answer}")
                advance()

        async with asyncio.TaskGroup() as workers:
            for _ in range(concurrency):
                workers.create_task(_work())

    async def settle(self, on_progress: Callable[[int], None]) -> None:
        """Ask about everything in progress until it is final or in review; `on_progress` gets their number.

        Gives up after ten minutes: payments that are still open are counted when the books are compared.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _SETTLE_SECONDS
        pending = self._pending()
        while pending and loop.time() < give_up_at:
            on_progress(len(pending))
            await asyncio.sleep(_ASK_EVERY_SECONDS)
            for side, reference in pending:
                await side.ask(reference)
            in_review = await self._in_review() if self._pending() else set()
            pending = [pair for pair in self._pending() if pair[1].text not in in_review]
        on_progress(len(pending))

    async def repeat(self) -> None:
        """Repeat the orders planned for the end; the answer must be the final one."""
        for side, fetched, reference in self._later:
            before = reference.code
            code = await side.pay(fetched, reference)
            self.experience.duplicates[RepeatKind.LATER][code] += 1
            if code != before:
                self.experience.surprises.append(f"reference {reference.text}: {before}, repeated {code}")

    def check_references(self) -> None:
        """Count as a surprise every reference that got two different final answers."""
        for side in self._sides:
            for reference in side.references.values():
                if reference.is_two_valued:
                    self.experience.surprises.append(f"reference {reference.text} was told {reference.codes}")

    def _pending(self) -> list[tuple[PartnerSide, Reference]]:
        return [(side, reference) for side in self._sides for reference in side.pending()]

    async def _in_review(self) -> set[str]:
        listed = await self._stage.tool.read(
            "payments", "list", "--state", "in_review", "--limit", "100000", "--json"
        )
        return {line["reference"] for line in listed}

    async def _act(self, scene: Scene) -> None:
        match scene:
            case PartnerOrder():
                await self._pay(scene)
            case BadRequest():
                await self._offend(scene)
            case BillerIncident.BEARERS_DIE:
                async with self.availability.armed_fault():
                    await _expire_logins(self._billers.admin_clients.values())
                self.experience.faults[scene] += 1
            case BillerIncident.GOES_DOWN:
                await self._restart_far_side()
                self.experience.faults[scene] += 1

    async def _pay(self, order: PartnerOrder) -> None:
        if order.fault is None:
            await self._pay_until_sent(order)
            return
        async with self.availability.armed_fault():
            await self._pay_until_sent(order)

    async def _pay_until_sent(self, order: PartnerOrder) -> None:
        """Pay one bill as a careful partner does: under a new reference as long as nothing was sent."""
        side = self._sides[order.partner]
        for _ in range(_TRIES_MAX):
            fetched = await side.fetch(order.bill.biller, **order.named)
            reference = side.new_reference_for(fetched)
            await self._arm(order, reference)
            code = await self._send_order(order, side, fetched, reference)
            if code != NOTHING_SENT:
                await self._send_again(order, side, fetched, reference)
                return
            self.experience.paid_anew += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _arm(self, order: PartnerOrder, reference: Reference) -> None:
        """Set an order's fault once, after the bill was fetched: some would affect the fetch instead."""
        if order.fault is None or order.bill.target in self._armed:
            return
        self._armed.add(order.bill.target)
        admin_client = self._billers.admin_clients[order.bill.biller]
        fault = f"{admin_client.told_as} {order.fault}"
        self.experience.struck[reference.text] = fault
        self.experience.faults[fault] += 1
        source, _, kind = order.fault.partition(" ")
        if source == network.PREFIX:
            await self._billers.network.strike(admin_client.name.lower(), kind, reference.bill_number)
        else:
            await admin_client.set_fault(order.bill.target, order.fault)

    async def _send_order(
        self, order: PartnerOrder, side: PartnerSide, fetched: Mapping[str, Any], reference: Reference
    ) -> str:
        if order.again is not RepeatKind.AT_ONCE:
            return await side.pay(fetched, reference, is_whole=order.is_whole)
        first, second = await asyncio.gather(
            side.pay(fetched, reference, is_whole=order.is_whole),
            side.pay(fetched, reference, is_whole=order.is_whole),
        )
        self.experience.duplicates[RepeatKind.AT_ONCE][second] += 1
        return first

    async def _send_again(
        self, order: PartnerOrder, side: PartnerSide, fetched: Mapping[str, Any], reference: Reference
    ) -> None:
        """Send what a careless partner sends after the answer; it must not pay a bill twice."""
        if order.again is RepeatKind.LATER:
            self._later.append((side, fetched, reference))
        if order.again not in _EXPECTED_REFUSAL or reference.code != _PAID:
            return
        if order.again is RepeatKind.OTHER_REFERENCE:
            code = await side.pay(fetched, side.new_reference_for(fetched))
        else:
            # The refusal concerns this message only; the partner's record of the reference stays as it was.
            code = await side.pay(fetched, _copied_reference(reference), amount="1.23")
        self.experience.duplicates[order.again][code] += 1
        if code != _EXPECTED_REFUSAL[order.again]:
            self.experience.surprises.append(f"{order.again} of {reference.text} was told {code}")

    async def _offend(self, bad: BadRequest) -> None:
        other_sides = [side for number, side in enumerate(self._sides) if number != bad.partner]
        offender = BadRequestSender(self._sides[bad.partner], secrets.choice(other_sides), self._dead_token)
        code = await offender.send(bad.kind, bad.bill)
        self.experience.bad_requests[bad.kind][code] += 1
        if code not in EXPECTED[bad.kind]:
            self.experience.surprises.append(f"{bad.kind} was told {code}")

    async def _restart_far_side(self) -> None:
        async with self.availability.is_unarmed:
            self.availability.is_up.clear()
            await self.availability.is_unarmed.wait_for(lambda: self.availability.armed == 0)
        await self._stage.kill_far_side()
        await asyncio.sleep(_DOWN_SECONDS)
        await self._stage.open_far_side()
        self.availability.is_up.set()


async def _expire_logins(admin_clients: Iterable[BillerAdminClient]) -> None:
    """End every login, once at each simulator.

    The institutions of a family share one simulator, and each call would end the logins of all of them:
    tokens granted in between would end again and again, unlike in a restart.
    """
    for admin_client in {admin_client.address.url: admin_client for admin_client in admin_clients}.values():
        await admin_client.expire_logins()


def _copied_reference(reference: Reference) -> Reference:
    return Reference(
        reference.text,
        reference.fetch_reference,
        reference.bill_number,
        reference.amount_paisa,
        reference.charged_paisa,
        reference.biller,
    )
