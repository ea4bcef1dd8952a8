"""A shop whose payers pay by wallet through a switch that dies; it asks until it knows the end of each order.

Payers are the sandbox's own: they agree on the wallet's page, and come back or do not. Whatever is not
answered is done again with the same key, as docs/rest-v1.md asks for.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TypeVar
from uuid import uuid4

import aiohttp

from ekpay_switch.persistence.parties.api_keys import ApiKeys
from ekpay_switch.persistence.parties.partners import NewPartner, Partners
from ekpay_switch.security.keys import KeyRing
from sandbox.callers.client import return_page
from sandbox.callers.client.client import ApiClient, RefusedError
from sandbox.callers.client.messages import (
    PAID,
    PENDING,
    REFUND_WAITS,
    ApiOrder,
    ApiPayment,
    ApiRefund,
    RefundOrder,
    UnreadableReplyError,
    new_key,
)
from sandbox.callers.client.return_page import ReturnPage
from sandbox.callers.payer.browser import Browser, LostPayerError
from sandbox.callers.payer.payer import Payer, pay
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet
from tests.faults.crashes.paying_partner import DESCO, fresh_account
from tests.faults.crashes.payment_checks import Verdict
from tests.faults.installation import PATIENCE_SECONDS, Installation
from tests.faults.wallet_crashes.books import audited, debits_of
from tests.faults.wallet_crashes.collection_checks import Heard, HeardRefund

T = TypeVar("T")

LOOK_SECONDS = 0.3
OPEN_PAGES = """
SELECT count(*) FROM attempts AS a JOIN payments AS p ON p.id = a.payment_id
WHERE p.partner_id = $1 AND a.leg = 'funds' AND a.state <> 'closed'
"""
OPEN_REFUNDS = "SELECT count(*) FROM refunds WHERE partner_id = $1 AND state NOT IN ('done', 'failed')"
WITHOUT_MONEY = (
    "SELECT count(*) FROM payments WHERE partner_id = $1 AND state NOT IN ('funded', 'delivering')"
)
QUOTES_DIE = "UPDATE payments SET quote_expires_at = now() WHERE partner_id = $1"
# What may come instead of an answer when the other side is killed.
SILENCE = (aiohttp.ClientError, OSError, TimeoutError)
# Refusals that say only that it cannot be done as things stand, or not now.
NOT_NOW = frozenset({409, 429, 503})


@dataclass(frozen=True, slots=True)
class Kind:
    """How wallet and biller misbehave with an order, and whether its payer opens two pages and uses both."""

    wallet: WalletKind = WalletKind.NORMAL
    bill: str = "polite"
    opens_two_pages: bool = False


KINDS = {
    "polite": Kind(),
    "execute_lost_done": Kind(WalletKind.EXECUTE_LOST_DONE),
    "execute_lost_undone": Kind(WalletKind.EXECUTE_LOST_UNDONE),
    "execute_hangs_done": Kind(WalletKind.EXECUTE_HANGS_DONE),
    "execute_hangs_undone": Kind(WalletKind.EXECUTE_HANGS_UNDONE),
    "insufficient": Kind(WalletKind.INSUFFICIENT_BALANCE),
    "two_pages": Kind(opens_two_pages=True),
    "delivery_lost": Kind(bill="lost_paid"),
    "delivery_undone": Kind(bill="lost_unpaid"),
    "delivery_undone_twice": Kind(bill="lost_twice"),
    "refused": Kind(bill="refuses"),
    "refused_refund_lost_done": Kind(WalletKind.REFUND_LOST_DONE, "refuses"),
    "refused_refund_lost_undone": Kind(WalletKind.REFUND_LOST_UNDONE, "refuses"),
    "refused_refund_hangs_done": Kind(WalletKind.REFUND_HANGS_DONE, "refuses"),
    "refused_refund_hangs_undone": Kind(WalletKind.REFUND_HANGS_UNDONE, "refuses"),
    "refund_lost_done": Kind(WalletKind.REFUND_LOST_DONE),
    "refund_lost_undone": Kind(WalletKind.REFUND_LOST_UNDONE),
}
_numbers: defaultdict[WalletKind, Iterator[int]] = defaultdict(count)


@dataclass(slots=True)
class Wish:
    """A refund that the shop asks for, and what it heard last of it."""

    key: str
    order: RefundOrder
    refund: ApiRefund | None = None


@dataclass(slots=True)
class Errand:
    """One order under one key: its payer, and every status that the shop heard of it.

    `agreed_on` is the page that the payer agreed on last; `gives_up` that the shop cancels it at the end.
    """

    kind: str
    key: str
    bill: str
    order: ApiOrder
    payer: Payer
    statuses: list[str] = field(default_factory=list)
    payment: ApiPayment | None = None
    agreed_on: str = ""
    gives_up: bool = False
    wishes: list[Wish] = field(default_factory=list)

    @property
    def page_url(self) -> str | None:
        """Where its payer may pay now, as far as the shop knows."""
        return None if self.payment is None else self.payment.page_url

    @property
    def is_settled(self) -> bool:
        """Whether the shop knows its end, and that of every refund."""
        is_final = self.payment is not None and self.payment.is_final
        waiting = (wish for wish in self.wishes if wish.refund is None or wish.refund.status == REFUND_WAITS)
        return is_final and next(waiting, None) is None

    def hear(self, payment: ApiPayment) -> None:
        """Note what was told."""
        self.payment = payment
        self.statuses.append(payment.status)
        told = {refund.id: refund for refund in payment.refunds}
        for wish in self.wishes:
            if wish.refund is not None:
                wish.refund = told.get(wish.refund.id, wish.refund)


class WalletShop:
    """One partner that collects, and all its errands."""

    def __init__(self, site: Installation, partner_id: str, client: ApiClient, page: ReturnPage) -> None:
        """Nothing is asked of the switch yet."""
        self.site = site
        self.partner_id = partner_id
        self._client = client
        self._page = page
        self.errands: list[Errand] = []
        self.complaints: list[str] = []

    async def prepare(self, kinds: Iterable[str]) -> list[Errand]:
        """An errand of each kind; nothing is asked of the switch yet."""
        prepared = [await self._prepared(kind) for kind in kinds]
        self.errands += prepared
        return prepared

    async def place(self, errands: Iterable[Errand]) -> None:
        """Make each payment, all at the same time, and note what is heard, if anything is."""
        await asyncio.gather(*(self._place(errand) for errand in errands))

    async def send_payers(self, errands: Iterable[Errand], *, come_back: bool = True) -> None:
        """Let each payer agree on its page, all at the same time, and come back if they do that."""
        await asyncio.gather(*(self._send_payer(errand, come_back=come_back) for errand in errands))

    async def ask_back(self, errands: Iterable[Errand]) -> None:
        """Ask for half of each paid payment to go back, all at the same time."""
        for errand in (chosen := list(errands)):
            if errand.payment is not None and errand.payment.status == PAID:
                wish = Wish(new_key(), RefundOrder(errand.order.amount // 2, "paid for the wrong meter"))
                errand.wishes.append(wish)
        await asyncio.gather(*(self._ask_back(errand) for errand in chosen))

    async def settle(
        self, errands: Iterable[Errand] | None = None, struck_at: Callable[[], float] = lambda: 0.0
    ) -> None:
        """Ask about each order until it has ended; whoever has not agreed yet gets a page and does.

        Patience begins again with each strike, which `struck_at` tells by the monotonic clock: while
        processes go on dying, nothing says when an order must have ended. It begins no earlier than the end
        of the time to pay: a payer who agrees after the last inquiry, and whose way back a strike cuts off,
        has moved no money, and the switch asks once more only then.
        """
        began_at = time.monotonic()

        def give_up_at() -> float:
            return max(began_at, struck_at()) + PATIENCE_SECONDS

        chosen = self.errands if errands is None else errands
        await asyncio.gather(*(self._settle(errand, give_up_at) for errand in chosen))

    async def let_quotes_die(self) -> None:
        """Once all money has come, let the time be over within which it may be delivered."""
        await self._until_none(WITHOUT_MONEY)
        connection = await self.site.database.connect("owner")
        try:
            await connection.execute(QUOTES_DIE, self.partner_id)
        finally:
            await connection.close()

    async def until_all_is_closed(self) -> None:
        """Wait until our books know what came of every page, and of every refund."""
        await self._until_none(OPEN_PAGES)
        await self._until_none(OPEN_REFUNDS)

    async def _until_none(self, query: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        connection = await self.site.database.connect("audit")
        try:
            while (left := await connection.fetchval(query, self.partner_id)) != 0:
                assert time.monotonic() < give_up_at, f"{left} are left: {query}"
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await connection.close()

    def heard(self) -> list[Heard]:
        """Whatever the shop heard, key by key."""
        return [
            Heard(
                errand.key,
                errand.bill,
                tuple(errand.statuses),
                tuple(
                    HeardRefund(wish.refund.id, wish.refund.status, wish.refund.amount)
                    for wish in errand.wishes
                    if wish.refund is not None
                ),
            )
            for errand in self.errands
        ]

    async def taken(self) -> int:
        """From how many of its payers bKash has taken money at this moment."""
        return len(await debits_of(self.site, self))

    async def verdict(self) -> Verdict:
        """Compare what was heard with the three books, and audit ours; no answer may have been an error."""
        verdict = await audited(self.site, self)
        return Verdict(verdict.lost, verdict.doubled, (*verdict.wrong, *self.complaints))

    async def _prepared(self, kind: str) -> Errand:
        does = KINDS[kind]
        account = await fresh_account(self.site, does.bill)
        (bill,) = (await self.site.ask_far_side("GET", f"bills?account={account}"))["bills"]
        number = bill["bill_number"]
        key = new_key()
        order = ApiOrder(DESCO, {"bill_no": number}, bill["total_paisa"], self._page.url(key))
        return Errand(kind, key, number, order, Payer(_wallet(does.wallet)))

    async def _place(self, errand: Errand) -> None:
        made = await self._heard(self._client.create(errand.order, errand.key))
        if made is not None:
            errand.hear(made.payment)

    async def _send_payer(self, errand: Errand, *, come_back: bool) -> None:
        first = errand.page_url
        if KINDS[errand.kind].opens_two_pages and not errand.agreed_on and first is not None:
            await self._try_again(errand)
            await self._agree(errand, first, come_back=come_back)
        if errand.page_url is not None:
            await self._agree(errand, errand.page_url, come_back=come_back)

    async def _agree(self, errand: Errand, page_url: str, *, come_back: bool) -> None:
        """Agree on one page and go where it leads, whether or not somebody is there."""
        try:
            visit = await pay(page_url, errand.payer)
            errand.agreed_on = page_url
            if come_back and visit.sent_to is not None:
                async with Browser() as browser:
                    shown = await browser.visit(visit.sent_to)
                if shown.status >= 500 and shown.status not in NOT_NOW:
                    self.complaints.append(f"{errand.kind} {errand.key}: its payer saw HTTP {shown.status}")
        except LostPayerError:
            return  # the wallet has what it needs, or the shop opens another page

    async def _try_again(self, errand: Errand) -> None:
        if errand.payment is not None:
            payment = await self._heard(self._client.try_again(errand.payment.id))
            if payment is not None:
                errand.hear(payment)

    async def _ask_back(self, errand: Errand) -> None:
        for wish in errand.wishes:
            if wish.refund is None and errand.payment is not None:
                made = await self._heard(self._client.refund(errand.payment.id, wish.order, wish.key))
                if made is not None:
                    wish.refund = made.refund

    async def _settle(self, errand: Errand, give_up_at: Callable[[], float]) -> None:
        while not errand.is_settled:
            latest = max(give_up_at(), _pay_until(errand) + PATIENCE_SECONDS)
            assert time.monotonic() < latest, f"never ended: {errand}"
            await self._look(errand)
            if errand.payment is not None and errand.payment.status == PENDING:
                await self._help(errand, errand.payment)
            await self._ask_back(errand)
            if not errand.is_settled:
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, errand: Errand) -> None:
        if errand.payment is None:
            await self._place(errand)
            return
        payment = await self._heard(self._client.get(errand.payment.id))
        if payment is not None:
            errand.hear(payment)

    async def _help(self, errand: Errand, payment: ApiPayment) -> None:
        """What a shop does about a payment that is still pending: another page, or no payment after all."""
        if errand.gives_up:
            cancelled = await self._heard(self._client.cancel(payment.id))
            if cancelled is not None:
                errand.hear(cancelled)
        elif payment.page_url is None:
            await self._try_again(errand)
        if errand.page_url not in {None, errand.agreed_on} and not errand.gives_up:
            await self._send_payer(errand, come_back=True)

    async def _heard(self, asked: Awaitable[T]) -> T | None:
        """The answer, or nothing where none came, or one that says that it cannot be done now."""
        try:
            return await asked
        except SILENCE:
            return None
        except RefusedError as refused:
            if refused.problem.status not in NOT_NOW:
                self.complaints.append(f"was answered {refused.problem.status} {refused.problem.code}")
        except UnreadableReplyError as strange:
            self.complaints.append(f"was answered otherwise than the document says: {strange}")
        return None


def _pay_until(errand: Errand) -> float:
    """When the time to pay is over, by the monotonic clock."""
    if errand.payment is None:
        return 0.0
    return time.monotonic() + (errand.payment.pay_until - datetime.now(UTC)).total_seconds()


def _wallet(kind: WalletKind) -> str:
    number = next(_numbers[kind])
    if kind is WalletKind.NORMAL:
        return f"{FIRST_NORMAL_WALLET + number:0{WALLET_LENGTH}d}"
    return magic_wallet(kind, number)


@asynccontextmanager
async def wallet_shop(site: Installation) -> AsyncIterator[WalletShop]:
    """A new partner with a key of REST v1 and a page that its payers come back to."""
    name = f"w{uuid4().hex[:12]}"
    async with return_page.open_return_page() as page:
        engine = site.database.engine()
        try:
            keys = KeyRing.open(site.settings.home, None)
            await Partners(engine, keys).add(NewPartner(id=name, name=name, user_id=name))
            key = await ApiKeys(engine).add(name, [page.address])
        finally:
            await engine.dispose()
        async with ApiClient(site.address, key, connections_max=64) as client:
            yield WalletShop(site, name, client, page)
