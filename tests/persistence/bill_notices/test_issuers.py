"""Issuers in the database: let in by two persons, gone at once, and what they raise is raised once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TypeVar
from uuid import UUID, uuid4

import asyncpg
import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.scrolls.bill_notices import KnownBills, RaisedNotices
from ekpay_switch.persistence.access.client_access import ClientAccess, issuer_order
from ekpay_switch.persistence.bill_notices.issuers import BillIssuers, IssuerRefusedError
from ekpay_switch.persistence.bill_notices.raised_bills import PostgresRaisedBills
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.short_transactions import ShortTransactions, Work
from ekpay_switch.security.keys import KeyRing
from tests.persistence.books import BILLER
from tests.persistence.scrolls.test_bill_files import Shelf, a_bill, shelf
from tests.persistence.staff_rows import persons

__all__ = ["shelf"]  # a fixture

T = TypeVar("T")
TODAY = date(2099, 3, 2)
OFFICE = "bank1"
FILES = "SELECT f.number, i.partner_id FROM bill_files AS f JOIN bill_issuers AS i ON i.id = f.issuer_id"

FILE_OF_ANOTHER = """
INSERT INTO bill_files SELECT $1, 'titas', number, made_on, digest, bills, sum, loaded_at, $2 FROM bill_files
"""


@dataclass
class Office:
    """One test's issuers; `alice` and `bob` are of finance."""

    shelf: Shelf
    raised: PostgresRaisedBills
    access: ClientAccess
    issuers: BillIssuers

    async def let_in(self, partner: str = OFFICE) -> UUID:
        order = issuer_order(partner, BILLER)
        shown = await self.access.approve(await self.access.ask(order, "alice"), "bob")
        return UUID(shown["issuer_id"])


class LostCommit(ShortTransactions):
    """Work is done, its COMMIT is not acknowledged, an issuer is removed, and the work is repeated."""

    removal: Callable[[], Awaitable[object]]

    async def run(self, work: Work[T], accounts: Iterable[str] = ()) -> T:
        await super().run(work, accounts)
        await self.removal()
        return await super().run(work, accounts)


@asynccontextmanager
async def open_office(shelf: Shelf) -> AsyncIterator[Office]:
    await shelf.books.tell(persons("alice", "bob"))
    engine = shelf.books.database.engine()
    async with ShortTransactions(shelf.books.database.connect_hot) as transactions:
        access = ClientAccess(engine, KeyRing(bytes(range(32))))
        yield Office(shelf, PostgresRaisedBills(transactions), access, BillIssuers(engine))
    await engine.dispose()


@pytest.fixture
async def office(shelf: Shelf) -> AsyncIterator[Office]:
    async with open_office(shelf) as office:
        yield office
    assert await shelf.books.audit() is None


async def test_a_partner_raises_bills_once_two_persons_have_let_it(office: Office) -> None:
    change_id = await office.access.ask(issuer_order(OFFICE, BILLER), "alice")
    assert not await office.raised.is_issuer(OFFICE, BILLER)
    with pytest.raises(OnePersonError):
        await office.access.approve(change_id, "alice")
    await office.access.approve(change_id, "bob")
    assert await office.raised.is_issuer(OFFICE, BILLER)
    assert not await office.raised.is_issuer(OFFICE, "titas")
    (line,) = await office.issuers.list()
    assert (line.partner_id, line.biller_id, line.removed_at) == (OFFICE, BILLER, None)


async def test_whoever_cannot_be_an_issuer_is_refused_with_the_field(office: Office) -> None:
    await office.let_in()
    for partner, why in (("nobody", "partner: nobody is no active"), (OFFICE, "biller: bank1 raises")):
        with pytest.raises(IssuerRefusedError, match=why):
            await office.access.ask(issuer_order(partner, BILLER), "alice")
    with pytest.raises(IssuerRefusedError, match="issuer: there is no issuer"):
        await office.issuers.remove(uuid4(), "alice")


async def test_one_person_removes_an_issuer_at_once_and_its_bills_stay(office: Office) -> None:
    issuer_id = await office.let_in()
    await office.raised.raise_once(OFFICE, BILLER, [a_bill("NU-1")], TODAY)
    assert [await office.issuers.remove(issuer_id, "alice") for _ in range(2)] == [True, False]
    assert await office.raised.raise_once(OFFICE, BILLER, [a_bill("NU-2")], TODAY) is None
    assert await office.raised.notice_of(BILLER, "NU-1") is not None
    assert await office.raised.notice_of(BILLER, "NU-2") is None
    assert await office.issuers.list() == []
    (line,) = await office.issuers.list(is_all=True)
    assert line.removed_by == "alice"
    await office.let_in()


async def test_an_issuer_is_removed_after_the_bills_that_it_raises_at_that_moment(office: Office) -> None:
    issuer_id = await office.let_in()
    books = office.shelf.books
    connection = await books.database.connect_hot()
    async with connection.transaction():
        await connection.fetchval("SELECT id FROM bill_issuers FOR SHARE")
        removal = asyncio.create_task(office.issuers.remove(issuer_id, "alice"))
        async with asyncio.timeout(30):
            while not await books.count("pg_locks", "NOT granted"):
                assert not removal.done()
        written_at = await connection.fetchval("SELECT clock_timestamp()")
    assert await removal
    await connection.close()
    (line,) = await office.issuers.list(is_all=True)
    assert line.removed_at is not None
    assert line.removed_at > written_at


async def test_the_same_bills_at_once_are_raised_once(office: Office) -> None:
    await office.let_in()
    bills = [a_bill("NU-1"), a_bill("NU-2")]
    answers = await asyncio.gather(
        *(office.raised.raise_once(OFFICE, BILLER, bills, TODAY) for _ in range(6))
    )
    assert all(isinstance(answer, RaisedNotices) for answer in answers)
    codes = {
        tuple(notice.code for notice in answer.notices)
        for answer in answers
        if isinstance(answer, RaisedNotices)
    }
    assert len(codes) == 1
    first = [answer for answer in answers if isinstance(answer, RaisedNotices) and not answer.is_repeat]
    assert len(first) == 1
    assert [tuple(row) for row in await office.shelf.books.rows(FILES)] == [(1, OFFICE)]


async def test_a_repeat_is_one_whatever_became_of_the_bill(office: Office) -> None:
    await office.let_in()
    await office.raised.raise_once(OFFICE, BILLER, [a_bill("NU-1")], TODAY)
    started = await office.shelf.payment()
    await office.shelf.take(started)
    later = replace(a_bill("NU-1"), issued_on=date(2099, 3, 3))
    answer = await office.raised.raise_once(OFFICE, BILLER, [later], TODAY)
    assert isinstance(answer, RaisedNotices)
    assert (answer.is_repeat, answer.notices[0].stored.is_taken) == (True, True)
    await office.shelf.books.finish(started)


async def test_bills_whose_commit_was_lost_are_answered_though_their_issuer_is_removed(
    office: Office,
) -> None:
    issuer_id = await office.let_in()
    async with LostCommit(office.shelf.books.database.connect_hot) as transactions:
        transactions.removal = partial(office.issuers.remove, issuer_id, "alice")
        raised = PostgresRaisedBills(transactions)
        answer = await raised.raise_once(OFFICE, BILLER, [a_bill("NU-2"), a_bill("NU-1")], TODAY)
    assert isinstance(answer, RaisedNotices)
    assert not answer.is_repeat
    assert [notice.stored.bill.bill_key for notice in answer.notices] == ["NU-2", "NU-1"]
    assert [tuple(row) for row in await office.shelf.books.rows(FILES)] == [(1, OFFICE)]


async def test_what_says_something_else_under_a_known_number_raises_nothing(office: Office) -> None:
    await office.let_in()
    await office.raised.raise_once(OFFICE, BILLER, [a_bill("NU-1")], TODAY)
    changed = replace(a_bill("NU-1"), customer_name="Somebody else", late_fee=Money(7))
    new = a_bill("NU-2")
    assert await office.raised.raise_once(OFFICE, BILLER, [new, changed], TODAY) == KnownBills(
        frozenset({"NU-1"})
    )
    assert await office.raised.raise_once(OFFICE, BILLER, [new, a_bill("NU-1")], TODAY) == KnownBills(
        frozenset({"NU-1"})
    )
    assert await office.raised.notice_of(BILLER, "NU-2") is None


async def test_the_database_takes_bills_from_issuers_of_their_biller_alone(office: Office) -> None:
    issuer_id = await office.let_in()
    await office.raised.raise_once(OFFICE, BILLER, [a_bill("NU-1")], TODAY)
    for issuer in (issuer_id, uuid4()):
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="fk_bill_files_issuer_id_biller_id"):
            await office.shelf.books.tell(FILE_OF_ANOTHER, uuid4(), issuer)


UNAPPROVED = """
ALTER TABLE access_changes DISABLE TRIGGER ALL;
UPDATE access_changes SET approved_by = NULL, approved_at = NULL WHERE kind = 'bill_issuer'
"""
TAMPERINGS = {
    "an issuer whom nobody approved": (UNAPPROVED, "no two persons have let this issuer raise bills"),
    "another biller for an issuer": (
        "ALTER TABLE bill_issuers DISABLE TRIGGER ALL; UPDATE bill_issuers SET biller_id = 'titas'",
        "the issuer is not the one that was approved",
    ),
    "bills of another biller": (
        "ALTER TABLE bill_files DISABLE TRIGGER ALL; UPDATE bill_files SET biller_id = 'titas'",
        "somebody who was no issuer of it then",
    ),
    "bills from after an issuer's end": (
        "UPDATE bill_issuers SET removed_by = 'alice', removed_at = added_at",
        "somebody who was no issuer of it then",
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_the_audit_finds_what_no_issuer_may_have_done(shelf: Shelf, name: str) -> None:
    statements, why = TAMPERINGS[name]
    async with open_office(shelf) as office:
        await office.let_in()
        await office.raised.raise_once(OFFICE, BILLER, [a_bill("NU-1")], TODAY)
    assert await shelf.books.audit() is None
    for statement in statements.split(";"):
        await shelf.books.tell(statement)
    finding = await shelf.books.audit()
    assert finding is not None
    assert why in finding.why
