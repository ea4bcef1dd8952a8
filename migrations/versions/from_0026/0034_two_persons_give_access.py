"""Changes of who may act, and with which keys, by two persons; how each of the staff came to it.

Safe while the switch runs: a new table, and columns of `staff` with constant defaults, so nothing is
rewritten. Who is on the staff already came `before` and stays. Old code can add nobody any more once two
persons have ever been on the staff, and it cannot change their roles or passphrases, which it never did: ask
for persons with the new `ekpay staff ask`. `disable` of old code goes on working.
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE staff
  ADD COLUMN came_by TEXT DEFAULT 'before' NOT NULL,
  ADD COLUMN came_reason TEXT,
  ADD COLUMN added_by_change UUID,
  ADD COLUMN roles_by_change UUID,
  ADD COLUMN passphrase_by_change UUID,
  ADD CONSTRAINT ck_staff_came_by CHECK (came_by IN ('before', 'installation', 'recovery', 'two_persons')),
  ADD CONSTRAINT ck_staff_added_by_change
    CHECK ((came_by = 'two_persons') = (added_by_change IS NOT NULL)),
  ADD CONSTRAINT ck_staff_came_reason CHECK ((came_by = 'recovery') = (came_reason IS NOT NULL));
ALTER TABLE staff ALTER COLUMN came_by SET DEFAULT 'installation';
ALTER TABLE api_keys ADD COLUMN revoked_by TEXT,
  ADD CONSTRAINT ck_api_keys_revoked_by CHECK (revoked_by IS NULL OR revoked_at IS NOT NULL),
  ADD CONSTRAINT fk_api_keys_revoked_by FOREIGN KEY (revoked_by) REFERENCES staff (name);
CREATE TABLE access_changes (
  id UUID NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  terms JSONB NOT NULL,
  reason TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_by TEXT,
  approved_at TIMESTAMP WITH TIME ZONE,
  rejected_by TEXT,
  rejected_at TIMESTAMP WITH TIME ZONE,
  rejection_reason TEXT,
  first_part_hash BYTEA,
  second_part_hash BYTEA,
  code_until TIMESTAMP WITH TIME ZONE,
  code_used_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_access_changes PRIMARY KEY (id),
  CONSTRAINT ck_access_changes_kind
    CHECK (kind IN ('api_key_added', 'challan_access', 'challan_key', 'endpoint_added', 'endpoint_key',
    'endpoint_secret', 'merchant_added', 'merchant_key', 'merchant_terms', 'partner_added',
    'partner_secret', 'staff_added', 'staff_passphrase', 'staff_roles')),
  CONSTRAINT ck_access_changes_subject CHECK (subject <> ''),
  CONSTRAINT ck_access_changes_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT ck_access_changes_another_person
    CHECK (approved_by <> subject OR NOT (kind IN ('staff_added', 'staff_passphrase', 'staff_roles'))),
  CONSTRAINT ck_access_changes_approval CHECK (num_nonnulls(approved_by, approved_at) <> 1),
  CONSTRAINT ck_access_changes_rejection
    CHECK (num_nonnulls(rejected_by, rejected_at, rejection_reason) IN (0, 3)),
  CONSTRAINT ck_access_changes_one_decision CHECK (num_nonnulls(approved_by, rejected_by) <= 1),
  CONSTRAINT ck_access_changes_first_part
    CHECK ((first_part_hash IS NOT NULL) = (kind IN ('staff_added', 'staff_passphrase'))),
  CONSTRAINT ck_access_changes_second_part
    CHECK (num_nonnulls(second_part_hash, code_until) = CASE WHEN approved_by IS NOT NULL AND kind IN
    ('staff_added', 'staff_passphrase') THEN 2 ELSE 0 END),
  CONSTRAINT ck_access_changes_code_of_approval CHECK (code_used_at IS NULL OR code_until IS NOT NULL),
  CONSTRAINT ck_access_changes_code_used_in_time CHECK (code_used_at <= code_until),
  CONSTRAINT fk_access_changes_asked_by FOREIGN KEY (asked_by) REFERENCES staff (name),
  CONSTRAINT fk_access_changes_approved_by FOREIGN KEY (approved_by) REFERENCES staff (name),
  CONSTRAINT fk_access_changes_rejected_by FOREIGN KEY (rejected_by) REFERENCES staff (name)
);
CREATE INDEX ix_access_changes_subject ON access_changes (subject);
CREATE UNIQUE INDEX uq_access_changes_waiting ON access_changes (kind, subject)
  WHERE num_nonnulls(approved_by, rejected_by) = 0;
GRANT SELECT, INSERT, UPDATE (approved_by, approved_at, rejected_by, rejected_at, rejection_reason,
  second_part_hash, code_until, code_used_at) ON access_changes TO ekpay_app;
GRANT SELECT ON access_changes TO ekpay_audit;
REVOKE UPDATE ON staff FROM ekpay_app;
GRANT UPDATE (passphrase_hash, roles, disabled_at, disabled_by, roles_by_change, passphrase_by_change)
  ON staff TO ekpay_app
"""
DOWN = """
ALTER TABLE api_keys DROP COLUMN revoked_by;
DROP TRIGGER staff_persons ON staff;
DROP FUNCTION check_staff();
DROP TABLE access_changes;
DROP FUNCTION check_access_change();
REVOKE UPDATE (passphrase_hash, roles, disabled_at, disabled_by, roles_by_change, passphrase_by_change)
  ON staff FROM ekpay_app;
GRANT UPDATE ON staff TO ekpay_app;
ALTER TABLE staff
  DROP COLUMN came_by,
  DROP COLUMN came_reason,
  DROP COLUMN added_by_change,
  DROP COLUMN roles_by_change,
  DROP COLUMN passphrase_by_change
"""
CHANGES = """
CREATE FUNCTION check_access_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM FROM staff WHERE name = NEW.asked_by AND disabled_at IS NULL AND roles ? 'finance' FOR SHARE;
    IF NOT FOUND OR num_nonnulls(NEW.approved_by, NEW.rejected_by, NEW.code_used_at) > 0 THEN
      RAISE EXCEPTION 'a change of access is asked for by a person of finance, and by nobody else'
        USING ERRCODE = 'check_violation';
    END IF;
    NEW.asked_at := clock_timestamp();
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.kind, NEW.subject, NEW.terms, NEW.reason, NEW.asked_by, NEW.asked_at, NEW.first_part_hash)
    IS DISTINCT FROM (OLD.id, OLD.kind, OLD.subject, OLD.terms, OLD.reason, OLD.asked_by, OLD.asked_at,
    OLD.first_part_hash)
    OR OLD.code_used_at IS NOT NULL AND NEW.code_used_at IS DISTINCT FROM OLD.code_used_at THEN
    RAISE EXCEPTION 'what was asked for never changes' USING ERRCODE = 'check_violation';
  END IF;
  IF num_nonnulls(OLD.approved_by, OLD.rejected_by) > 0 THEN
    IF (NEW.approved_by, NEW.approved_at, NEW.rejected_by, NEW.rejected_at, NEW.rejection_reason,
      NEW.second_part_hash, NEW.code_until) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at,
      OLD.rejected_by, OLD.rejected_at, OLD.rejection_reason, OLD.second_part_hash, OLD.code_until) THEN
      RAISE EXCEPTION 'it was decided once, and by whom never changes' USING ERRCODE = 'check_violation';
    END IF;
  ELSIF NEW.approved_by IS NOT NULL THEN
    IF (SELECT count(*) FROM (SELECT FROM staff WHERE name IN (NEW.asked_by, NEW.approved_by)
      AND disabled_at IS NULL AND roles ? 'finance' ORDER BY name FOR SHARE) AS persons) <> 2 THEN
      RAISE EXCEPTION 'two persons who are of finance now approve a change of access'
        USING ERRCODE = 'check_violation';
    END IF;
    NEW.approved_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$
"""
CHANGES_TRIGGER = """
CREATE TRIGGER access_changes_persons BEFORE INSERT OR UPDATE ON access_changes
  FOR EACH ROW EXECUTE FUNCTION check_access_change()
"""
STAFF = """
CREATE FUNCTION check_staff() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  is_owner boolean :=
    pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE');
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM pg_advisory_xact_lock(1, 5);
    NEW.created_at := clock_timestamp();
    IF NEW.came_by IN ('installation', 'recovery') AND NOT NEW.roles ? 'finance' THEN
      RAISE EXCEPTION 'who comes by no approval is of finance' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT (CASE NEW.came_by
      WHEN 'installation' THEN (SELECT count(*) FROM staff) < 2
      WHEN 'recovery' THEN is_owner AND (SELECT count(*) FROM staff
        WHERE disabled_at IS NULL AND roles ? 'finance' AND passphrase_hash <> '') < 2
      WHEN 'two_persons' THEN NEW.passphrase_hash = '' AND EXISTS (SELECT FROM access_changes
        WHERE id = NEW.added_by_change AND kind = 'staff_added' AND subject = NEW.name
        AND terms -> 'roles' = NEW.roles AND approved_at >= now())
      ELSE false END) THEN
      RAISE EXCEPTION 'two persons add a person to the staff' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.name, NEW.came_by, NEW.created_at, NEW.added_by_change, NEW.came_reason)
    IS DISTINCT FROM (OLD.name, OLD.came_by, OLD.created_at, OLD.added_by_change, OLD.came_reason) THEN
    RAISE EXCEPTION 'how a person came to the staff never changes' USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.roles, NEW.roles_by_change) IS DISTINCT FROM (OLD.roles, OLD.roles_by_change)
    AND NOT EXISTS (SELECT FROM access_changes WHERE id = NEW.roles_by_change AND kind = 'staff_roles'
      AND subject = NEW.name AND terms -> 'roles' = NEW.roles AND approved_at >= now()) THEN
    RAISE EXCEPTION 'two persons change the roles of a person' USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.passphrase_hash, NEW.passphrase_by_change)
    IS DISTINCT FROM (OLD.passphrase_hash, OLD.passphrase_by_change)
    AND NOT EXISTS (SELECT FROM access_changes WHERE id = NEW.passphrase_by_change
      AND kind IN ('staff_added', 'staff_passphrase') AND subject = NEW.name AND code_used_at = now()) THEN
    RAISE EXCEPTION 'a passphrase is set with the code of two persons' USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.disabled_at, NEW.disabled_by) IS DISTINCT FROM (OLD.disabled_at, OLD.disabled_by)
    AND NOT is_owner THEN
    PERFORM pg_advisory_xact_lock(1, 5);
    IF OLD.disabled_at IS NOT NULL OR NEW.disabled_by = NEW.name OR NOT EXISTS (
      SELECT FROM staff WHERE name = NEW.disabled_by AND disabled_at IS NULL) THEN
      RAISE EXCEPTION 'another person of the staff disables a person, once' USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  IF OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL THEN
    NEW.disabled_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$
"""
STAFF_TRIGGER = """
CREATE TRIGGER staff_persons BEFORE INSERT OR UPDATE ON staff FOR EACH ROW EXECUTE FUNCTION check_staff()
"""


def upgrade() -> None:
    """Add the table and the columns, then the triggers that keep them."""
    _run(UP)
    for statement in (CHANGES, CHANGES_TRIGGER, STAFF, STAFF_TRIGGER):
        op.execute(statement)


def downgrade() -> None:
    """Take them away, and who asked and approved with them; persons stay, also those of two persons."""
    _run(DOWN)


def _run(script: str) -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in script.split(";\n"):
        op.execute(statement)
