"""Carts of merchants' orders: what payers read of what they pay for.

Safe while the switch runs: a new table that old code neither reads nor writes. A process of before passes
over the cart of an order, yet has it in the fingerprint: the order is the same, shown without its cart.
"""

from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE merchant_carts (
  payment_id UUID NOT NULL,
  cart JSONB NOT NULL,
  CONSTRAINT pk_merchant_carts PRIMARY KEY (payment_id),
  CONSTRAINT fk_merchant_carts_payment_id FOREIGN KEY (payment_id) REFERENCES merchant_orders (payment_id)
)
"""
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


def upgrade() -> None:
    """Add the table."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in (_TABLE, _CART, _CART_TRIGGER):
        op.execute(statement)
    op.execute("GRANT SELECT ON merchant_carts TO ekpay_app, ekpay_audit")
    op.execute("GRANT INSERT ON merchant_carts TO ekpay_app")


def downgrade() -> None:
    """Take it away, with every cart; payments stay as they are."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE merchant_carts")
    op.execute("DROP FUNCTION check_merchant_carts")
