"""A merchant's money over real books: what it sells, what goes back of it, what it is paid, a line each."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ekpay_switch.domain.collections.funding import LockedTry, MoneyCollected
from ekpay_switch.domain.ledger.entries import Entry, decrease
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.collections.share_postings import move_owed
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.payment_rows import lock_books
from ekpay_switch.persistence.short_transactions import Connect, Connection, ShortTransactions
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import Till, agreed, page
from tests.persistence.merchants.merchant_setup import BKASH, Shop, open_shop
from tests.persistence.refunds.refund_setup import Office, open_office

AMOUNT = 105_000
KEPT_BASIS_POINTS = 150
SELLER, COURIER, AGENT = "S-1", "FAST", "UDC7"
PAYEES = {SELLER: PayeeKind.SELLER, COURIER: PayeeKind.DELIVERY, AGENT: PayeeKind.AGENT}
SPLIT = (
    Share(SELLER, PayeeKind.SELLER, Money(70_001)),
    Share("", None, Money(19_999)),
    Share(COURIER, PayeeKind.DELIVERY, Money(10_000)),
    Share(AGENT, PayeeKind.AGENT, Money(5_000)),
)
OWN = "payable:merchant:shop"
ACCOUNTS = (f"{OWN}:{SELLER}", OWN, f"{OWN}:{COURIER}", f"commission_{OWN}:{AGENT}")
ASKS, AGREES = "Rahima", "Karim"
DEBT_LIMIT = 100_000


@dataclass
class Stall:
    """One test's merchant upon its books, with its till and the office that gives back."""

    shop: Shop
    office: Office
    transactions: ShortTransactions

    @property
    def till(self) -> Till:
        return self.shop.till

    @property
    def books(self) -> Books:
        return self.shop.books

    # ---- selling

    async def ordered(self, shares: Sequence[Share] = (), partner_id: str = "shop") -> MerchantPayment:
        amount = sum(share.amount.minor for share in shares) or AMOUNT
        split = tuple(shares) or (Share("", None, Money(amount)),)
        return await self.shop.opened(
            self.shop.new(amount=Money(amount), shares=split, partner_id=partner_id)
        )

    async def on_page(self, payment: MerchantPayment, charges: Charges = BKASH) -> LockedTry:
        """One more try of the payment, whose payer is on its page; nobody holds it."""
        held = await self.shop.begun(payment, charges)
        await self.till.record(held, page(self.till.next_page()))
        return held

    async def paid(self, held: LockedTry) -> LockedTry:
        """The try, once its money was found."""
        again = await self.till.leased(held)
        await self.till.record(again, self.came(again))
        return again

    def came(self, held: LockedTry, **changes: Any) -> MoneyCollected:  # noqa: ANN401 - fields of Collected
        return agreed(held, f"TRX-{held.attempt_id.hex}", **changes)

    async def sold(self, shares: Sequence[Share] = (), charges: Charges = BKASH) -> LockedTry:
        """A payment that was collected and credited."""
        return await self.paid(await self.on_page(await self.ordered(shares), charges))

    async def settled(self, minor: int, partner_id: str = "shop") -> None:
        """Our bank has paid the merchant so much of what it is owed."""
        lines = (decrease(f"payable:merchant:{partner_id}", minor), decrease("settlement_bank", minor))

        async def _post(connection: Connection) -> None:
            await lock_books(connection, 0)
            await write_batch(connection, [PostEntry(uuid7(), 0, Entry.of("settled", lines))])
            await move_owed(connection, partner_id, -minor)

        await self.transactions.run(_post, [line.account for line in lines])

    async def agreement(self, charges_on_refund: str) -> None:
        """The merchant's agreement says so from now on."""
        await self.books.tell("UPDATE merchants SET charges_on_refund = $1", charges_on_refund)

    # ---- what is asked

    async def owed(self, partner_id: str = "shop") -> int:
        query = "SELECT owed FROM merchants WHERE partner_id = $1"
        return int(await self.books.value(query, partner_id))

    async def refunded(self, held: LockedTry) -> list[int]:
        """What each share has given back, in the merchant's order."""
        query = "SELECT refunded FROM merchant_shares WHERE payment_id = $1 ORDER BY seq"
        return [row[0] for row in await self.books.rows(query, held.payment_id)]

    async def moments(self, held: LockedTry) -> list[str]:
        return await self.office.entries(held.payment_id)

    async def balance(self, account: str) -> int:
        """What the account holds, debit positive."""
        return (await self.till.balances()).get(account, 0)


@asynccontextmanager
async def open_stall(
    books: Books, connections: int = 4, connect: Connect | None = None
) -> AsyncIterator[Stall]:
    """A stall upon these books; their merchant has to stand."""
    transactions = ShortTransactions(books.database.connect_hot)
    async with (
        open_shop(books, connect, connections) as shop,
        open_office(shop.till, connections, connect) as office,
    ):
        yield Stall(shop, office, transactions)
    await transactions.close()
