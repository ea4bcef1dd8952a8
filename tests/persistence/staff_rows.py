"""Persons on the staff of a test's database, whose rows the triggers and the audit take."""

_ADD = """
DO $$
DECLARE
  person text;
  change uuid;
  founders text[];
BEGIN
  FOREACH person IN ARRAY ARRAY[{names}]::text[] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM staff WHERE name = person);
    IF (SELECT count(*) FROM staff) < 2 THEN
      INSERT INTO staff (name, passphrase_hash, roles) VALUES (person, '', '{roles}');
    ELSE
      founders := ARRAY(SELECT name FROM staff WHERE disabled_at IS NULL AND roles ? 'finance'
        ORDER BY created_at LIMIT 2);
      change := gen_random_uuid();
      INSERT INTO access_changes (id, kind, subject, terms, reason, asked_by, first_part_hash)
      VALUES (change, 'staff_added', person, jsonb_build_object('roles', '{roles}'::jsonb), '',
        founders[1], '');
      UPDATE access_changes SET approved_by = founders[2], approved_at = now(), second_part_hash = '',
        code_until = now() WHERE id = change;
      INSERT INTO staff (name, passphrase_hash, roles, came_by, added_by_change)
      VALUES (person, '', '{roles}', 'two_persons', change);
    END IF;
  END LOOP;
END $$
"""


def persons(*names: str, roles: str = '["finance"]') -> str:
    """A statement that adds persons: the first two by installation, the others by two of them.

    Who is on the staff already stays as they are.
    """
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    return _ADD.replace("{names}", quoted).replace("{roles}", roles)
