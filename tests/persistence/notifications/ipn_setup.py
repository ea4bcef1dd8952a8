"""IPNs over real books: a merchant's payments that end, and a server of the merchant on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from ekpay_switch.domain.notifications import IPN_CODES, NOTICES
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.notifications.delivery_log import TryFilter, list_tries
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import Books
from tests.persistence.merchants.merchant_setup import Shop, a_text, open_shop
from tests.persistence.notifications.notifier_setup import Post
from tests.wire.scripted_peer import RudePeer

END = "UPDATE payments SET state = $2, refusal = $3 WHERE id = $1"
NOTICE = "INSERT INTO notifications (id, payment_id, partner_id, notice, version) VALUES ($1, $2, $3, $4, $5)"
DELIVERIES = """
SELECT d.state, d.tries, d.last_why, n.notice FROM notification_deliveries AS d
JOIN notifications AS n ON n.id = d.notification_id WHERE n.payment_id = $1 ORDER BY n.version
"""


@dataclass
class Stand:
    """A post office and a shop upon the same books."""

    post: Post
    shop: Shop

    @property
    def books(self) -> Books:
        return self.post.books

    async def ordered(
        self, uri: str, channel: str = "3", partner_id: str = "shop", trnx_id: str = ""
    ) -> UUID:
        """A payment of the merchant whose IPN goes to this address."""
        if uri.startswith("http://127.0.0.1:"):
            self.post.trusted.add(uri.removeprefix("http://").partition("/")[0])
        new = self.shop.new(partner_id=partner_id)
        text = a_text(trnx_id or new.payment_id.hex, ipn_uri=uri, ipn_channel=channel)
        new = self.shop.new(partner_id=partner_id, payment_id=new.payment_id, text=text)
        return (await self.shop.opened(new)).payment_id

    async def ends(self, payment_id: UUID, notice: str, version: int = 5) -> UUID:
        """The payment ends as this notice says, without the money that a real end moves; the notice's id."""
        state = NOTICES[notice].state
        refusals = {"cancelled": Refusal.CANCELLED, "instrument_refused": Refusal.INSTRUMENT_REFUSED}
        await self.books.tell(END, payment_id, state.value, refusals.get(notice))
        partner_id = await self.books.value("SELECT partner_id FROM payments WHERE id = $1", payment_id)
        notification_id = uuid7()
        await self.books.tell(NOTICE, notification_id, payment_id, partner_id, notice, version)
        return notification_id

    async def reads(self, payment_id: UUID, state: State) -> None:
        await self.books.tell(END, payment_id, state.value, None)

    async def sold(self, peer: RudePeer, path: str = "/ipn", notice: str = "completed") -> UUID:
        """An order that has ended, its IPN not sent yet."""
        payment_id = await self.ordered(peer.url(path))
        await self.ends(payment_id, notice)
        return payment_id

    async def deliveries(self, payment_id: UUID) -> list[tuple[str, str]]:
        """Notice and state of each IPN of the payment, the oldest first."""
        rows = await self.books.rows(DELIVERIES, payment_id)
        return [(row["notice"], row["state"]) for row in rows]

    async def whys(self, payment_id: UUID) -> list[str]:
        return [row["last_why"] for row in await self.books.rows(DELIVERIES, payment_id)]

    async def tries(self, payment_id: UUID) -> list[tuple[int | None, bool]]:
        """Status and whether it was a replay, of each sending, the oldest first."""
        lines = await list_tries(self.post.engine, TryFilter(payment_id=payment_id))
        return [(line["status"], line["is_replay"]) for line in reversed(lines)]


@asynccontextmanager
async def a_stand(post: Post) -> AsyncIterator[Stand]:
    async with open_shop(post.books) as shop:
        await shop.merchant()
        yield Stand(post, shop)


async def settled(stand: Stand, payment_id: UUID, state: str = "delivered") -> None:
    """Wait until the payment's newest IPN stands like this."""
    async with asyncio.timeout(20):
        while True:
            found = await stand.deliveries(payment_id)
            if found and found[-1][1] == state:
                return
            await asyncio.sleep(0.01)


ALL_ENDS = tuple(IPN_CODES)
