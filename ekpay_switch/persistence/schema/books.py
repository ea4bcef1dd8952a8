"""The main tables of the switch, with the invariants that PostgreSQL enforces beside Python (law 11).

Amounts are whole paisa in BIGINT, instants are TIMESTAMPTZ, names are plural. Append-only tables are so by
grant (see the migrations), and hot rows (accounts, lanes) are never the target of a foreign key from the
ledger: an integrity check would lock them (docs/adr/0017).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.parties.access import CameBy
from ekpay_switch.domain.payment import RELEASED, TRANSITIONS, State
from ekpay_switch.domain.vending import TokenKind

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: str, values: object) -> str:
    """A condition: the column holds one of an enum's values."""
    listed = ", ".join(f"'{value}'" for value in sorted(str(value) for value in values))  # type: ignore[attr-defined]
    return f"{column} IN ({listed})"


def _legal_steps() -> str:
    steps = sorted((*pair, following) for pair, following in TRANSITIONS.items())
    listed = ", ".join(f"('{before}', '{event}', '{following}')" for before, event, following in steps)
    return f"(from_state, event, to_state) IN ({listed})"


_RELEASED = ", ".join(f"'{state}'" for state in sorted(RELEASED))
# A payment that was refused or given back never blocks its bill again: a late success is reviewed beside the
# payment made meanwhile, and must be written whatever other payments exist.
_HOLDS_BILL = text(f"state NOT IN ({_RELEASED}) AND refusal IS NULL")


# Marks a table whose rows the application may read and add, and neither change nor remove (law 9).
APPEND_ONLY = {"append_only": True}


def instant(name: str, *, nullable: bool = False, **more: object) -> Column[object]:
    """A column of instants, in UTC, not null by default."""
    return Column(name, DateTime(timezone=True), nullable=nullable, **more)  # type: ignore[arg-type]


# A partner that does not speak the syndicate API has none of its five columns.
partners = Table(
    "partners",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("nd_id", Text, unique=True),
    Column("syndct_id", Text, unique=True),
    Column("user_id", Text, unique=True),
    Column("pass_key_hash", LargeBinary),
    Column("secret_sealed", LargeBinary),
    Column("previous_secret_sealed", LargeBinary),
    instant("previous_secret_until", nullable=True),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("lane", SmallInteger, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    instant("created_at", server_default=func.now()),
    Column("tokens_per_second", Integer, nullable=False, server_default=text("1000")),
    # How many bills it may fetch: at the same time in one process, and a second in all of them.
    Column("fetches_in_flight", Integer, nullable=False, server_default=text("128")),
    Column("fetches_per_second", Integer, nullable=False, server_default=text("200")),
    # How old a message of the syndicate API may be, and how far ahead of our clock; null: any.
    Column("message_age_seconds", Integer, server_default=text("86400")),
    Column("message_ahead_seconds", Integer, server_default=text("900")),
    CheckConstraint("message_age_seconds BETWEEN 60 AND 31622400", name="message_age_seconds"),
    CheckConstraint("message_ahead_seconds BETWEEN 60 AND 31622400", name="message_ahead_seconds"),
    CheckConstraint("fetches_in_flight BETWEEN 1 AND 10000", name="fetches_in_flight"),
    CheckConstraint("fetches_per_second BETWEEN 1 AND 100000", name="fetches_per_second"),
    CheckConstraint("nd_id ~ '^NS[0-9]+$'", name="nd_id"),
    CheckConstraint("tokens_per_second BETWEEN 1 AND 100000", name="tokens_per_second"),
    CheckConstraint("syndct_id ~ '^s[0-9]+$'", name="syndct_id"),
    CheckConstraint(
        "num_nulls(nd_id, syndct_id, user_id, pass_key_hash, secret_sealed) IN (0, 5)", name="syndicate"
    ),
)

staff = Table(
    "staff",
    metadata,
    Column("name", Text, primary_key=True),
    Column("passphrase_hash", Text, nullable=False),  # empty: none was chosen yet, and none is right
    Column("roles", JSONB, nullable=False),
    instant("created_at", server_default=func.now()),
    instant("disabled_at", nullable=True),  # since when they may do nothing
    Column("disabled_by", Text),
    Column("came_by", Text, nullable=False, server_default=CameBy.INSTALLATION.value),
    Column("came_reason", Text),  # why the owner of the database had to add them
    # Rows of `access_changes`, which refer to this table: the triggers there keep them.
    Column("added_by_change", Uuid),
    Column("roles_by_change", Uuid),
    Column("passphrase_by_change", Uuid),
    CheckConstraint("(disabled_at IS NULL) = (disabled_by IS NULL)", name="disabled"),
    CheckConstraint(one_of("came_by", CameBy), name="came_by"),
    CheckConstraint("(came_by = 'two_persons') = (added_by_change IS NOT NULL)", name="added_by_change"),
    CheckConstraint("(came_by = 'recovery') = (came_reason IS NOT NULL)", name="came_reason"),
)

# The head of each hash chain; locking this row orders the entries of its lane.
lanes = Table(
    "lanes",
    metadata,
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

# Only prefunds have `balance` and `floor`, in the account's own direction; other balances are sums. `floor`
# and `daily_limit` are the newest that two persons approved (`limits`); the daily limit is the partner's, the
# same in both its rows. `taken` is what payments took on the business date `taken_on`. A floor may be raised
# above the balance, and what is given back must be booked even so: a floor is kept under the lock of the row,
# and a condition keeps zero (docs/adr/0076).
accounts = Table(
    "accounts",
    metadata,
    Column("code", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("currency", Text, nullable=False, server_default=text("'BDT'")),
    Column("balance", BigInteger),
    Column("floor", BigInteger),
    instant("created_at", server_default=func.now()),
    Column("daily_limit", BigInteger),
    Column("taken", BigInteger, nullable=False, server_default=text("0")),
    Column("taken_on", Date),
    CheckConstraint("kind IN ('asset', 'expense', 'liability', 'income')", name="kind"),
    CheckConstraint("(balance IS NULL) = (floor IS NULL)", name="balance_with_floor"),
    CheckConstraint("balance >= 0", name="balance"),
    CheckConstraint("least(floor, daily_limit, taken) >= 0", name="limits"),
)

settlement_windows = Table(
    "settlement_windows",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("business_date", Date, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    instant("opened_at", server_default=func.now()),
    instant("closed_at", nullable=True),
    CheckConstraint("state IN ('open', 'closed', 'settled')", name="state"),
    CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_at"),
)
Index(
    "uq_settlement_windows_one_open",
    settlement_windows.c.business_date,
    unique=True,
    postgresql_where=text("state = 'open'"),
)

quotes = Table(
    "quotes",
    metadata,
    Column("quote_id", Text, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("request_reference", Text, nullable=False),
    Column("biller_id", Text, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("bill_key", Text, nullable=False),
    Column("bill_lock", BigInteger, nullable=False),  # the key of this bill's advisory lock
    Column("is_paid", Boolean, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("charge", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("vat", BigInteger, nullable=False),
    Column("rounding", BigInteger, nullable=False, server_default=text("0")),
    Column("fee_version", Text, nullable=False),
    Column("bill", JSONB, nullable=False),
    Column("biller_quote", JSONB, nullable=False),
    instant("expires_at"),
    instant("created_at", server_default=func.now()),
    CheckConstraint("bucket IN ('postpaid', 'prepaid')", name="bucket"),
    CheckConstraint("least(amount, charge, fee, vat, rounding) >= 0", name="sums"),
)
Index("ix_quotes_partner_id_request_reference", quotes.c.partner_id, quotes.c.request_reference)
Index("ix_quotes_created_at", quotes.c.created_at)

payments = Table(
    "payments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("reference", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("quote_id", Text),  # no foreign key: unpaid quotes are dropped, burnt references stay
    Column("biller_id", Text, nullable=False),
    Column("bill_key", Text, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("charge", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("vat", BigInteger, nullable=False),
    Column("rounding", BigInteger, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),
    Column("refusal", Text),
    Column("biller_quote", JSONB, nullable=False),
    Column("facts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("quote_expires_at", DateTime(timezone=True)),
    Column("collected_by", Text),  # the connector that collected the money; null: paid from a prefund
    Column("scroll_no", BigInteger),
    Column("business_date", Date, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("steps", SmallInteger, nullable=False),  # the number of history rows
    Column("asked", Integer, nullable=False, server_default=text("0")),
    Column("next_action_at", DateTime(timezone=True)),
    Column("lease_until", DateTime(timezone=True)),
    instant("created_at", server_default=func.now()),
    instant("updated_at", server_default=func.now()),
    UniqueConstraint("partner_id", "reference"),
    CheckConstraint(one_of("state", State), name="state"),
    CheckConstraint("least(amount, charge, fee, vat, rounding) >= 0", name="sums"),
    CheckConstraint("(state = 'declined') <= (refusal IS NOT NULL)", name="declined_has_refusal"),
    CheckConstraint("scroll_no > 0", name="scroll_no"),
)
Index(
    "uq_payments_one_per_bill",
    payments.c.biller_id,
    payments.c.bill_key,
    unique=True,
    postgresql_where=_HOLDS_BILL,
)
Index(
    "ix_payments_bill_in_review",
    payments.c.biller_id,
    payments.c.bill_key,
    postgresql_where=text("state = 'in_review'"),
)
Index("ix_payments_quote_id", payments.c.quote_id)
# A final receipt comes to few payments, days later, and is what payers ask by.
Index(
    "ix_payments_final_receipt",
    payments.c.facts["final_receipt"].astext,
    postgresql_where=text("facts ? 'final_receipt'"),
)
Index(
    "uq_payments_scroll",
    payments.c.biller_id,
    payments.c.business_date,
    payments.c.scroll_no,
    unique=True,
    postgresql_where=text("scroll_no IS NOT NULL"),
)
Index(
    "ix_payments_next_action_at",
    payments.c.next_action_at,
    postgresql_where=text("next_action_at IS NOT NULL"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False),
    Column("leg", Text, nullable=False),
    Column("far_side", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("step", Text, nullable=False, server_default=text("'pay'")),  # the last one that was to be sent
    Column("sends", SmallInteger, nullable=False),
    instant("send_until"),
    instant("opened_at", server_default=func.now()),
    instant("closed_at", nullable=True),
    UniqueConstraint("far_side", "reference"),
    CheckConstraint("leg IN ('funds', 'delivery')", name="leg"),
    CheckConstraint("state IN ('open', 'abandoned', 'closed')", name="state"),
    CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
)
Index(
    "uq_attempts_one_open",
    attempts.c.payment_id,
    attempts.c.leg,
    unique=True,
    postgresql_where=text("state = 'open'"),
)
# Closing a window reads the attempts of its time; they are written in the order of time.
Index("ix_attempts_opened_at", attempts.c.opened_at, postgresql_using="brin")
# The reference under which a payer returns names one try, whatever its connector.
Index(
    "uq_attempts_funds_reference",
    attempts.c.reference,
    unique=True,
    postgresql_where=text("leg = 'funds'"),
)
# Money that may stand in suspense, which is looked for every minute.
Index(
    "ix_attempts_in_suspense",
    attempts.c.payment_id,
    postgresql_where=text("outcome IN ('disagreed', 'second_success')"),
)
Index(
    "uq_attempts_one_success",
    attempts.c.payment_id,
    attempts.c.leg,
    unique=True,
    postgresql_where=text("outcome = 'approved'"),
)

history = Table(
    "history",
    metadata,
    Column("payment_id", Uuid, ForeignKey("payments.id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("from_state", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    instant("at", server_default=func.now()),
    CheckConstraint(_legal_steps(), name="legal_step"),
    info=APPEND_ONLY,
)

# Answers that set nothing: late ones under an older epoch, and answers to inquiries.
evidence = Table(
    "evidence",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False, index=True),
    Column("attempt_id", Uuid, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    instant("at", server_default=func.now()),
    info=APPEND_ONLY,
)

# An answer is stored once, however often its batch is written; inquiries may repeat.
Index(
    "uq_evidence_one_per_answer",
    evidence.c.payment_id,
    evidence.c.attempt_id,
    evidence.c.epoch,
    evidence.c.kind,
    unique=True,
    postgresql_where=text("kind <> 'inquiry'"),
)

journal_entries = Table(
    "journal_entries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("lane", SmallInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("payment_id", Uuid),
    Column("moment", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("window_id", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    instant("at", server_default=func.now()),
    UniqueConstraint("lane", "seq"),
    info=APPEND_ONLY,
)
Index("ix_journal_entries_payment_id", journal_entries.c.payment_id)
# Entries are written in the order of their dates, so a BRIN index is small and cheap.
Index("ix_journal_entries_business_date", journal_entries.c.business_date, postgresql_using="brin")

postings = Table(
    "postings",
    metadata,
    Column("entry_id", Uuid, primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("account", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    CheckConstraint("amount <> 0", name="amount"),
    info=APPEND_ONLY,
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False, index=True),
    Column("partner_id", Text, nullable=False),
    Column("notice", Text, nullable=False),
    Column(
        "version", SmallInteger, nullable=False, server_default=text("0")
    ),  # the number of history rows then
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    instant("created_at", server_default=func.now()),
    CheckConstraint("state IN ('waiting', 'sending', 'delivered', 'given_up', 'unwanted')", name="state"),
)
Index("ix_notifications_waiting", notifications.c.id, postgresql_where=text("state = 'waiting'"))

# The token lines of a prepaid biller; the digits are sealed for their payment and line.
token_lines = Table(
    "token_lines",
    metadata,
    Column("payment_id", Uuid, ForeignKey("payments.id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("digits_sealed", LargeBinary, nullable=False),
    CheckConstraint("seq > 0", name="seq"),
    CheckConstraint(one_of("kind", TokenKind), name="kind"),
    info=APPEND_ONLY,
)

scroll_counters = Table(
    "scroll_counters",
    metadata,
    Column("series", Text, primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

top_ups = Table(
    "top_ups",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("bucket", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reference", Text, nullable=False),  # the bank statement's own, so it is booked once
    Column("asked_by", Text, ForeignKey("staff.name"), nullable=False),
    Column("approved_by", Text, ForeignKey("staff.name")),
    instant("asked_at", server_default=func.now()),
    instant("approved_at", nullable=True),
    Column("rejected_by", Text, ForeignKey("staff.name")),
    instant("rejected_at", nullable=True),
    Column("rejection_reason", Text),
    instant("reversed_at", nullable=True),  # when its reversal was approved and posted
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("bucket IN ('postpaid', 'prepaid')", name="bucket"),
    CheckConstraint("approved_by <> asked_by", name="two_persons"),
    CheckConstraint("num_nonnulls(rejected_by, rejected_at, rejection_reason) IN (0, 3)", name="rejection"),
    CheckConstraint("num_nonnulls(approved_by, rejected_by) <= 1", name="one_decision"),
    CheckConstraint("reversed_at IS NULL OR approved_by IS NOT NULL", name="reversal"),
)
# A line of the bank statement is booked once; what was rejected or reversed leaves its reference free.
Index(
    "uq_top_ups_reference",
    top_ups.c.reference,
    unique=True,
    postgresql_where=text("rejected_at IS NULL AND reversed_at IS NULL"),
)
