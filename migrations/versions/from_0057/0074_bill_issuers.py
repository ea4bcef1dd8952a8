"""Offices that raise bills over REST v1: who may for which biller, and which issuer raised a set of bills.

Safe while the switch runs: a new table, a column without a value that old code leaves alone, and a condition
that allows all that it did. Old code neither lists nor decides a change of the new kind.

Going back is refused once an issuer was added: who raised which bill is not forgotten.
"""

from alembic import op

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE bill_issuers (
  id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  biller_id TEXT NOT NULL,
  added_by_change UUID NOT NULL,
  added_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  removed_at TIMESTAMP WITH TIME ZONE,
  removed_by TEXT,
  CONSTRAINT pk_bill_issuers PRIMARY KEY (id),
  CONSTRAINT uq_bill_issuers_added_by_change UNIQUE (added_by_change),
  CONSTRAINT uq_bill_issuers_id_biller_id UNIQUE (id, biller_id),
  CONSTRAINT ck_bill_issuers_biller_id CHECK (biller_id <> ''),
  CONSTRAINT ck_bill_issuers_removal CHECK (num_nonnulls(removed_at, removed_by) <> 1),
  CONSTRAINT fk_bill_issuers_partner_id FOREIGN KEY (partner_id) REFERENCES partners (id),
  CONSTRAINT fk_bill_issuers_added_by_change FOREIGN KEY (added_by_change) REFERENCES access_changes (id),
  CONSTRAINT fk_bill_issuers_removed_by FOREIGN KEY (removed_by) REFERENCES staff (name)
);
CREATE UNIQUE INDEX uq_bill_issuers_standing ON bill_issuers (partner_id, biller_id) WHERE removed_at IS NULL;
ALTER TABLE bill_files
  ADD COLUMN issuer_id UUID,
  ADD CONSTRAINT fk_bill_files_issuer_id_biller_id FOREIGN KEY (issuer_id, biller_id)
    REFERENCES bill_issuers (id, biller_id);
GRANT SELECT, INSERT ON bill_issuers TO ekpay_app;
GRANT UPDATE (removed_at, removed_by) ON bill_issuers TO ekpay_app;
GRANT SELECT ON bill_issuers TO ekpay_audit;
"""
_OLD_KINDS = (
    "agent_operator", "api_key_added", "challan_access", "challan_key", "endpoint_added", "endpoint_key",
    "endpoint_secret", "merchant_added", "merchant_key", "merchant_terms", "partner_added", "partner_secret",
    "staff_added", "staff_passphrase", "staff_roles",
)  # fmt: skip
_DROP_KINDS = "ALTER TABLE access_changes DROP CONSTRAINT ck_access_changes_kind"
_ADD_KINDS = (
    "ALTER TABLE access_changes ADD CONSTRAINT ck_access_changes_kind CHECK (kind IN ({kinds})) NOT VALID"
)
_VALIDATE_KINDS = "ALTER TABLE access_changes VALIDATE CONSTRAINT ck_access_changes_kind"


def upgrade() -> None:
    """Add the table and the column, and allow the new kind of change."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
        op.execute(statement)
    _allow("bill_issuer", *_OLD_KINDS)


def downgrade() -> None:
    """Take them away and allow the kinds of before; refused while a change of the new kind stands."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _allow(*_OLD_KINDS)
    op.execute("ALTER TABLE bill_files DROP COLUMN issuer_id")
    op.execute("DROP TABLE bill_issuers")


def _allow(*kinds: str) -> None:
    words = ", ".join(f"'{kind}'" for kind in sorted(kinds))
    for statement in (_DROP_KINDS, _ADD_KINDS.format(kinds=words), _VALIDATE_KINDS):
        op.execute(statement)
