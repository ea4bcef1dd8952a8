"""One payment and everybody around it: its shop, its payer, its provider, finance, and strangers."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from ekpay_switch.persistence.refunds.staff_actions import RefundRefusedError
from sandbox.callers.client.client import RefusedError
from sandbox.callers.client.messages import ApiOrder, ApiPayment
from sandbox.callers.client.opening import await_page, open_payment
from sandbox.callers.payer.browser import Browser, PageView
from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.rehearsals.demo.admin_clients.admin_client import by_own_names
from tests.faults.connectors.providers import Provider
from tests.faults.connectors.stage import Site, Standing
from tests.faults.finance import ASKER, CONFIRMER, refund_at_our_loss

# A busy machine is slow, not wrong.
PATIENCE_SECONDS = 600
PAISA = 100
DONE, BY_HAND = "done", "by_hand"
SETTLED = frozenset({DONE, "failed", "rejected"})
TRY = """
SELECT a.reference, coalesce(t.provider_reference, '') AS provider_reference
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id WHERE t.payment_id = $1 ORDER BY a.opened_at DESC
LIMIT 1
"""
WORK_ITEMS = "SELECT id FROM refunds WHERE payment_id = $1 AND state = 'by_hand'"


class UnexpectedAnswerError(Exception):
    """Somebody was answered otherwise than this play needs; the text says how."""


NOWHERE = Standing("", is_over=False, undecided=0, refunds=())


@dataclass(frozen=True, slots=True)
class Names:
    """What the newest page of a payment is called by us and by its provider."""

    ours: str
    theirs: str

    def as_those_of(self, other: "Names", told: Mapping[str, str]) -> Mapping[str, str]:
        """The same fields with another page's names in the place of ours."""
        # City Bank's name of a page is an order and a session, which its message tells apart.
        theirs = zip(self.theirs.split("."), other.theirs.split("."), strict=True)
        pairs = [(mine, yours) for mine, yours in ((self.ours, other.ours), *theirs) if mine]
        renamed = dict(told)
        for mine, yours in pairs:
            renamed = {name: value.replace(mine, yours) for name, value in renamed.items()}
        return renamed


@dataclass(slots=True)
class Scene:
    """One payment as its shop was told it last, who collects it, and who pays it.

    `first` and `last` are what is to be told of the cell before and after its end; `also` are further
    payments that belong to it.
    """

    provider: Provider
    payment: ApiPayment
    payer: Payer
    nth: int
    first: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    also: list["Scene"] = field(default_factory=list)

    @property
    def site(self) -> Site:
        return self.provider.site

    @property
    def payment_id(self) -> UUID:
        return UUID(self.payment.id.removeprefix("pay_"))

    async def names(self) -> Names:
        """What its newest page is called."""
        (row,) = await self.site.rows(TRY, self.payment_id)
        return Names(row["reference"], row["provider_reference"])

    # ---- the payer

    async def visits(
        self,
        does: PayerDecision = PayerDecision.APPROVE,
        *,
        follow: bool = True,
        page_url: str | None = None,
    ) -> PayerVisit:
        """Be the payer at the page, and follow to wherever the browser is sent."""
        url = page_url or self.payment.page_url
        assert url is not None, "its page is open"
        return await pay(url, self.payer, does, follow=follow)

    async def comes_back(self, visit: PayerVisit) -> PageView:
        """Go where a visit's browser was sent, with what it carries."""
        assert visit.sent_to is not None, "the payer is sent back"
        async with Browser() as browser:
            return await browser.visit(visit.sent_to, carries=visit.carries)

    async def is_brought(self, told: Mapping[str, str], *, is_post: bool) -> None:
        """Bring these fields to the address that this payment's payer comes back to, and to the letterbox."""
        url = f"{self.site.address}/pay/return/{(await self.names()).ours}"
        async with Browser() as browser:
            if is_post:
                await browser.visit(url, carries=told)
            else:
                await browser.visit(f"{url}?{urlencode(told)}")
            await browser.visit(f"{self.site.address}/callbacks/{self.provider.id}", carries=told)

    # ---- the shop

    async def tries_again(self, by: Provider, payer: Payer) -> None:
        """Begin another try by another instrument as soon as that is allowed, whose payer this is."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._is_begun(by):
                await self._wait(lambda now: now.state == "created" or now.is_over)
        self.payer = payer

    async def _is_begun(self, by: Provider) -> bool:
        try:
            begun = await self.site.client.try_again(self.payment.id, by.id)
        except RefusedError as refused:
            if refused.problem.code != "payment_not_payable" or self.first:
                raise
            self.first.append(f"at first {refused.problem.code}")
            return False
        self.payment = await await_page(self.site.client, begun)
        return True

    async def asks_refund(self, amount: int) -> bool:
        """Have finance give money back and wait for what becomes of it; False where it is refused or fails.

        Its payer has a token, so it is our loss, and the shop cannot ask for it.
        """
        before, rules = len(self._standing().refunds), self.provider.refund_rules
        try:
            await refund_at_our_loss(
                self.site.finance, self.payment_id, amount, rules.parts_max, rules.days_max
            )
        except RefundRefusedError as refused:
            self.last.append(f"then {refused.refusal}")
            return False
        await self.until_given_back(before + 1)
        return self._standing().refunds[-1] == DONE

    # ---- waiting

    async def until_never_paid(self) -> None:
        """Wait until the payment has expired, and note whether it waited for another try before.

        Raises:
            TimeoutError: it never was.
        """
        await self._wait(lambda now: now.state in {"created", "expired"})
        if self._standing().state == "created" and not self._standing().is_over:
            self.first.append("waits for another try")
        await self.until("expired")

    def _standing(self) -> Standing:
        return self.site.lookout.standings.get(self.payment_id) or NOWHERE

    async def until(self, *states: str) -> None:
        """Wait until our payment is in one of these states and all its pages are dealt with.

        Raises:
            TimeoutError: it never was.
        """
        await self._wait(lambda now: now.state in states and not now.undecided)

    async def until_given_back(self, count: int = 1) -> None:
        """Wait until so many refunds have an end; those that are left to finance two persons pay by hand.

        Raises:
            TimeoutError: they never had.
        """
        done = {*SETTLED, BY_HAND}
        await self._wait(lambda now: len(now.refunds) >= count and done.issuperset(now.refunds))
        for row in await self.site.rows(WORK_ITEMS, self.payment_id):
            await self.site.finance.record_paid_by_hand(row["id"], f"BEFTN {row['id'].hex[-12:]}", ASKER)
            await self.site.finance.confirm_paid_by_hand(row["id"], CONFIRMER)
        await self._wait(lambda now: SETTLED.issuperset(now.refunds))

    async def _wait(self, is_so: Callable[[Standing], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.site.lookout.next_look()
                while not is_so(self._standing()):
                    await self.site.lookout.next_look()
        except TimeoutError:
            raise TimeoutError(f"it stands so: {self._standing()}") from None


def fields_of(visit: PayerVisit) -> Mapping[str, str]:
    """What a visit's browser brings back."""
    return visit.carries or dict(parse_qsl(urlsplit(visit.sent_to or "").query))


@dataclass(frozen=True, slots=True)
class Payments:
    """Makes payments for one shop; each buys electricity for a meter of its own."""

    site: Site
    meters: Iterator[str]

    async def opened(
        self, provider: Provider, payer: Payer, nth: int, *, taka: int = 500, fault: str = ""
    ) -> Scene:
        """A payment whose page waits for its payer; its biller may then have a fault."""
        desk, meter = self.site.biller, next(self.meters)
        if fault:
            await desk.set_fault(meter, fault)
        named = by_own_names(desk.parameters, {"bllr_accno": meter, "amount": str(taka)})
        url = self.site.page.url(f"{provider.id}-{nth}")
        order = ApiOrder(desk.biller, named, taka * PAISA, url, provider.id)
        payment = await open_payment(self.site.client, order)
        if payment.page_url is None:
            raise UnexpectedAnswerError("there is no page for the payer")
        return Scene(provider, payment, payer, nth)
