"""The setups over the stores in a copy of the migrated database."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.merchants.merchant import Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import EventType
from ekpay_switch.persistence.collections.callbacks import PostgresCallbacks
from ekpay_switch.persistence.collections.store import PostgresCollections
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.merchants.payments import PostgresMerchantPayments
from ekpay_switch.persistence.notifications.delivery_log import TryFilter, list_tries, replay_notification
from ekpay_switch.persistence.notifications.endpoints import Endpoints, rotate_key_within
from ekpay_switch.persistence.notifications.store import PostgresNotifications
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.persistence.refunds.staff_actions import RefundStaffActions
from ekpay_switch.persistence.refunds.store import PostgresRefunds
from ekpay_switch.persistence.short_transactions import ShortTransactions, TransactionLimits
from ekpay_switch.ports.merchants import MerchantOpened, NewMerchantPayment
from ekpay_switch.security.identifiers import unguessable, uuid7
from tests.contracts.setups import LoggedTry, StoredNotification
from tests.persistence.books import CUSTOMERS, SEALER, Books
from tests.persistence.conftest import open_books
from tests.persistence.merchants.merchant_setup import NEW_ENDPOINT, NEW_MERCHANT, a_text
from tests.persistence.merchants.merchant_setup import NEW_PARTNER as NEW_MERCHANT_PARTNER
from tests.persistence.notifications.ipn_setup import NOTICE
from tests.persistence.own_transaction import in_transaction
from tests.persistence.staff_rows import persons

# What a migrated database holds from the start stays. Without triggers: deleting is no part of a test.
EMPTY = """
DO $$
DECLARE name text;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
    AND tablename NOT IN ('alembic_version', 'lanes', 'accounts', 'settlement_windows')
  LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
  DELETE FROM accounts WHERE balance IS NOT NULL;
END $$
"""
# The database's clock cannot be moved, so everything that was stored moves into the past.
PASS_BY = """
DO $$
DECLARE past record;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR past IN
    SELECT c.table_name, string_agg(
      format('%1$I = %1$I - interval ''{seconds} seconds''', c.column_name), ', ') AS changes
    FROM information_schema.columns AS c JOIN pg_tables AS t
      ON t.schemaname = c.table_schema AND t.tablename = c.table_name
    WHERE c.table_schema = 'public' AND c.data_type = 'timestamp with time zone' GROUP BY c.table_name
  LOOP EXECUTE format('UPDATE %I SET %s', past.table_name, past.changes); END LOOP;
END $$
"""
BALANCES = "SELECT account, sum(amount)::bigint AS sum FROM postings GROUP BY 1 HAVING sum(amount) <> 0"
NOTICES = "SELECT notice FROM notifications WHERE payment_id = $1 ORDER BY version, id"
PAYMENT_FACTS = """
SELECT reference, quote_id, biller_id, amount + rounding + charge + fee + vat AS total FROM payments
WHERE id = $1
"""


@dataclass
class DatabaseCopy:
    """A migrated database, a group commit and pools upon it, shared by the tests of a suite."""

    books: Books
    engine: AsyncEngine
    transactions: ShortTransactions

    async def empty(self) -> None:
        """Delete what earlier tests have stored."""
        await self.books.tell(EMPTY)

    async def pass_by(self, seconds: float) -> None:
        await self.books.tell(PASS_BY.format(seconds=float(seconds)))


@asynccontextmanager
async def open_copy(place: Endpoint) -> AsyncIterator[DatabaseCopy]:
    async with open_books(place) as books:
        engine = books.database.engine()
        transactions = ShortTransactions(books.database.connect_hot, TransactionLimits(4))
        yield DatabaseCopy(books, engine, transactions)
        await transactions.close()
        await engine.dispose()


@dataclass
class PostgresBooks:
    """Payments, collections and refunds in PostgreSQL."""

    copy: DatabaseCopy

    @property
    def payments(self) -> PostgresPayments:
        return PostgresPayments(self.copy.engine, self.copy.books.group_commit, 16, SEALER)

    @property
    def enquiries(self) -> PostgresPayments:
        return self.payments

    @property
    def collections(self) -> PostgresCollections:
        return PostgresCollections(self.copy.engine, self.copy.transactions)

    @property
    def callbacks(self) -> PostgresCallbacks:
        return PostgresCallbacks(self.copy.transactions)

    @property
    def refunds(self) -> PostgresRefunds:
        return PostgresRefunds(self.copy.transactions)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def pass_by(self, seconds: float) -> None:
        await self.copy.pass_by(seconds)

    async def add_partner(self, partner_id: str) -> None:
        await self.copy.books.partner(partner_id)

    async def top_up(self, partner_id: str, amount: int) -> None:
        await self.copy.books.top_up(partner_id, amount)

    async def balances(self) -> Mapping[str, int]:
        return {row["account"]: row["sum"] for row in await self.copy.books.rows(BALANCES)}

    async def notices(self, payment_id: UUID) -> Sequence[str]:
        return [row["notice"] for row in await self.copy.books.rows(NOTICES, payment_id)]

    async def approve_refund(self, refund_id: UUID) -> None:
        await self._hire()
        await RefundStaffActions(self.copy.transactions).approve(refund_id, "second person")

    async def reject_refund(self, refund_id: UUID) -> None:
        await RefundStaffActions(self.copy.transactions).reject(refund_id, "second person")

    async def confirm_paid_by_hand(self, refund_id: UUID, bank_reference: str) -> None:
        await self._hire()
        staff = RefundStaffActions(self.copy.transactions)
        await staff.record_paid_by_hand(refund_id, bank_reference, "first person")
        await staff.confirm_paid_by_hand(refund_id, "second person")

    async def _hire(self) -> None:
        await self.copy.books.tell(persons("first person", "second person"))


@dataclass
class PostgresEndpoints:
    """Endpoints and notifications in PostgreSQL."""

    copy: DatabaseCopy

    @property
    def notifications(self) -> PostgresNotifications:
        return PostgresNotifications(self.copy.engine)

    @property
    def books(self) -> Books:
        return self.copy.books

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def pass_by(self, seconds: float) -> None:
        await self.copy.pass_by(seconds)

    async def add_partner(self, partner_id: str) -> None:
        await self.books.partner(partner_id, prefund=10_000_000)

    async def add_endpoint(self, partner_id: str, url: str, events: Collection[EventType] = ()) -> UUID:
        return (await Endpoints(self.copy.engine).add(partner_id, url, list(events))).id

    async def disable_endpoint(self, endpoint_id: UUID) -> None:
        await Endpoints(self.copy.engine).disable(endpoint_id, "an operator disabled it")

    async def rotate_key(self, endpoint_id: UUID, overlap_seconds: float) -> None:
        overlap = timedelta(seconds=overlap_seconds)
        await in_transaction(self.copy.engine, rotate_key_within, endpoint_id, overlap)

    async def add_notification(self, partner_id: str, notice: str = "completed") -> StoredNotification:
        payment_id = (await self.books.start(partner_id)).claim.payment_id
        notification_id = await self._notify(payment_id, partner_id, notice, 2)
        (facts,) = await self.books.rows(PAYMENT_FACTS, payment_id)
        return StoredNotification(
            notification_id,
            payment_id,
            facts["reference"],
            facts["quote_id"],
            facts["biller_id"],
            Money(facts["total"]),
            notice,
            2,
        )

    async def add_merchant(self, partner_id: str) -> UUID:
        endpoint_id = uuid7()
        await self.books.tell(NEW_MERCHANT_PARTNER, partner_id, f"{partner_id} Ltd.", 0)
        await self.books.tell(NEW_MERCHANT, partner_id, f"{partner_id}_test", "দোকান")
        await self.books.tell(NEW_ENDPOINT, endpoint_id, partner_id)
        return endpoint_id

    async def add_order(self, partner_id: str, ipn_uri: str, ipn_channel: str = "3") -> UUID:
        payment_id, amount = uuid7(), Money(105_000)
        text = replace(a_text(payment_id.hex), ipn_uri=ipn_uri, ipn_channel=ipn_channel)
        new = NewMerchantPayment(
            payment_id=payment_id,
            partner_id=partner_id,
            lane=0,
            text=text,
            amount=amount,
            fingerprint=b"the order",
            checkout_reference=unguessable(),
            ekpay_trnx_id=f"260310120000{payment_id.hex[-5:]}",
            token_expires_at=self.now().replace(microsecond=0) + timedelta(hours=8),
            return_url="https://pay.example/return",
            shares=(Share("", None, amount),),
        )
        answer = await PostgresMerchantPayments(self.copy.engine, self.copy.transactions, CUSTOMERS).open(new)
        assert isinstance(answer, MerchantOpened), answer
        return payment_id

    async def end_order(self, payment_id: UUID, notice: str, version: int) -> UUID:
        partner_id = await self.books.value("SELECT partner_id FROM payments WHERE id = $1", payment_id)
        return await self._notify(payment_id, partner_id, notice, version)

    async def notification_state(self, notification_id: UUID) -> str:
        return str(await self.books.value("SELECT state FROM notifications WHERE id = $1", notification_id))

    async def logged_tries(self, notification_id: UUID) -> Sequence[LoggedTry]:
        lines = await list_tries(self.copy.engine, TryFilter())
        return [
            LoggedTry(line["number"], line["status"], line["is_replay"])
            for line in reversed(lines)
            if line["notification_id"] == notification_id
        ]

    async def replay(self, notification_id: UUID) -> None:
        await replay_notification(self.copy.engine, notification_id)

    async def _notify(self, payment_id: UUID, partner_id: str, notice: str, version: int) -> UUID:
        notification_id = uuid7()
        await self.books.tell(NOTICE, notification_id, payment_id, partner_id, notice, version)
        return notification_id
