"""The tables of treasury challans that merchants raise: users, requests, lines and their ends.

Requests, lines and ends are written once; only `challan_work` changes, which says when a request is looked at
again (docs/adr/0051).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.challans import LineEnd
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

# A merchant that may raise challans: its user name and key, and its number at the treasury. A token is valid
# for one generation.
challan_users = Table(
    "challan_users",
    metadata,
    Column("partner_id", Text, ForeignKey("merchants.partner_id"), primary_key=True),
    Column("username", Text, nullable=False, unique=True),
    Column("key_hash", LargeBinary, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("bin", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    instant("created_at", server_default=func.now()),
    CheckConstraint("bin ~ '^[0-9]{9}-?[0-9]{4}$'", name="bin"),
)

# `paid_by` is the payment whose money is spent; `text` is the rest of the request. The id is also that of the
# entry that set the money aside.
challan_requests = Table(
    "challan_requests",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner_id", Text, ForeignKey("challan_users.partner_id"), nullable=False),
    Column("request_id", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("paid_by", Uuid, ForeignKey("payments.id"), nullable=False, index=True),
    Column("tran_date", Date, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("text", JSONB, nullable=False),
    instant("created_at", server_default=func.now()),
    UniqueConstraint("partner_id", "request_id"),
    CheckConstraint("total > 0", name="total"),
    info=APPEND_ONLY,
)

# `reference` is that of the line's payment to the treasury, in `payments` with the same partner.
challan_lines = Table(
    "challan_lines",
    metadata,
    Column("challan_id", Uuid, ForeignKey("challan_requests.id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("slno", Text, nullable=False),
    Column("credit_account", Text, nullable=False),
    Column("economic_code", Text, nullable=False),
    Column("organization_code", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reference", Text, nullable=False, unique=True),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("seq > 0", name="seq"),
    info=APPEND_ONLY,
)

# A line ends once; one that moved back has its entry.
challan_line_ends = Table(
    "challan_line_ends",
    metadata,
    Column("challan_id", Uuid, primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("ending", Text, nullable=False),
    Column("entry_id", Uuid, unique=True),
    instant("at", server_default=func.now()),
    ForeignKeyConstraint(["challan_id", "seq"], ["challan_lines.challan_id", "challan_lines.seq"]),
    CheckConstraint(one_of("ending", LineEnd), name="ending"),
    CheckConstraint(f"(ending = '{LineEnd.MOVED_BACK}') = (entry_id IS NOT NULL)", name="entry_id"),
    info=APPEND_ONLY,
)

# When the worker looks at a request again; null once every line has ended.
challan_work = Table(
    "challan_work",
    metadata,
    Column("challan_id", Uuid, ForeignKey("challan_requests.id"), primary_key=True),
    instant("next_action_at", nullable=True),
)
Index(
    "ix_challan_work_next_action_at",
    challan_work.c.next_action_at,
    postgresql_where=text("next_action_at IS NOT NULL"),
)

# Refuses to set aside more against a payment than it credited to the merchant itself, less what went back.
_LIMIT = f"""
CREATE FUNCTION check_challan_request() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  credited BIGINT;
  raised BIGINT;
BEGIN
  SELECT s.amount - s.refunded INTO credited FROM merchant_shares AS s
  JOIN payments AS p ON p.id = s.payment_id
  WHERE p.id = NEW.paid_by AND p.partner_id = NEW.partner_id AND p.state = 'completed' AND s.payee = '';
  SELECT coalesce(sum(l.amount), 0) INTO raised FROM challan_requests AS r
  JOIN challan_lines AS l ON l.challan_id = r.id
  LEFT JOIN challan_line_ends AS e ON e.challan_id = l.challan_id AND e.seq = l.seq
  WHERE r.paid_by = NEW.paid_by AND e.ending IS DISTINCT FROM '{LineEnd.MOVED_BACK}';
  IF credited IS NULL OR raised + NEW.total > credited THEN
    RAISE EXCEPTION 'challans of more than the payment credited' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""  # noqa: S608 - constants
_LIMIT_TRIGGER = """
CREATE TRIGGER challan_requests_limit BEFORE INSERT ON challan_requests
  FOR EACH ROW EXECUTE FUNCTION check_challan_request()
"""
# The lines of a request are written together and make up its total.
_SUMS = """
CREATE FUNCTION check_challan_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM challan_requests AS r
    WHERE r.id IN (SELECT challan_id FROM added)
    AND r.total <> (SELECT sum(l.amount) FROM challan_lines AS l WHERE l.challan_id = r.id)) THEN
    RAISE EXCEPTION 'challan lines that are not the total' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_SUMS_TRIGGER = """
CREATE TRIGGER challan_lines_sums AFTER INSERT ON challan_lines
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_challan_lines()
"""
CHALLAN_TRIGGERS = {
    "challan_requests_limit": (_LIMIT, _LIMIT_TRIGGER),
    "challan_lines_sums": (_SUMS, _SUMS_TRIGGER),
}
