"""Top-ups and transfers to utilities with their corrections, for the tests of both kinds."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.ledger.deposits import Deposits
from ekpay_switch.persistence.ledger.transfer_corrections import TOP_UPS, TransferCorrections, TransferKind
from ekpay_switch.persistence.parties.top_ups import TopUp, TopUps
from tests.persistence.books import Books
from tests.persistence.staff_rows import persons

BILLER, PARTNER = "nesco_prepaid", "bank1"
REFERENCE = "BANK-1"
AMOUNT = Money(50_000)

LEFT = "UPDATE staff SET disabled_at = now(), disabled_by = 'Selim' WHERE name = $1"


@dataclass
class Desk:
    """The transfers of one kind, and their corrections, as the application's own role."""

    books: Books
    kind: TransferKind
    corrections: TransferCorrections

    async def ask(self, amount: Money = AMOUNT, reference: str = REFERENCE) -> UUID:
        connect = self.books.database.connect
        if self.kind is TOP_UPS:
            return await TopUps(connect).request(TopUp(PARTNER, "postpaid", amount, reference), "Rahima")
        return await Deposits(connect).request(BILLER, amount, reference, "Rahima")

    async def approve(self, transfer_id: UUID, name: str = "Karim") -> None:
        connect = self.books.database.connect
        await (TopUps(connect) if self.kind is TOP_UPS else Deposits(connect)).approve(transfer_id, name)

    async def posted(self, amount: Money = AMOUNT) -> UUID:
        transfer_id = await self.ask(amount)
        await self.approve(transfer_id)
        return transfer_id

    async def asked_back(self) -> UUID:
        transfer_id = await self.posted()
        await self.corrections.ask_reversal(transfer_id, "a digit too many", "Rahima")
        return transfer_id

    async def row(self, transfer_id: UUID) -> Any:  # noqa: ANN401 - asyncpg's Record
        (row,) = await self.books.rows(
            f"SELECT * FROM {self.kind.table} WHERE id = $1",  # noqa: S608 - our own words
            transfer_id,
        )
        return row

    async def moved(self) -> list[tuple[str, str, int]]:
        query = """
        SELECT e.moment, p.account, p.amount FROM journal_entries AS e JOIN postings AS p ON p.entry_id = e.id
        ORDER BY e.lane, e.seq, p.seq
        """
        return [tuple(row) for row in await self.books.rows(query)]


async def open_desk(books: Books, kind: TransferKind) -> Desk:
    await books.partner(PARTNER, lane=3)
    for name in ("Rahima", "Karim", "Selim"):
        await books.tell(persons(name))
    return Desk(books, kind, TransferCorrections(books.database.connect, kind))
