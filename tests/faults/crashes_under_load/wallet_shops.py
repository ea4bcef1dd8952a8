"""Shops and payers who pay by wallet while web, worker and database die under them, at a modest rate.

bKash lets itself be asked five times a second, refunds included, and gives out two tokens an hour: so there
are few of them, and one payment is made in peace before the load begins.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tests.faults.crashes_under_load.history_recorder import LOOK_SECONDS
from tests.faults.crashes_under_load.load_run import RULES, SEED, Rehearsal
from tests.faults.installation import PATIENCE_SECONDS
from tests.faults.wallet_crashes.books import evidence_of
from tests.faults.wallet_crashes.kill_matrix import WalletRow
from tests.faults.wallet_crashes.shop import Errand, WalletShop

WALLET = "bkash"
WALLET_RULES = replace(RULES, inquiries_per_second=5)
# Where nobody listens: bKash keeps what it has to say to itself.
NOBODY = "http://127.0.0.1:9/"
CUSTOMERS = 4
# What wallet and biller do, drawn for each bill.
KINDS = {
    "polite": 40, "execute_lost_done": 6, "execute_lost_undone": 6, "execute_hangs_done": 2,
    "execute_hangs_undone": 2, "insufficient": 3, "two_pages": 6, "delivery_lost": 4, "delivery_undone": 4,
    "delivery_undone_twice": 2, "refused": 6, "refused_refund_lost_done": 4,
    "refused_refund_lost_undone": 4, "refund_lost_done": 5, "refund_lost_undone": 5,
}  # fmt: skip
# What the payer does, and what the shop does: `hurries` sends the order twice at once.
HABITS = {"comes_back": 5, "stays_away": 3, "comes_back_twice": 1, "hurries": 2, "leaves": 1}
ASKS_BACK_PERCENT = 35
PAUSE_SECONDS = (0.2, 0.8)


@dataclass(slots=True)
class Ended:
    """When an order was placed and when its shop knew its end, by the monotonic clock."""

    placed_at: float
    known_at: float


@dataclass(slots=True)
class WalletCustomer:
    """One payer after the other; each order is followed to its end."""

    shop: WalletShop
    rehearsal: Rehearsal
    draws: random.Random
    ended: list[Ended] = field(default_factory=list)

    async def pay_bills(self, closing: asyncio.Event) -> None:
        """Order and pay until the shop closes."""
        while not closing.is_set():
            (errand,) = await self.shop.prepare(self.draws.choices(list(KINDS), list(KINDS.values())))
            placed_at = time.monotonic()
            await self._buy(errand)
            await self._settle(errand)
            self.ended.append(Ended(placed_at, time.monotonic()))
            if self.draws.uniform(0, 100) < ASKS_BACK_PERCENT:
                await self.shop.ask_back([errand])
                await self._settle(errand)
            await asyncio.sleep(self.draws.uniform(*PAUSE_SECONDS))

    async def _settle(self, errand: Errand) -> None:
        await self.shop.settle([errand], lambda: self.rehearsal.struck_at)

    async def _buy(self, errand: Errand) -> None:
        habit = self.draws.choices(list(HABITS), list(HABITS.values()))[0]
        # Nobody who has too little pays at the second time of asking.
        errand.gives_up = habit == "leaves" or errand.kind == "insufficient"
        await self.shop.place([errand, errand] if habit == "hurries" else [errand])
        if habit == "leaves":
            return
        await self.shop.send_payers([errand], come_back=habit != "stays_away")
        if habit == "comes_back_twice":
            await self.shop.send_payers([errand])


@dataclass(slots=True)
class WalletLoad:
    """All that wallet payers do meanwhile."""

    shop: WalletShop
    customers: Sequence[WalletCustomer]

    def collected_again(self, struck_at: float) -> list[float]:
        """Seconds from a strike until the end of an order placed after it was known; none where none was."""
        known = [
            one.known_at for customer in self.customers for one in customer.ended if one.placed_at > struck_at
        ]
        return [min(known) - struck_at] if known else []

    async def row(self, rehearsal: Rehearsal, point: str) -> WalletRow:
        """Judge all that happened, once every order has ended: the line of the matrix."""
        await self.shop.until_all_is_closed()
        known_at = max(one.known_at for customer in self.customers for one in customer.ended)
        evidence, verdict = await evidence_of(self.shop.site, self.shop), await self.shop.verdict()
        refunds = sum(len(ours.refunds) for ours in evidence.ours)
        seconds = max(known_at - rehearsal.struck_at, 0.0)
        counted = (rehearsal.kills, len(evidence.ours), len(evidence.debits), refunds)
        return WalletRow("random", point, *counted, seconds, verdict)

    async def tell(self, endpoint: str) -> None:
        """Let bKash send its notifications there from now on."""
        await self.shop.site.ask_wallet("POST", "sns-endpoint", {"url": endpoint})

    async def notices_are_taken(self) -> None:
        """Wait until the switch has taken every notification that bKash owes it."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while any(not one["delivered_at"] for one in await self._notices()):
            assert time.monotonic() < give_up_at, "a notification was never taken"
            await asyncio.sleep(LOOK_SECONDS)

    async def _notices(self) -> Sequence[dict[str, object]]:
        notices: Sequence[dict[str, object]] = (await self.shop.site.ask_wallet("GET", "dump"))["notices"]
        return notices


@asynccontextmanager
async def wallets_loading(rehearsal: Rehearsal, shop: WalletShop) -> AsyncIterator[WalletLoad]:
    """Payers at work meanwhile, and bKash tells us of each payment; what they have begun they end."""
    rehearsal.bystanders.append(shop.partner_id)
    await shop.place(first := await shop.prepare(["polite"]))
    await shop.send_payers(first)
    await shop.settle(first)
    customers = [
        WalletCustomer(shop, rehearsal, random.Random(f"{SEED}/wallet/{number}"))  # noqa: S311 - a rehearsal
        for number in range(CUSTOMERS)
    ]
    load, closing = WalletLoad(shop, customers), asyncio.Event()
    async with rehearsal.history.watching(WALLET, shop.site.ask_wallet, WALLET_RULES):
        await load.tell(f"{shop.site.address}/callbacks/{WALLET}")
        work = [asyncio.create_task(customer.pay_bills(closing)) for customer in customers]
        try:
            yield load
        finally:
            closing.set()
            await asyncio.gather(*work)
        await load.notices_are_taken()
        await load.tell(NOBODY)
