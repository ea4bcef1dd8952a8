"""Codes, messages and contacts upon the test's own books."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from ekpay_switch.persistence.citizens.contacts import PostgresCartContacts
from ekpay_switch.persistence.citizens.one_time_codes import PostgresOneTimeCodes
from ekpay_switch.persistence.citizens.text_messages import PostgresTextMessages
from ekpay_switch.persistence.short_transactions import ShortTransactions, TransactionLimits
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.one_time_codes import CodeDigests
from tests.persistence.books import SEALER, Books

DIGESTS = CodeDigests(KeyRing(bytes(range(32))))


@dataclass
class Desk:
    """What is stored of citizens in one test."""

    books: Books
    transactions: ShortTransactions
    codes: PostgresOneTimeCodes
    messages: PostgresTextMessages
    contacts: PostgresCartContacts


@pytest.fixture
async def desk(books: Books) -> AsyncIterator[Desk]:
    transactions = ShortTransactions(books.database.connect_hot, TransactionLimits(connections=8))
    yield Desk(
        books,
        transactions,
        PostgresOneTimeCodes(transactions, DIGESTS, SEALER),
        PostgresTextMessages(transactions, SEALER),
        PostgresCartContacts(transactions, SEALER),
    )
    await transactions.close()
