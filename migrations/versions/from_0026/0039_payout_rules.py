"""What payouts rest on: the payment of each line, limits of two persons, the cover of each order, overrides.

Safe while the switch runs: new tables that only `ekpay settle` writes, and a trigger on its instructions.
Settle with the old code no more once this has run: the trigger refuses its instructions. Lines that were
taken in before have no payment, and the rules hold nothing of them back.

Going back loses limits and overrides with their history.
"""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE reconciliation.settlement_line_payments (
  source TEXT NOT NULL,
  payment_id UUID NOT NULL,
  funded_by TEXT,
  CONSTRAINT pk_settlement_line_payments PRIMARY KEY (source)
);
CREATE TABLE reconciliation.settlement_limits (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  amount BIGINT NOT NULL,
  set_by TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_limits PRIMARY KEY (id),
  CONSTRAINT uq_settlement_limits_id_role_party_amount UNIQUE (id, role, party, amount),
  CONSTRAINT ck_settlement_limits_role CHECK (role IN ('biller', 'merchant', 'payee')),
  CONSTRAINT ck_settlement_limits_amount CHECK (amount >= 0),
  CONSTRAINT ck_settlement_limits_persons CHECK (set_by <> approved_by),
  CONSTRAINT fk_settlement_limits_set_by FOREIGN KEY (set_by) REFERENCES public.staff (name),
  CONSTRAINT fk_settlement_limits_approved_by FOREIGN KEY (approved_by) REFERENCES public.staff (name)
);
CREATE TABLE reconciliation.settlement_covers (
  value_date DATE NOT NULL,
  strict BIGINT NOT NULL,
  before BIGINT NOT NULL,
  after BIGINT NOT NULL,
  reserve BIGINT NOT NULL,
  open_nights DATE[] NOT NULL,
  CONSTRAINT pk_settlement_covers PRIMARY KEY (value_date),
  CONSTRAINT ck_settlement_covers_figures CHECK (after <= before AND reserve >= 0),
  CONSTRAINT fk_settlement_covers_value_date
    FOREIGN KEY (value_date) REFERENCES reconciliation.settlement_sheets (value_date)
);
CREATE TABLE reconciliation.settlement_overrides (
  value_date DATE NOT NULL,
  reason TEXT NOT NULL,
  overridden_by TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_overrides PRIMARY KEY (value_date),
  CONSTRAINT ck_settlement_overrides_reason CHECK (reason <> ''),
  CONSTRAINT ck_settlement_overrides_persons CHECK (overridden_by <> approved_by),
  CONSTRAINT fk_settlement_overrides_value_date
    FOREIGN KEY (value_date) REFERENCES reconciliation.settlement_covers (value_date),
  CONSTRAINT fk_settlement_overrides_overridden_by
    FOREIGN KEY (overridden_by) REFERENCES public.staff (name),
  CONSTRAINT fk_settlement_overrides_approved_by FOREIGN KEY (approved_by) REFERENCES public.staff (name)
);
CREATE TABLE reconciliation.settlement_holdbacks (
  value_date DATE NOT NULL,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  owed BIGINT NOT NULL,
  instructed BIGINT NOT NULL,
  not_matched BIGINT NOT NULL,
  not_received BIGINT NOT NULL,
  at_risk BIGINT NOT NULL,
  unreceived BIGINT NOT NULL,
  limit_id BIGINT,
  risk_limit BIGINT NOT NULL,
  CONSTRAINT pk_settlement_holdbacks PRIMARY KEY (value_date, role, party),
  CONSTRAINT ck_settlement_holdbacks_signs
    CHECK (least(owed, instructed, not_matched, not_received, at_risk, unreceived, risk_limit) >= 0),
  CONSTRAINT ck_settlement_holdbacks_parts CHECK (not_matched + not_received + at_risk <= unreceived),
  CONSTRAINT ck_settlement_holdbacks_limit CHECK (risk_limit = 0 OR limit_id IS NOT NULL),
  CONSTRAINT ck_settlement_holdbacks_rules CHECK (instructed = 0
    OR instructed <= owed - not_matched - not_received - greatest(0, at_risk - risk_limit)),
  CONSTRAINT fk_settlement_holdbacks_position FOREIGN KEY (value_date, role, party)
    REFERENCES reconciliation.settlement_positions (value_date, role, party),
  CONSTRAINT fk_settlement_holdbacks_limit FOREIGN KEY (limit_id, role, party, risk_limit)
    REFERENCES reconciliation.settlement_limits (id, role, party, amount)
)
"""
_CHECK = """
CREATE FUNCTION reconciliation.check_settlement_payout() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  newest BIGINT := (SELECT max(id) FROM reconciliation.settlement_limits
    WHERE role = NEW.role AND party = NEW.party);
BEGIN
  IF NOT EXISTS (
    SELECT FROM reconciliation.settlement_holdbacks AS h
    WHERE h.value_date = NEW.value_date AND h.role = NEW.role AND h.party = NEW.party
      AND h.instructed = NEW.amount AND (h.limit_id IS NULL OR h.limit_id = newest)) THEN
    RAISE EXCEPTION 'an instruction rests on what the rules of payouts allow its payee'
      USING ERRCODE = 'check_violation';
  END IF;
  IF NOT EXISTS (
    SELECT FROM reconciliation.settlement_covers AS c
    LEFT JOIN reconciliation.settlement_overrides AS o ON o.value_date = c.value_date
    WHERE c.value_date = NEW.value_date
      AND (o.value_date IS NOT NULL OR (c.after >= c.reserve AND c.open_nights = '{}'))) THEN
    RAISE EXCEPTION 'an instruction rests on a cover of the reserve and closed nights, or an override'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_CHECKED = """
CREATE TRIGGER settlement_instructions_allowed BEFORE INSERT ON reconciliation.settlement_instructions
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_settlement_payout()
"""
_NEW = ("line_payments", "limits", "covers", "overrides", "holdbacks")


def upgrade() -> None:
    """Add the tables and the trigger."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
    op.execute(_CHECK)
    op.execute(_CHECKED)
    for name in _NEW:
        op.execute(f"GRANT SELECT ON reconciliation.settlement_{name} TO ekpay_app, ekpay_audit")
        op.execute(f"GRANT INSERT ON reconciliation.settlement_{name} TO ekpay_app")


def downgrade() -> None:
    """Take them away, with what two persons have set and overridden."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TRIGGER settlement_instructions_allowed ON reconciliation.settlement_instructions")
    op.execute("DROP FUNCTION reconciliation.check_settlement_payout")
    for name in reversed(_NEW):
        op.execute(f"DROP TABLE reconciliation.settlement_{name}")
