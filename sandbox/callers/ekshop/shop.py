"""What the shop does: takes an order, asks for its payment, and meets customers who come back."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sandbox.callers.ekshop.book import ShopBook
from sandbox.callers.ekshop.catalogue import GOOD_OF
from sandbox.callers.ekshop.ipn_listener import Listener, fits
from sandbox.callers.ekshop.listener_conduct import Conduct, Conducts
from sandbox.callers.ekshop.merchant_api import Issued, MerchantApi, Unheard
from sandbox.callers.ekshop.orders import Attempt, Order, Place
from sandbox.callers.ekshop.pricing import Purchase
from sandbox.callers.ekshop.wire import Customer, Merchant, Wanted
from sandbox.kit.institution.clock import DHAKA, Clock

JOURNAL = "ekshop.jsonl"

_DESCRIBED_MAX = 3


class Settings(NamedTuple):
    """How a shop is opened: its folder, its own address, who it is, how it listens."""

    home: Path
    public_url: str
    merchant: Merchant
    conduct: Conduct = Conduct.HONEST
    slow_seconds: float = 8.0


class Shop:
    """One shop with its book; what it serves is in `app`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Open its book.

        Raises:
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self.public_url = settings.public_url.rstrip("/")
        self.clock = clock
        self.api = MerchantApi(settings.merchant)
        self.conducts = Conducts(settings.conduct)
        self.book = ShopBook(settings.home / JOURNAL, clock)
        self.listener = Listener(self.book, self.api, self.conducts, clock, settings.slow_seconds)

    def place(self, purchase: Purchase, customer: Customer) -> Order:
        """Write an order down.

        Raises:
            NoSuchPurchaseError: it cannot be bought so.
        """
        bill = purchase.bill()
        order = Order(
            id=secrets.token_urlsafe(15),
            number=self.book.next_number(),
            quantities=dict(purchase.quantities),
            district=purchase.district,
            agent=purchase.agent,
            customer=customer,
            total_paisa=bill.total_paisa,
            carriage_paisa=bill.carriage_paisa,
            shares=bill.shares,
            placed_at=self.clock.now(),
        )
        self.book.place(order)
        placed = self.book.order(order.id)
        return placed or order

    async def begin_payment(self, order: Order) -> str | None:
        """Where the customer pays, or None if the switch gave no token.

        The page of a payment that is still open is used again. A new payment has a trnx_id of its own, and
        begins only where no other can still bring money.
        """
        last = order.attempts[-1] if order.attempts else None
        if last is not None and not order.may_be_paid_anew:
            return last.url or await self._ask(order, last)
        trnx_id = f"EKS{self.clock.now().astimezone(DHAKA):%y%m%d%H%M%S}-{secrets.token_hex(4).upper()}"
        return await self._ask(order, self.book.ask(order, trnx_id, secrets.token_urlsafe(18)))

    async def check(self, attempt: Attempt) -> str:
        """Ask the switch how a payment stands, believe it, and return the code or why there is none."""
        found = self.book.payment(attempt.trnx_id)
        told = await self.api.status(attempt.trnx_id, attempt.asked_at)
        if isinstance(told, Unheard) or found is None:
            result = told.why if isinstance(told, Unheard) else told.code
            self.book.check(attempt.trnx_id, result, None)
            return result
        is_believed = fits(told, *found, self.api)
        self.book.check(attempt.trnx_id, told.code, told if is_believed else None)
        return told.code

    def come_back(self, place: Place, trnx_id: str | None) -> Order | None:
        """Meet a customer who came back; None if no payment is named so."""
        found = None if trnx_id is None else self.book.payment(trnx_id)
        if found is None:
            self.book.stray("back")
            return None
        order, attempt = found
        self.book.come_back(attempt.trnx_id, place, is_believed=self.conducts.usual is Conduct.TRUSTING)
        return order

    def close(self) -> None:
        """Give the book back."""
        self.book.close()

    async def _ask(self, order: Order, attempt: Attempt) -> str | None:
        """Ask for a token, again under the same trnx_id where the first answer was not heard."""
        answer = await self.api.ask_token(self._wanted(order, attempt), attempt.asked_at)
        if isinstance(answer, Issued):
            self.book.issue(attempt.trnx_id, answer.url)
            return answer.url
        self.book.refuse(attempt.trnx_id, answer.why, is_heard=not isinstance(answer, Unheard))
        return None

    def _wanted(self, order: Order, attempt: Attempt) -> Wanted:
        # The page's own query comes first, as with real merchants, so that the switch has to join its own.
        pages = {place.value: f"{self.public_url}/back/{place.value}?shop=ekshop" for place in Place}
        return Wanted(
            trnx_id=attempt.trnx_id,
            number=order.number,
            amount_paisa=order.total_paisa,
            description=described(order.quantities),
            customer=order.customer,
            shares=order.shares,
            pages=pages,
            ipn_url=f"{self.public_url}/ipn/{attempt.secret}",
        )


def described(quantities: Mapping[str, int]) -> str:
    """A few words about what was ordered, in English."""
    goods = [f"{count} x {GOOD_OF[code].name.english}" for code, count in quantities.items()]
    more = len(goods) - _DESCRIBED_MAX
    return ", ".join(goods[:_DESCRIBED_MAX]) + (f" and {more} more" if more > 0 else "")
