"""Codes, messages, contacts and complaints upon the test's own books."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ekpay_switch.config_files.alarms import read_alarm_terms
from ekpay_switch.persistence.alarms.terms import store_alarm_terms
from ekpay_switch.persistence.citizens.complaints import PostgresComplaints
from ekpay_switch.persistence.citizens.contacts import PostgresCartContacts
from ekpay_switch.persistence.citizens.one_time_codes import PostgresOneTimeCodes
from ekpay_switch.persistence.citizens.text_messages import PostgresTextMessages
from ekpay_switch.persistence.short_transactions import ShortTransactions, TransactionLimits
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.one_time_codes import CodeDigests
from tests.persistence.books import SEALER, Books
from tests.persistence.carts.cart_setup import PORTAL_NAMES, Portal, open_portal

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


@pytest.fixture
async def portal(books: Books) -> AsyncIterator[Portal]:
    async with open_portal(books) as portal:
        yield portal


@pytest.fixture
async def complaints(portal: Portal, desk: Desk) -> PostgresComplaints:
    """Complaints whose alarms belong to whom our own file says."""
    await store_alarm_terms(portal.engine, read_alarm_terms(Path("config/alarms.toml")), [])
    return PostgresComplaints(desk.transactions, SEALER, PORTAL_NAMES)
