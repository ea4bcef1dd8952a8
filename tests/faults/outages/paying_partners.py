"""Partners that go on paying while every far side is dark: what they send, and what they hear.

Their bills were fetched in time; new ones they try to fetch in vain. A payment is sent once, and asked about
when the light is back.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle

from sandbox.callers.partner.client import result_code
from sandbox.callers.partner.messages import Message, Payout
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.paying.partner import PartnerSide, Reference
from tests.faults.billers.books import theirs_of
from tests.faults.billers.stage import DESKS, TOP_UP_TAKA, Site
from tests.faults.crashes.payment_checks import Evidence, Ours, Prefund, Theirs, Told, Verdict, judge

FETCHERS = 12
ASK_EVERY_SECONDS = 0.5
SETTLE_SECONDS = 600
# Of whom somebody has topped up: the portal's are filled by its carts alone.
PREFUNDS = """
SELECT sum(balance)::bigint AS balance, count(*) AS buckets FROM accounts
WHERE balance IS NOT NULL AND code NOT LIKE 'prefund:portal:%'
"""


@dataclass(frozen=True, slots=True)
class Stocked:
    """A fetched bill, and the reference that it will be paid under."""

    far_side: str
    side: PartnerSide
    fetched: Message
    reference: Reference


@dataclass(slots=True)
class Heard:
    """What partners heard: codes of payments and of fetches, HTTP statuses but 200, and the longest wait."""

    of_payments: Counter[str] = field(default_factory=Counter)
    of_fetches: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    longest_seconds: float = 0.0


class Crowd:
    """Several partners with one stock of bills."""

    def __init__(self, site: Site, sides: Sequence[PartnerSide]) -> None:
        self.heard = Heard()
        self._site = site
        self._sides = sides
        self._stock: dict[str, list[Stocked]] = {far_side: [] for far_side in DESKS}
        self._wanted: list[Payable] = []

    async def fill(self, bills: int, wanted: int) -> None:
        """Fetch so many bills of each far side, and note so many others that will be wanted later."""
        queue: list[tuple[str, PartnerSide, Payable]] = []
        for far_side, desk in self._site.desks.items():
            found = await desk.payables(bills + wanted)
            queue += [(far_side, *pair) for pair in zip(cycle(self._sides), found[:bills], strict=False)]
            self._wanted += found[bills:]
        waiting = iter(queue)

        async def _work() -> None:
            for far_side, side, bill in waiting:
                fetched = dict(await side.fetch(bill.biller, **bill.named[0]))
                self._stock[far_side].append(
                    Stocked(far_side, side, fetched, side.new_reference_for(fetched))
                )

        await asyncio.gather(*(_work() for _ in range(FETCHERS)))

    async def pay_at_once(self, bills: int) -> None:
        """Pay so many bills of each far side at the same moment."""
        chosen = [stock.pop() for stock in self._stock.values() for _ in range(bills)]
        await asyncio.gather(*(self._pay(one) for one in chosen))

    async def pay_all_the_time(self, seconds: float) -> None:
        """Spread what is left of the stock evenly over so many seconds, and the vain fetches as well."""
        left = [one for stock in self._stock.values() for one in stock]
        by_turns = [one for turn in zip(*self._stock.values(), strict=True) for one in turn]
        assert len(by_turns) == len(left)
        await asyncio.gather(
            self._evenly(seconds, [self._pay(one) for one in by_turns]),
            self._evenly(seconds, [self._fetch(bill) for bill in self._wanted]),
        )

    async def settle(self) -> None:
        """Ask about what is in progress until nothing is, or for ten minutes."""
        give_up_at = time.monotonic() + SETTLE_SECONDS
        while (pending := self.pending()) and time.monotonic() < give_up_at:
            await asyncio.sleep(ASK_EVERY_SECONDS)
            for side, reference in pending:
                await side.ask(reference)

    def pending(self) -> list[tuple[PartnerSide, Reference]]:
        return [(side, reference) for side in self._sides for reference in side.pending()]

    async def verdict(self) -> Verdict:
        """The partners' memories, our books and the billers', against each other."""
        references = [one for side in self._sides for one in side.references.values()]
        lines = await self._site.stage.tool.read_lines("payments", "export")
        by_biller = {desk.biller: far_side for far_side, desk in DESKS.items()}
        books = {far_side: await self._site.book(far_side) for far_side in DESKS}
        told = [Told(one.text, one.bill_number, tuple(one.codes)) for one in references if one.codes]
        theirs = []
        for one in references:
            held = theirs_of(by_biller[one.biller], books[by_biller[one.biller]], one.bill_number)
            names = held.known_as or ({one.bill_number} if held.count else set())
            theirs += [Theirs(one.bill_number, name, held.paid, held.calls) for name in names]
        prefund = (await self._site.rows(PREFUNDS))[0]
        topped_up = prefund["buckets"] * TOP_UP_TAKA * 100
        ours = [_ours(line) for line in lines]
        return judge(Evidence(told, ours, theirs, (), Prefund(topped_up, prefund["balance"])))

    async def _evenly(self, seconds: float, calls: Iterable[Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        waiting, begun_at, running = list(calls), loop.time(), []
        for number, call in enumerate(waiting):
            await asyncio.sleep(begun_at + seconds * number / len(waiting) - loop.time())
            running.append(asyncio.ensure_future(call))
        await asyncio.sleep(begun_at + seconds - loop.time())
        await asyncio.gather(*running)

    async def _pay(self, one: Stocked) -> None:
        answer = await self._timed(one.side.client.pay(one.fetched, Payout(one.reference.text)))
        self.heard.of_payments[one.reference.record_answer(answer)] += 1

    async def _fetch(self, bill: Payable) -> None:
        client = self._sides[0].client
        answer = await self._timed(client.fetch_bill(bill.biller, **bill.named[0]))
        self.heard.of_fetches[result_code(answer)] += 1

    async def _timed(self, call: Awaitable[Message]) -> Message:
        asked_at = time.monotonic()
        answer = await call
        self.heard.longest_seconds = max(self.heard.longest_seconds, time.monotonic() - asked_at)
        if "http_status" in answer:
            self.heard.statuses[answer["http_status"]] += 1
        return answer


def _ours(line: Mapping[str, object]) -> Ours:
    parts = {name: int(str(line[name])) for name in ("amount", "rounding", "charge", "fee", "vat")}
    attempts = line["attempts"]
    assert isinstance(attempts, list)
    sent_as = tuple(attempt["reference"] for attempt in attempts)
    if line["biller_id"] == "nesco_prepaid" and sent_as:
        sent_as = (str(line["bill_number"]),)  # NESCO goes by its own quote and is never told another name
    billed = parts["amount"] + parts["rounding"]
    return Ours(
        str(line["reference"]),
        str(line["bill_number"]),
        str(line["state"]),
        billed,
        sum(parts.values()),
        sent_as,
    )
