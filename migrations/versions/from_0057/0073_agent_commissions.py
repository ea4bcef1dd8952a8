"""Commission of agents: what each order earns, the entries that book it, and agents as payees of settlement.

Safe while the switch runs: a new table, columns without a value that old code leaves alone, and conditions
that allow all that they did. Old code books no commission; new code books it for the orders of both.

Going back is refused once commission was booked, or an agent has a bank account.
"""

from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE agent_commissions (
  id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  amount BIGINT NOT NULL,
  booked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_agent_commissions PRIMARY KEY (id),
  CONSTRAINT ck_agent_commissions_amount CHECK (amount > 0),
  CONSTRAINT fk_agent_commissions_id FOREIGN KEY (id) REFERENCES journal_entries (id),
  CONSTRAINT fk_agent_commissions_partner_id FOREIGN KEY (partner_id) REFERENCES partners (id)
);
CREATE INDEX ix_agent_commissions_partner_id ON agent_commissions (partner_id, booked_at);
ALTER TABLE agent_orders
  ADD COLUMN commission BIGINT,
  ADD COLUMN commission_basis_points INTEGER,
  ADD COLUMN commission_id UUID,
  ADD CONSTRAINT ck_agent_orders_commission CHECK (commission >= 0),
  ADD CONSTRAINT ck_agent_orders_commission_basis_points CHECK (commission_basis_points BETWEEN 0 AND 10000),
  ADD CONSTRAINT ck_agent_orders_commission_parts CHECK (
    (commission IS NULL) = (commission_basis_points IS NULL)
    AND (coalesce(commission, 0) > 0) = (commission_id IS NOT NULL)),
  ADD CONSTRAINT fk_agent_orders_commission_id FOREIGN KEY (commission_id) REFERENCES agent_commissions (id);
CREATE INDEX ix_agent_orders_commission_id ON agent_orders (commission_id);
CREATE INDEX ix_agent_orders_begun_at ON agent_orders (begun_at)
  WHERE begun_at IS NOT NULL AND commission IS NULL AND handed_back_at IS NULL;
GRANT SELECT, INSERT ON agent_commissions TO ekpay_app;
GRANT UPDATE (commission, commission_basis_points, commission_id) ON agent_orders TO ekpay_app;
GRANT SELECT ON agent_commissions TO ekpay_audit;
"""
_ROLES = {
    "settlement_lines": ("biller", "connector", "deposit", "merchant", "partner", "payee", "sweep"),
    "settlement_positions": (
        "biller",
        "connector",
        "deposit",
        "merchant",
        "ours",
        "partner",
        "payee",
        "sweep",
    ),
    "account_changes": ("biller", "connector", "deposit", "merchant", "partner", "payee", "sweep"),
    "withholding_certificates": ("biller", "merchant", "payee"),
}
_REFUSE_LOSS = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM agent_commissions) THEN
    RAISE EXCEPTION 'commission was booked: what agents have earned stays on record';
  END IF;
  IF EXISTS (SELECT FROM reconciliation.account_changes WHERE role = 'agent') THEN
    RAISE EXCEPTION 'an agent has a bank account, or was to have one';
  END IF;
END $$
"""
_DROP_COLUMNS = """
ALTER TABLE agent_orders
  DROP COLUMN commission, DROP COLUMN commission_basis_points, DROP COLUMN commission_id
"""


def upgrade() -> None:
    """Add the table and the columns, and let agents be paid."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
        op.execute(statement)
    _allow_roles("agent")


def downgrade() -> None:
    """Take them away, only before commission was booked."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(_REFUSE_LOSS)
    _allow_roles()
    for statement in (_DROP_COLUMNS, "DROP TABLE agent_commissions"):
        op.execute(statement)


def _allow_roles(*more: str) -> None:
    for table, roles in _ROLES.items():
        words = ", ".join(f"'{role}'" for role in sorted((*roles, *more)))
        op.execute(f"""
        ALTER TABLE reconciliation.{table} DROP CONSTRAINT ck_{table}_role,
          ADD CONSTRAINT ck_{table}_role CHECK (role IN ({words})) NOT VALID
        """)
        op.execute(f"ALTER TABLE reconciliation.{table} VALIDATE CONSTRAINT ck_{table}_role")
