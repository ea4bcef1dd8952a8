"""What payouts to payees with a schedule, a minimum or a hold rest on.

Safe while the switch runs: columns with defaults on a table that only `ekpay settle` writes, so that the old
code may settle until the new one does. Holdbacks of before rest on no terms.

Going back loses why something was held by its terms; it is refused while such a holdback stands.
"""

from alembic import op

revision = "0051"
down_revision = "0048"
branch_labels = None
depends_on = None

_CONSTRAINTS = ("signs", "rules")
_BEFORE = """
ALTER TABLE reconciliation.settlement_holdbacks
  ADD CONSTRAINT ck_settlement_holdbacks_signs
    CHECK (least(owed, instructed, not_matched, not_received, at_risk, unreceived, risk_limit) >= 0),
  ADD CONSTRAINT ck_settlement_holdbacks_rules CHECK (instructed = 0
    OR instructed <= owed - not_matched - not_received - greatest(0, at_risk - risk_limit))
"""
_AFTER = """
ALTER TABLE reconciliation.settlement_holdbacks
  ADD CONSTRAINT ck_settlement_holdbacks_signs CHECK (least(owed, instructed, not_matched, not_received,
    at_risk, unreceived, risk_limit, resting, minimum) >= 0),
  ADD CONSTRAINT ck_settlement_holdbacks_rules CHECK (instructed = 0
    OR instructed <= owed - not_matched - not_received - greatest(0, at_risk - risk_limit) - resting),
  ADD CONSTRAINT ck_settlement_holdbacks_terms
    CHECK (instructed = 0 OR (instructed >= minimum AND next_payout IS NULL)),
  ADD CONSTRAINT ck_settlement_holdbacks_next_payout CHECK (next_payout > value_date)
"""


def _drop_constraints(*names: str) -> None:
    for name in names:
        op.execute(
            f"ALTER TABLE reconciliation.settlement_holdbacks DROP CONSTRAINT ck_settlement_holdbacks_{name}"
        )


def upgrade() -> None:
    """Add the columns, and have the formula know them."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("""
    ALTER TABLE reconciliation.settlement_holdbacks
      ADD COLUMN resting BIGINT NOT NULL DEFAULT 0,
      ADD COLUMN minimum BIGINT NOT NULL DEFAULT 0,
      ADD COLUMN next_payout DATE
    """)
    _drop_constraints(*_CONSTRAINTS)
    op.execute(_AFTER)


def downgrade() -> None:
    """Take them away; refused while a holdback rests on them."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("""
    DO $$ BEGIN
      IF EXISTS (SELECT FROM reconciliation.settlement_holdbacks
        WHERE resting > 0 OR minimum > 0 OR next_payout IS NOT NULL) THEN
        RAISE EXCEPTION 'payouts were held back by schedules, minimums or holds';
      END IF;
    END $$
    """)
    _drop_constraints(*_CONSTRAINTS, "terms", "next_payout")
    op.execute("""
    ALTER TABLE reconciliation.settlement_holdbacks
      DROP COLUMN resting, DROP COLUMN minimum, DROP COLUMN next_payout
    """)
    op.execute(_BEFORE)
