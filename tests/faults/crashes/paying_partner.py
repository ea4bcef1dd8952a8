"""A partner that pays bills through a switch that dies, and repeats every payment until it is answered."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

import aiohttp

from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.audit import run as audit
from ekpay_switch.persistence.parties.partners import NewPartner, Partners
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.persistence.parties.top_ups import TopUp, TopUps
from ekpay_switch.security.keys import KeyRing
from sandbox.callers.partner.client import Partner, PartnerClient, TokenRefusedError, result_code
from sandbox.callers.partner.messages import Message, Payout
from tests.faults.crashes.payment_checks import DONE, Evidence, Ours, Prefund, Theirs, Told, Verdict, judge
from tests.faults.installation import PATIENCE_SECONDS, Installation

DESCO = "b025"
IN_PROGRESS, BUSY = "0102", "2004"
FULL = Money(10_000_000_00)

# The first account of each kind of the simulator; the faults strike when a payment is saved.
KINDS = {
    "polite": 10_000_000,
    "lost_paid": 94_000_000,
    "lost_unpaid": 95_000_000,
    "refuses": 96_000_000,
    "html": 98_000_000,
}
# Faults that are ordered for a polite account, struck one a send.
ORDERED = {
    "slow": ("slow",),
    "lost_twice": ("lost_unpaid", "lost_unpaid"),
    "lost_then_slow": ("lost_unpaid", "slow"),
    "lost_once": ("lost_unpaid",),
    "refused_once": ("refuse",),
    "http_500": ("http_500",),
    "status_500": ("status_500",),
    "deaf": ("lost_paid", "close_before"),
}
_numbers: defaultdict[str, Iterator[int]] = defaultdict(count)

PAYMENTS = """
SELECT p.reference, p.bill_key, p.state, p.amount, p.amount + p.rounding + p.charge + p.fee + p.vat AS total,
  coalesce(array_agg(a.reference) FILTER (WHERE a.id IS NOT NULL), '{}') AS sent_as
FROM payments AS p LEFT JOIN attempts AS a ON a.payment_id = p.id WHERE p.partner_id = $1 GROUP BY p.id
"""
EVIDENCE = """
SELECT p.reference, e.kind FROM evidence AS e JOIN payments AS p ON p.id = e.payment_id
WHERE p.partner_id = $1 ORDER BY e.id
"""
HISTORY = """
SELECT p.reference, h.to_state FROM history AS h JOIN payments AS p ON p.id = h.payment_id
WHERE p.partner_id = $1 ORDER BY h.payment_id, h.seq
"""
PREFUND = """
SELECT a.balance, (SELECT coalesce(sum(amount), 0)::bigint FROM top_ups
  WHERE partner_id = $1 AND approved_at IS NOT NULL) AS topped_up
FROM accounts AS a WHERE a.code = 'prefund:' || $1 || ':postpaid'
"""


@dataclass(slots=True)
class Purchase:
    """One bill under one reference, and every code that the partner heard of it."""

    fetched: Message
    reference: str
    codes: list[str] = field(default_factory=list)

    @property
    def bill(self) -> str:
        number: str = self.fetched["bllr_inf"]["bll_no"]
        return number

    @property
    def is_answered(self) -> bool:
        return bool(self.codes) and self.codes[-1] != IN_PROGRESS

    def by_another_name(self) -> "Purchase":
        """The same bill again under a reference of its own: it must not be paid for twice."""
        return Purchase(self.fetched, f"RIVAL{self.reference}")


class Shopper:
    """One partner with a full prefund and fresh accounts."""

    def __init__(self, site: Installation, partner_id: str, client: PartnerClient) -> None:
        self._site = site
        self.partner_id = partner_id
        self.client = client
        self.purchases: list[Purchase] = []

    async def fetch(self, kinds: Iterable[str]) -> list[Purchase]:
        """Fetch one bill of an account of each kind; they are paid later."""
        fetched = [await self._fetch(await self.account(kind)) for kind in kinds]
        self.purchases += fetched
        return fetched

    async def pay(self, purchases: Iterable[Purchase]) -> None:
        """Send each payment once, all at the same time, and note what is heard, if anything is."""
        await asyncio.gather(*(self._pay(purchase) for purchase in purchases))

    async def settle(self, purchases: Iterable[Purchase] | None = None) -> None:
        """Repeat every payment with its own reference until its fate is told."""
        chosen = self.purchases if purchases is None else list(purchases)
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        await asyncio.gather(*(self._settle(purchase, give_up_at) for purchase in chosen))

    async def try_to_pay_twice(self) -> list[Purchase]:
        """Pay every bill that was paid once more, under another reference; what was said to that."""
        rivals = [one.by_another_name() for one in self.purchases if one.codes[-1] == DONE]
        await self.settle(rivals)
        self.purchases += rivals
        return rivals

    async def verdict(self) -> Verdict:
        """Compare what was heard with our books and the biller's, and audit the books."""
        verdict = judge(await self._evidence())
        finding = await audit.run(self._site.database)
        if finding is None:
            return verdict
        return Verdict(verdict.lost, verdict.doubled, (*verdict.wrong, f"audit: {finding}"))

    async def saved(self, purchases: Iterable[Purchase]) -> int:
        """How many of these the biller holds at this moment."""
        bills = {purchase.bill for purchase in purchases}
        dump = await self._site.ask_far_side("GET", "dump")
        return len(bills & {line["bill_number"] for line in dump["payments"]})

    async def state(self, purchase: Purchase) -> str:
        """The state in our books; empty if it is not there."""
        rows = [row for row in await self._rows(PAYMENTS) if row["reference"] == purchase.reference]
        return str(rows[0]["state"]) if rows else ""

    async def until_it_is(self, purchase: Purchase, state: str) -> None:
        """Wait until our books say so."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while (stands := await self.state(purchase)) != state:
            assert time.monotonic() < give_up_at, f"{purchase.reference}: {stands}, never {state}"
            await asyncio.sleep(0.1)

    async def history_of(self, purchase: Purchase) -> list[str]:
        """The states that a payment went through, in order."""
        rows = await self._rows(HISTORY)
        return [row["to_state"] for row in rows if row["reference"] == purchase.reference]

    async def evidence_of(self, purchase: Purchase) -> list[str]:
        """The kinds of evidence kept about a payment, in order."""
        rows = await self._rows(EVIDENCE)
        return [row["kind"] for row in rows if row["reference"] == purchase.reference]

    async def saves(self, purchase: Purchase) -> list[int]:
        """How often the biller accepted each transaction of this bill."""
        dump = await self._site.ask_far_side("GET", "dump")
        return [line["saves"] for line in dump["payments"] if line["bill_number"] == purchase.bill]

    async def until_there_are(self, saves: int, purchase: Purchase) -> None:
        """Wait until the biller has accepted a transaction of this bill so often."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while (stands := await self.saves(purchase)) != [saves]:
            assert time.monotonic() < give_up_at, f"{purchase.bill}: saved {stands} times, never {saves}"
            await asyncio.sleep(0.1)

    async def half_done(self) -> int:
        """How many payments stand in the books without their partner having heard anything of them."""
        known = {row["reference"] for row in await self._rows(PAYMENTS)}
        return sum(not purchase.codes and purchase.reference in known for purchase in self.purchases)

    async def _rows(self, query: str) -> Sequence[Any]:
        connection = await self._site.database.connect("audit")
        try:
            rows: Sequence[Any] = await connection.fetch(query, self.partner_id)
        finally:
            await connection.close()
        return rows

    async def account(self, kind: str) -> str:
        """An account that nobody has used, whose next payments meet what its kind says."""
        return await fresh_account(self._site, kind)

    async def _fetch(self, account: str) -> Purchase:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            fetched = await self.client.fetch_bill(DESCO, bllr_accno=account)
            if result_code(fetched) == DONE:
                return Purchase(fetched, f"REF{account}")
            assert time.monotonic() < give_up_at, fetched
            await asyncio.sleep(0.2)

    async def _pay(self, purchase: Purchase) -> None:
        try:
            answer = await self.client.pay(purchase.fetched, Payout(purchase.reference))
        except (aiohttp.ClientError, TimeoutError, TokenRefusedError):
            return  # nothing was heard: that is what repeats are for
        if result_code(answer) != BUSY:
            purchase.codes.append(result_code(answer))

    async def _settle(self, purchase: Purchase, give_up_at: float) -> None:
        while True:
            heard = len(purchase.codes)
            await self._pay(purchase)
            if len(purchase.codes) > heard and purchase.is_answered:
                return
            assert time.monotonic() < give_up_at, f"{purchase.reference}: heard {purchase.codes}"
            await asyncio.sleep(0.2)

    async def _evidence(self) -> Evidence:
        dump = await self._site.ask_far_side("GET", "dump")
        bills = {purchase.bill for purchase in self.purchases}
        rows, prefund = await self._rows(PAYMENTS), (await self._rows(PREFUND))[0]
        return Evidence(
            told=[Told(one.reference, one.bill, tuple(one.codes)) for one in self.purchases],
            ours=[
                Ours(row["reference"], row["bill_key"], row["state"], row["amount"], row["total"],
                     tuple(row["sent_as"]))
                for row in rows
            ],
            theirs=[
                Theirs(line["bill_number"], line["transaction_id"], line["amount_paisa"], line["saves"])
                for line in dump["payments"]
                if line["bill_number"] in bills
            ],
            sent_twice=[
                pair["bill_number"] for pair in dump["rejected_duplicates"] if pair["bill_number"] in bills
            ],
            prefund=Prefund(prefund["topped_up"], prefund["balance"]),
        )  # fmt: skip


async def fresh_account(site: Installation, kind: str) -> str:
    """An account that nobody has used, whose next payments meet what its kind says."""
    faults = ORDERED.get(kind, ())
    range_of = "polite" if faults else kind
    account = str(KINDS[range_of] + next(_numbers[range_of]))
    for fault in faults:
        await site.ask_far_side("POST", "faults", {"account": account, "fault": fault})
    return account


async def hire_staff(site: Installation) -> None:
    """Two persons, so that prefunds can be topped up."""
    engine = site.database.engine()
    try:
        for name in ("asks", "approves"):
            await Staff(engine).install(name, f"passphrase of who {name}", [Role.FINANCE])
    finally:
        await engine.dispose()


@asynccontextmanager
async def shopping(site: Installation, prefund: Money = FULL) -> AsyncIterator[Shopper]:
    """A new partner with this prefund."""
    name = f"p{uuid4().hex[:12]}"
    engine = site.database.engine()
    try:
        keys = KeyRing.open(site.settings.home, None)
        told = await Partners(engine, keys).add(NewPartner(id=name, name=name, user_id=name))
    finally:
        await engine.dispose()
    top_ups = TopUps(site.database.connect)
    await top_ups.approve(await top_ups.request(TopUp(name, "postpaid", prefund, name), "asks"), "approves")
    partner = Partner(told.nd_id, told.syndct_id, told.user_id, told.pass_key, told.shared_secret)
    async with PartnerClient(site.address, partner) as client:
        yield Shopper(site, name, client)
