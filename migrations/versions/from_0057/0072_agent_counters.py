"""Counters of agents: operators, cash drawers, orders of payers; a kind of change of access for operators.

Safe while the switch runs: new tables that old code neither reads nor writes, and a condition that allows all
that it did. Old code neither lists nor decides a change of the new kind.

Going back is refused once an operator was requested: whose cash was taken in which drawer is not forgotten.
"""

from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE agent_operators (
  id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  citizen_id UUID NOT NULL,
  name TEXT NOT NULL,
  added_by_change UUID NOT NULL,
  added_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  removed_at TIMESTAMP WITH TIME ZONE,
  removed_by TEXT,
  CONSTRAINT pk_agent_operators PRIMARY KEY (id),
  CONSTRAINT uq_agent_operators_added_by_change UNIQUE (added_by_change),
  CONSTRAINT ck_agent_operators_name CHECK (name <> ''),
  CONSTRAINT ck_agent_operators_removal CHECK (num_nonnulls(removed_at, removed_by) <> 1),
  CONSTRAINT fk_agent_operators_partner_id FOREIGN KEY (partner_id) REFERENCES partners (id),
  CONSTRAINT fk_agent_operators_citizen_id FOREIGN KEY (citizen_id) REFERENCES citizens (id),
  CONSTRAINT fk_agent_operators_added_by_change FOREIGN KEY (added_by_change) REFERENCES access_changes (id),
  CONSTRAINT fk_agent_operators_removed_by FOREIGN KEY (removed_by) REFERENCES staff (name)
);
CREATE UNIQUE INDEX uq_agent_operators_citizen_id ON agent_operators (citizen_id) WHERE removed_at IS NULL;
CREATE TABLE cash_drawers (
  id UUID NOT NULL,
  operator_id UUID NOT NULL,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  opening BIGINT NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  expected BIGINT,
  counted BIGINT,
  closed_by TEXT,
  CONSTRAINT pk_cash_drawers PRIMARY KEY (id),
  CONSTRAINT ck_cash_drawers_opening CHECK (opening >= 0),
  CONSTRAINT ck_cash_drawers_counted CHECK (counted >= 0),
  CONSTRAINT ck_cash_drawers_count CHECK (num_nonnulls(closed_at, expected, counted) IN (0, 3)),
  CONSTRAINT ck_cash_drawers_closed_by CHECK (closed_by IS NULL OR closed_at IS NOT NULL),
  CONSTRAINT fk_cash_drawers_operator_id FOREIGN KEY (operator_id) REFERENCES agent_operators (id),
  CONSTRAINT fk_cash_drawers_closed_by FOREIGN KEY (closed_by) REFERENCES staff (name)
);
CREATE INDEX ix_cash_drawers_operator_id ON cash_drawers (operator_id, opened_at);
CREATE UNIQUE INDEX uq_cash_drawers_open ON cash_drawers (operator_id) WHERE closed_at IS NULL;
CREATE TABLE agent_orders (
  id UUID NOT NULL,
  drawer_id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  biller_id TEXT NOT NULL,
  bucket TEXT NOT NULL,
  fields JSONB NOT NULL,
  bill JSONB NOT NULL,
  bill_key TEXT NOT NULL,
  amount BIGINT NOT NULL,
  charges BIGINT NOT NULL,
  quote_id TEXT NOT NULL,
  quote_expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
  begun_at TIMESTAMP WITH TIME ZONE,
  counted_in UUID,
  handed_back_at TIMESTAMP WITH TIME ZONE,
  handed_back_from UUID,
  CONSTRAINT pk_agent_orders PRIMARY KEY (id),
  CONSTRAINT uq_agent_orders_reference UNIQUE (reference),
  CONSTRAINT ck_agent_orders_amount CHECK (amount > 0),
  CONSTRAINT ck_agent_orders_charges CHECK (charges >= 0),
  CONSTRAINT ck_agent_orders_bucket CHECK (bucket IN ('postpaid', 'prepaid')),
  CONSTRAINT ck_agent_orders_counted_in CHECK (begun_at IS NOT NULL OR counted_in IS NULL),
  CONSTRAINT ck_agent_orders_hand_back CHECK (num_nonnulls(handed_back_at, handed_back_from) <> 1),
  CONSTRAINT ck_agent_orders_handed_back_at CHECK (begun_at IS NOT NULL OR handed_back_at IS NULL),
  CONSTRAINT fk_agent_orders_drawer_id FOREIGN KEY (drawer_id) REFERENCES cash_drawers (id),
  CONSTRAINT fk_agent_orders_partner_id FOREIGN KEY (partner_id) REFERENCES partners (id),
  CONSTRAINT fk_agent_orders_counted_in FOREIGN KEY (counted_in) REFERENCES cash_drawers (id),
  CONSTRAINT fk_agent_orders_handed_back_from FOREIGN KEY (handed_back_from) REFERENCES cash_drawers (id)
);
CREATE INDEX ix_agent_orders_drawer_id ON agent_orders (drawer_id, begun_at);
CREATE INDEX ix_agent_orders_counted_in ON agent_orders (counted_in);
CREATE INDEX ix_agent_orders_handed_back_from ON agent_orders (handed_back_from);
CREATE INDEX ix_agent_orders_fetched_at ON agent_orders (fetched_at) WHERE begun_at IS NULL;
GRANT SELECT, INSERT ON agent_operators, cash_drawers, agent_orders TO ekpay_app;
GRANT UPDATE (removed_at, removed_by) ON agent_operators TO ekpay_app;
GRANT UPDATE (closed_at, expected, counted, closed_by) ON cash_drawers TO ekpay_app;
GRANT UPDATE (begun_at, counted_in, handed_back_at, handed_back_from) ON agent_orders TO ekpay_app;
GRANT DELETE ON agent_orders TO ekpay_app;
GRANT SELECT ON agent_operators, cash_drawers, agent_orders TO ekpay_audit;
"""
_DROP_TABLES = ("DROP TABLE agent_orders", "DROP TABLE cash_drawers", "DROP TABLE agent_operators")
_OLD_KINDS = (
    "'api_key_added', 'challan_access', 'challan_key', 'endpoint_added', 'endpoint_key', 'endpoint_secret', "
    "'merchant_added', 'merchant_key', 'merchant_terms', 'partner_added', 'partner_secret', 'staff_added', "
    "'staff_passphrase', 'staff_roles'"
)
_DROP_KINDS = "ALTER TABLE access_changes DROP CONSTRAINT ck_access_changes_kind"
_ADD_KINDS = (
    "ALTER TABLE access_changes ADD CONSTRAINT ck_access_changes_kind CHECK (kind IN ({kinds})) NOT VALID"
)
_VALIDATE_KINDS = "ALTER TABLE access_changes VALIDATE CONSTRAINT ck_access_changes_kind"


def upgrade() -> None:
    """Add the tables and allow the new kind of change."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
        op.execute(statement)
    _allow(f"'agent_operator', {_OLD_KINDS}")


def downgrade() -> None:
    """Take the tables away and allow the kinds of before."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _allow(_OLD_KINDS)
    for statement in _DROP_TABLES:
        op.execute(statement)


def _allow(kinds: str) -> None:
    for statement in (_DROP_KINDS, _ADD_KINDS.format(kinds=kinds), _VALIDATE_KINDS):
        op.execute(statement)
