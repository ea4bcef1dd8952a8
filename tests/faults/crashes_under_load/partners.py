"""Customers of several partners who pay bill after bill and never stop to ask whether the switch is well.

They repeat, they send the same order twice at once, they try a second reference for a bill, and they ask; the
history notes all of it.
"""

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass, field

from sandbox.callers.partner.client import result_code
from sandbox.callers.partner.messages import Message, Payout
from tests.faults.crashes.paying_partner import DESCO, Purchase, Shopper
from tests.faults.crashes.payment_checks import DONE
from tests.faults.crashes_under_load.history_recorder import SILENCE, Recorder

# What the biller does, drawn for each bill; the rare kinds cost the worker the most.
KINDS = {
    "polite": 60, "lost_paid": 6, "lost_unpaid": 5, "refuses": 5, "html": 4, "slow": 3, "lost_twice": 3,
    "lost_then_slow": 2, "http_500": 3, "status_500": 3, "deaf": 3, "refused_once": 3,
}  # fmt: skip
# What the customer does with a bill.
HABITS = {"pays": 5, "pays_twice_at_once": 2, "pays_and_asks": 3, "tries_two_references": 2}
BILLS_AT_ONCE = 5
PAUSE_SECONDS = (0.2, 0.9)
LOOK_AT_BALANCE_SECONDS = 0.3
REPEAT_SECONDS = 0.3


@dataclass(slots=True)
class Customer:
    """One of many customers of one partner."""

    shopper: Shopper
    history: Recorder
    draws: random.Random
    purchases: list[Purchase] = field(default_factory=list)

    async def shop(self, closing: asyncio.Event) -> None:
        """Pay bills until the shop closes."""
        while not closing.is_set():
            kinds = self.draws.choices(list(KINDS), list(KINDS.values()), k=BILLS_AT_ONCE)
            fetched = await asyncio.gather(*(self._fetched(kind) for kind in kinds))
            bills = [bill for bill in fetched if bill is not None]
            self.purchases += bills
            await asyncio.gather(*(self._buy(bill) for bill in bills), self._repeat_an_old_one())
            await asyncio.sleep(self.draws.uniform(*PAUSE_SECONDS))

    async def settle(self) -> None:
        """Repeat every payment until its fate is told; what was told for good is told once more."""
        await asyncio.gather(*(self._settle(purchase) for purchase in self.purchases))

    async def _fetched(self, kind: str) -> Purchase | None:
        account = await self.shopper.account(kind)
        try:
            fetched = await self.shopper.client.fetch_bill(DESCO, bllr_accno=account)
        except SILENCE:
            return None
        return Purchase(fetched, f"REF{account}") if result_code(fetched) == DONE else None

    async def _buy(self, purchase: Purchase) -> None:
        habit = self.draws.choices(list(HABITS), list(HABITS.values()))[0]
        actions: list[Awaitable[None]] = [self._pay(purchase)]
        match habit:
            case "pays_twice_at_once":
                actions.append(self._pay(purchase))
            case "tries_two_references":
                rival = purchase.by_another_name()
                self.purchases.append(rival)
                actions.append(self._pay(rival))
            case "pays_and_asks":
                actions.append(self._ask(purchase))
            case _:
                pass
        await asyncio.gather(*actions)

    async def _repeat_an_old_one(self) -> None:
        if self.purchases:
            await self._pay(self.draws.choice(self.purchases))

    async def _settle(self, purchase: Purchase) -> None:
        heard = len(purchase.codes)
        while len(purchase.codes) == heard or not purchase.is_answered:
            heard = len(purchase.codes)
            await self._pay(purchase)
            if not purchase.is_answered:
                await asyncio.sleep(REPEAT_SECONDS)

    async def _pay(self, purchase: Purchase) -> None:
        payout = Payout(purchase.reference)
        await self.history.pay(
            self.shopper.partner_id, purchase, self.shopper.client.pay(purchase.fetched, payout)
        )

    async def _ask(self, purchase: Purchase) -> None:
        request: Message = purchase.fetched["hdrs"]
        await self.history.ask(
            self.shopper.partner_id, purchase, self.shopper.client.status(request["ref_id"], DESCO)
        )


async def watch_balance(shopper: Shopper, history: Recorder, closing: asyncio.Event) -> None:
    """The partner's accountant: asks for the balance, one call after the other."""
    while not closing.is_set():
        await history.balance(shopper.partner_id, shopper.client.balance())
        await asyncio.sleep(LOOK_AT_BALANCE_SECONDS)
