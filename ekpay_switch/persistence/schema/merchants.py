"""The tables of merchants: agreements, payees, orders with their carts, and shares.

A merchant has a row in `partners` and one here; its payment has rows in `payments` and `collections` and one
here (docs/adr/0044).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
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

from ekpay_switch.domain.merchants.merchant import ChargesOnRefund, PayeeKind
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

# A pass key is stored as a hash; the previous one is valid until `previous_pass_key_until`. `instruments` is
# null where the merchant takes all. `owed` is the locked running total of its accounts and its payees'. IPNs
# over plain http take two persons of the staff: they are sent once the second has approved them.
merchants = Table(
    "merchants",
    metadata,
    Column("partner_id", Text, ForeignKey("partners.id"), primary_key=True),
    Column("mer_reg_id", Text, nullable=False, unique=True),
    Column("name_bn", Text, nullable=False),
    Column("pass_key_hash", LargeBinary, nullable=False),
    Column("previous_pass_key_hash", LargeBinary),
    instant("previous_pass_key_until", nullable=True),
    Column("fee_plan", Text, nullable=False),
    Column("charges_on_refund", Text, nullable=False),
    Column("instruments", JSONB(none_as_null=True)),
    Column("return_hosts", JSONB, nullable=False),
    Column("networks", JSONB, nullable=False),
    Column("refund_limit", BigInteger, nullable=False),
    Column("debt_limit", BigInteger, nullable=False),
    Column("owed", BigInteger, nullable=False, server_default=text("0")),
    instant("created_at", server_default=func.now()),
    Column("refusals_max", SmallInteger, nullable=False, server_default=text("5")),
    Column("order_minutes", SmallInteger, nullable=False, server_default=text("500")),
    Column("insecure_ipns_asked_by", Text, ForeignKey("staff.name")),
    Column("insecure_ipns_approved_by", Text, ForeignKey("staff.name")),
    Column("insecure_ipns", Boolean, Computed("insecure_ipns_approved_by IS NOT NULL"), nullable=False),
    CheckConstraint("refusals_max BETWEEN 1 AND 20", name="refusals_max"),
    CheckConstraint("order_minutes BETWEEN 5 AND 500", name="order_minutes"),
    CheckConstraint(
        "insecure_ipns_approved_by IS NULL"
        " OR (insecure_ipns_asked_by IS NOT NULL AND insecure_ipns_approved_by <> insecure_ipns_asked_by)",
        name="insecure_ipns",
    ),
    CheckConstraint(one_of("charges_on_refund", ChargesOnRefund), name="charges_on_refund"),
    CheckConstraint("least(refund_limit, debt_limit) >= 0", name="limits"),
    CheckConstraint("owed >= -debt_limit", name="owed"),
    CheckConstraint(
        "(previous_pass_key_hash IS NULL) = (previous_pass_key_until IS NULL)", name="previous_pass_key"
    ),
)

# A code becomes part of the name of a ledger account, so it has no colon and never changes.
merchant_payees = Table(
    "merchant_payees",
    metadata,
    Column("partner_id", Text, ForeignKey("merchants.partner_id"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    instant("created_at", server_default=func.now()),
    CheckConstraint("code ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$'", name="code"),
    CheckConstraint(one_of("kind", PayeeKind), name="kind"),
)

# Who changed what of a merchant and its payees; never contains a key.
merchant_changes = Table(
    "merchant_changes",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("partner_id", Text, ForeignKey("merchants.partner_id"), nullable=False, index=True),
    instant("at", server_default=func.now()),
    Column("by", Text, nullable=False),
    Column("what", JSONB, nullable=False),
    info=APPEND_ONLY,
)

# `text` is the order as the merchant sent it; the other columns are for look-ups.
merchant_orders = Table(
    "merchant_orders",
    metadata,
    Column("payment_id", Uuid, ForeignKey("payments.id"), primary_key=True),
    Column("partner_id", Text, ForeignKey("merchants.partner_id"), nullable=False),
    Column("trnx_id", Text, nullable=False),
    Column("text", JSONB, nullable=False),
    Column("ekpay_trnx_id", Text, nullable=False, unique=True),
    Column("checkout_reference", Text, nullable=False, unique=True),
    instant("token_expires_at"),
    Column("ipn_channel", Text, nullable=False),
    Column("ipn_uri", Text, nullable=False),
    instant("created_at", server_default=func.now()),
    UniqueConstraint("partner_id", "trnx_id"),
    info=APPEND_ONLY,
)
Index(
    "ix_merchant_orders_trnx_id_created_at",
    merchant_orders.c.trnx_id,
    merchant_orders.c.created_at,
)

# What the payer of an order reads of it, where the merchant sent it; amounts in whole paisa. The delivery
# address is no part of it: it is sealed with the customer in `merchant_orders.text`.
merchant_carts = Table(
    "merchant_carts",
    metadata,
    Column("payment_id", Uuid, ForeignKey("merchant_orders.payment_id"), primary_key=True),
    Column("cart", JSONB, nullable=False),
    info=APPEND_ONLY,
)

# The shares of a payment in the merchant's order, and how much of each was refunded.
merchant_shares = Table(
    "merchant_shares",
    metadata,
    Column("payment_id", Uuid, ForeignKey("merchant_orders.payment_id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("payee", Text, nullable=False),
    Column("kind", Text),
    Column("account", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("refunded", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("payment_id", "payee"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint(f"(payee = '') = (kind IS NULL) AND {one_of('kind', PayeeKind)}", name="kind"),
    CheckConstraint("refunded >= 0 AND refunded <= amount", name="refunded"),
)

# What was refunded of the charges; written with the funding if the agreement returns charges then.
merchant_sums = Table(
    "merchant_sums",
    metadata,
    Column("payment_id", Uuid, ForeignKey("merchant_orders.payment_id"), primary_key=True),
    Column("charge_refunded", BigInteger, nullable=False, server_default=text("0")),
    Column("fee_refunded", BigInteger, nullable=False, server_default=text("0")),
    Column("vat_refunded", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("least(charge_refunded, fee_refunded, vat_refunded) >= 0", name="refunded"),
)


# The shares of a payment are written together and make up its amount.
_SUMS = """
CREATE FUNCTION check_merchant_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM payments AS p
    WHERE p.id IN (SELECT payment_id FROM added)
    AND p.amount <> (SELECT sum(s.amount) FROM merchant_shares AS s WHERE s.payment_id = p.id)) THEN
    RAISE EXCEPTION 'shares that are not the amount' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_SUMS_TRIGGER = """
CREATE TRIGGER merchant_shares_sum AFTER INSERT ON merchant_shares
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_merchant_shares()
"""
# What a payer reads adds up to what a payer pays, before charges.
_CART = """
CREATE FUNCTION check_merchant_carts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM added AS a JOIN payments AS p ON p.id = a.payment_id
    WHERE p.amount IS DISTINCT FROM (
      SELECT sum((l ->> 'amount')::bigint) FROM jsonb_array_elements(a.cart -> 'lines') AS l)
      + coalesce((a.cart -> 'delivery' ->> 'charge')::bigint, 0) - (a.cart ->> 'discount')::bigint) THEN
    RAISE EXCEPTION 'a cart that is not the amount' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_CART_TRIGGER = """
CREATE TRIGGER merchant_carts_sum AFTER INSERT ON merchant_carts
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_merchant_carts()
"""
MERCHANT_TRIGGERS = {
    "merchant_shares_sum": (_SUMS, _SUMS_TRIGGER),
    "merchant_carts_sum": (_CART, _CART_TRIGGER),
}
