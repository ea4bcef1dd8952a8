"""Who may act, and with which keys: changes that two persons make, and what the staff's rows must prove."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.parties.access import CODED_KINDS, STAFF_KINDS, AccessKind
from ekpay_switch.persistence.schema.books import instant, metadata, one_of

_WAITS = "num_nonnulls(approved_by, rejected_by) = 0"
_CODED = one_of("kind", CODED_KINDS)

# A row for each change that was asked for; it never changes, and its decision is written once. `subject` is
# the person's name or the client's id, `terms` what was asked for, without any secret. A person's code is
# kept as the hashes of its two parts: the first was shown to who asked, the second to who approved.
access_changes = Table(
    "access_changes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, ForeignKey("staff.name"), nullable=False),
    instant("asked_at", server_default=func.now()),
    Column("approved_by", Text, ForeignKey("staff.name")),
    instant("approved_at", nullable=True),
    Column("rejected_by", Text, ForeignKey("staff.name")),
    instant("rejected_at", nullable=True),
    Column("rejection_reason", Text),
    Column("first_part_hash", LargeBinary),
    Column("second_part_hash", LargeBinary),
    instant("code_until", nullable=True),
    instant("code_used_at", nullable=True),
    CheckConstraint(one_of("kind", AccessKind), name="kind"),
    CheckConstraint("subject <> ''", name="subject"),
    CheckConstraint("approved_by <> asked_by", name="two_persons"),
    CheckConstraint(f"approved_by <> subject OR NOT ({one_of('kind', STAFF_KINDS)})", name="another_person"),
    CheckConstraint("num_nonnulls(approved_by, approved_at) <> 1", name="approval"),
    CheckConstraint("num_nonnulls(rejected_by, rejected_at, rejection_reason) IN (0, 3)", name="rejection"),
    CheckConstraint("num_nonnulls(approved_by, rejected_by) <= 1", name="one_decision"),
    CheckConstraint(f"(first_part_hash IS NOT NULL) = ({_CODED})", name="first_part"),
    CheckConstraint(
        f"num_nonnulls(second_part_hash, code_until) = CASE WHEN approved_by IS NOT NULL AND {_CODED}"
        " THEN 2 ELSE 0 END",
        name="second_part",
    ),
    CheckConstraint("code_used_at IS NULL OR code_until IS NOT NULL", name="code_of_approval"),
    CheckConstraint("code_used_at <= code_until", name="code_used_in_time"),
)
# What is asked for once waits once.
Index(
    "uq_access_changes_waiting",
    access_changes.c.kind,
    access_changes.c.subject,
    unique=True,
    postgresql_where=text(_WAITS),
)
Index("ix_access_changes_subject", access_changes.c.subject)

# Refuses a request or an approval of somebody who is not of finance now, and any change of what stands. The
# instants are those of this trigger, so nobody dates an act otherwise.
_CHANGES = """
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
_CHANGES_TRIGGER = """
CREATE TRIGGER access_changes_persons BEFORE INSERT OR UPDATE ON access_changes
  FOR EACH ROW EXECUTE FUNCTION check_access_change()
"""

# Beyond the first two, a person is on the staff by an approval of this very transaction, and so are other
# roles; a passphrase is set by a code that is used up in it. Who removes somebody may do so themselves. The
# owner of the tables adds a person where fewer than two can decide, and may take back a removal.
_STAFF = """
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
_STAFF_TRIGGER = """
CREATE TRIGGER staff_persons BEFORE INSERT OR UPDATE ON staff FOR EACH ROW EXECUTE FUNCTION check_staff()
"""
ACCESS_TRIGGERS = {
    "access_changes_persons": (_CHANGES, _CHANGES_TRIGGER),
    "staff_persons": (_STAFF, _STAFF_TRIGGER),
}
