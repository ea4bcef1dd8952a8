"""The tables of scrolls: the files made for billers, and their rows; both append-only by grant.

Further checks beside the constraints are in `triggers`.
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
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.scrolls.layouts import LAYOUTS
from ekpay_switch.domain.scrolls.scroll import RowType
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

# `rows` and `sum` are the control totals, `sha256` the digest of the rows as the layout writes them, so that
# the same bytes can be made again. After the last file of a day none is made for that day or an earlier one.
scroll_files = Table(
    "scroll_files",
    metadata,
    Column("biller_id", Text, primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("cycle", SmallInteger, primary_key=True, autoincrement=False),
    Column("is_last", Boolean, nullable=False),
    Column("layout", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("sum", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    instant("made_at", server_default=func.now()),
    CheckConstraint("cycle > 0", name="cycle"),
    CheckConstraint(one_of("layout", LAYOUTS), name="layout"),
    CheckConstraint("rows > 0 OR (rows = 0 AND sum = 0)", name="rows"),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
    info=APPEND_ONLY,
)
Index(
    "uq_scroll_files_one_last",
    scroll_files.c.biller_id,
    scroll_files.c.business_date,
    unique=True,
    postgresql_where=text("is_last"),
)

# `seq` counts the rows of a biller's day, `scroll_date` and `scroll_no` name the payment's place in the
# scroll. Amounts are paisa; `charges` are the biller's own lines, a label and an amount each.
scroll_rows = Table(
    "scroll_rows",
    metadata,
    Column("biller_id", Text, primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("cycle", SmallInteger, nullable=False),
    Column("row_type", Text, nullable=False),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False),
    Column("refund_id", Uuid, ForeignKey("refunds.id")),
    Column("scroll_date", Date, nullable=False),
    Column("scroll_no", BigInteger, nullable=False),
    Column("office_code", Text, nullable=False),
    Column("bill_ref", Text, nullable=False),
    Column("account_ref", Text, nullable=False),
    instant("paid_at"),
    Column("ekpay_ref", Text, nullable=False),
    Column("collector_ref", Text, nullable=False),
    Column("biller_ack_ref", Text, nullable=False),
    Column("principal", BigInteger, nullable=False),
    Column("vat", BigInteger, nullable=False),
    Column("late_fee", BigInteger, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("other_lines", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("collector_code", Text, nullable=False),
    Column("charges", JSONB, nullable=False),
    # Its payer paid while the biller could not be reached.
    Column("is_stand_in", Boolean, nullable=False, server_default=text("false")),
    ForeignKeyConstraint(
        ["biller_id", "business_date", "cycle"],
        ["scroll_files.biller_id", "scroll_files.business_date", "scroll_files.cycle"],
        name="fk_scroll_rows_file",
    ),
    UniqueConstraint("refund_id"),
    CheckConstraint("seq > 0 AND scroll_no > 0", name="seq"),
    CheckConstraint(one_of("row_type", RowType), name="row_type"),
    CheckConstraint("row_type = 'REV' OR refund_id IS NULL", name="refund"),
    CheckConstraint("row_type = 'PAY' OR NOT is_stand_in", name="stand_in"),
    CheckConstraint("total = principal + vat + late_fee + stamp + other_lines", name="total"),
    CheckConstraint(
        "sign(total) = CASE row_type WHEN 'PAY' THEN 1 WHEN 'REV' THEN -1 ELSE 0 END", name="sign"
    ),
    info=APPEND_ONLY,
)
# A payment has one PAY row and one VOID row at most, and one REV row for each refund.
Index(
    "uq_scroll_rows_once",
    scroll_rows.c.payment_id,
    scroll_rows.c.row_type,
    unique=True,
    postgresql_where=text("refund_id IS NULL"),
)
# The scroll date and number that a biller was sent with a payment belong to no other payment.
Index(
    "uq_scroll_rows_place",
    scroll_rows.c.biller_id,
    scroll_rows.c.scroll_date,
    scroll_rows.c.scroll_no,
    scroll_rows.c.row_type,
    unique=True,
    postgresql_where=text("row_type <> 'REV'"),
)
Index("ix_scroll_rows_payment_id", scroll_rows.c.payment_id)
