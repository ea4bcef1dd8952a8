"""The frozen lines of our books, which statements are matched with: one for each movement of a closed window.

A line is written once. A movement that was `unknown` when its window closed gets another line in a later
window, with the next revision; the newest revision counts. Amounts are signed paisa: refunds and reversals
are negative.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of
from ekpay_switch.ports.finance import LineEvent, LineRole, LineStatus

# The entries of a payment whose movement of a prefund is a line; a partner's statement reads it there.
PREFUND_MOMENTS = (
    "accepted", "debited_after_late_success", "given_back", "returned_at_our_loss", "returned_to_prefund",
)  # fmt: skip
# `movement` is the attempt of a connector's or a biller's payment, or the further movement beside it, the
# refund of a refund, and the payment itself of a partner's or a merchant's; `party` is the institution,
# partner or merchant; `account` is the prefund of a partner's line and the account of whoever was credited
# of a merchant's.
ledger_lines = Table(
    "ledger_lines",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("window_id", BigInteger, ForeignKey("settlement_windows.id"), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("account", Text, nullable=False, server_default=text("''")),
    Column("payment_id", Uuid, nullable=False),
    Column("movement", Uuid, nullable=False),
    Column("event", Text, nullable=False),
    Column("revision", SmallInteger, nullable=False, server_default=text("1")),
    Column("status", Text, nullable=False),
    Column("our_reference", Text, nullable=False),
    Column("their_reference", Text, nullable=False, server_default=text("''")),
    Column("gross", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False, server_default=text("0")),
    Column("vat", BigInteger, nullable=False, server_default=text("0")),
    Column("net", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    instant("instant"),
    UniqueConstraint("role", "movement", "account", "event", "revision"),
    UniqueConstraint("window_id", "ordinal"),
    CheckConstraint(one_of("role", LineRole), name="role"),
    CheckConstraint(one_of("event", LineEvent), name="event"),
    CheckConstraint(one_of("status", LineStatus), name="status"),
    CheckConstraint("gross - fee - vat = net", name="net"),
    CheckConstraint("our_reference <> ''", name="our_reference"),
    CheckConstraint("ordinal > 0 AND revision > 0", name="numbers"),
    info=APPEND_ONLY,
)
Index("ix_ledger_lines_business_date", ledger_lines.c.business_date, postgresql_using="brin")
Index(
    "ix_ledger_lines_unknown",
    ledger_lines.c.role,
    ledger_lines.c.movement,
    postgresql_where=text("status = 'unknown'"),
)
Index("ix_ledger_lines_party", ledger_lines.c.role, ledger_lines.c.party, ledger_lines.c.business_date)
Index("ix_ledger_lines_our_reference", ledger_lines.c.our_reference)
Index(
    "ix_ledger_lines_their_reference",
    ledger_lines.c.their_reference,
    postgresql_where=text("their_reference <> ''"),
)
# Lines that are in no mirror of reconciliation; used by queries with the same condition.
Index(
    "ix_ledger_lines_odd",
    ledger_lines.c.role,
    ledger_lines.c.party,
    ledger_lines.c.instant,
    postgresql_where=text("status <> 'success' OR event <> 'payment' OR currency <> 'BDT'"),
)
