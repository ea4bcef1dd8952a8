"""The shop: takes an order, requests its payment, and handles returning customers."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sandbox.callers.ekshop.book import ShopBook
from sandbox.callers.ekshop.catalogue import GOOD_OF
from sandbox.callers.ekshop.checkout_cart import checkout_cart
from sandbox.callers.ekshop.ipn_listener import IpnListener, ends_payment
from sandbox.callers.ekshop.listener_conduct import Conduct, ConductTable
from sandbox.callers.ekshop.merchant_api import MerchantApi, NoUsableAnswer, TokenIssued
from sandbox.callers.ekshop.orders import Attempt, ReturnTarget, ShopOrder
from sandbox.callers.ekshop.pricing import Purchase
from sandbox.callers.ekshop.wire import Merchant, PaymentRequest, ShopCustomer
from sandbox.kit.institution.clock import DHAKA, Clock
from sandbox.kit.payer_pages.language import Language, Text, digits

JOURNAL = "ekshop.jsonl"

_DESCRIBED_MAX = 3


class ShopSettings(NamedTuple):
    """The settings of a shop: its folder, address, merchant account and IPN handling."""

    home_folder: Path
    public_url: str
    merchant: Merchant
    conduct: Conduct = Conduct.HONEST
    slow_seconds: float = 8.0


class Shop:
    """One shop with its book."""

    def __init__(self, settings: ShopSettings, clock: Clock) -> None:
        """Open its book.

        Raises:
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self.public_url = settings.public_url.rstrip("/")
        self.clock = clock
        self.api = MerchantApi(settings.merchant)
        self.conducts = ConductTable(settings.conduct)
        self.book = ShopBook(settings.home_folder / JOURNAL, clock)
        self.listener = IpnListener(self.book, self.api, self.conducts, clock, settings.slow_seconds)

    def place(
        self, purchase: Purchase, customer: ShopCustomer, language: Language = Language.BANGLA
    ) -> ShopOrder:
        """Record an order, made in this language.

        Raises:
            NoSuchPurchaseError: the purchase is empty or not possible.
        """
        bill = purchase.bill()
        order = ShopOrder(
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
            language=language,
        )
        self.book.place(order)
        placed = self.book.order(order.id)
        return placed or order

    async def begin_payment(self, order: ShopOrder) -> str | None:
        """The pay page, or None if the switch gave no token.

        An open payment's page is used again. A new payment has a new trnx_id, and starts only if no other one
        can still be paid.
        """
        last = order.attempts[-1] if order.attempts else None
        if last is not None and not order.may_be_paid_anew:
            return last.url or await self._request_token(order, last)
        trnx_id = f"EKS{self.clock.now().astimezone(DHAKA):%y%m%d%H%M%S}-{secrets.token_hex(4).upper()}"
        return await self._request_token(
            order, self.book.record_token_request(order, trnx_id, secrets.token_urlsafe(18))
        )

    async def check(self, attempt: Attempt) -> str:
        """Ask the switch for a payment's status, record it, and return the code or why there is none."""
        payment = self.book.payment(attempt.trnx_id)
        answer = await self.api.status(attempt.trnx_id, attempt.asked_at)
        if isinstance(answer, NoUsableAnswer) or payment is None:
            result = answer.why if isinstance(answer, NoUsableAnswer) else answer.code
            self.book.record_status(attempt.trnx_id, result, None)
            return result
        is_accepted = ends_payment(answer, *payment, self.api)
        self.book.record_status(attempt.trnx_id, answer.code, answer if is_accepted else None)
        return answer.code

    def payer_returned(self, place: ReturnTarget, trnx_id: str | None) -> ShopOrder | None:
        """Record a returning customer; None if the payment is unknown."""
        payment = None if trnx_id is None else self.book.payment(trnx_id)
        if payment is None:
            self.book.record_stray("back")
            return None
        order, attempt = payment
        self.book.record_return(attempt.trnx_id, place, is_believed=self.conducts.usual is Conduct.TRUSTING)
        return order

    def close(self) -> None:
        """Close the book."""
        self.book.close()

    async def _request_token(self, order: ShopOrder, attempt: Attempt) -> str | None:
        """Request a token, again under the same trnx_id if the first answer was lost."""
        answer = await self.api.request_token(self._payment_request(order, attempt), attempt.asked_at)
        if isinstance(answer, TokenIssued):
            self.book.record_pay_page(attempt.trnx_id, answer.url)
            return answer.url
        self.book.record_refusal(attempt.trnx_id, answer.why, is_heard=not isinstance(answer, NoUsableAnswer))
        return None

    def _payment_request(self, order: ShopOrder, attempt: Attempt) -> PaymentRequest:
        # The return URL has a query already, as with real merchants, so that the switch must append its own.
        pages = {place.value: f"{self.public_url}/back/{place.value}?shop=ekshop" for place in ReturnTarget}
        return PaymentRequest(
            trnx_id=attempt.trnx_id,
            number=order.number,
            amount_paisa=order.total_paisa,
            description=order_description(order.quantities, order.language),
            customer=order.customer,
            shares=order.shares,
            language=order.language,
            cart=checkout_cart(order),
            pages=pages,
            ipn_url=f"{self.public_url}/ipn/{attempt.secret}",
        )


def order_description(quantities: Mapping[str, int], language: Language) -> str:
    """A short description of the ordered goods, in the customer's language."""
    goods = [
        f"{digits(count, language)} x {GOOD_OF[code].name.of(language)}" for code, count in quantities.items()
    ]
    count = len(goods) - _DESCRIBED_MAX
    more = Text(f" ও আরও {digits(count, language)}টি", f" and {count} more").of(language)
    return ", ".join(goods[:_DESCRIBED_MAX]) + (more if count > 0 else "")
