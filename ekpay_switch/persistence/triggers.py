"""What PostgreSQL refuses by itself, beside the constraints of the tables (law 11)."""

# Refuses an entry that does not sum to zero, that names an account we do not have or stands on no journal
# entry. By statement and transition table: a deferred row trigger costs 40 % (architecture.md 6).
BALANCE_TRIGGER = """
CREATE FUNCTION check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
  SELECT p.entry_id::text INTO broken FROM (SELECT DISTINCT entry_id FROM fresh) AS f
    JOIN postings AS p ON p.entry_id = f.entry_id
    GROUP BY p.entry_id HAVING sum(p.amount) <> 0 LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'journal entry % does not balance', broken USING ERRCODE = 'check_violation';
  END IF;
  SELECT f.entry_id::text INTO broken FROM fresh AS f
    LEFT JOIN journal_entries AS e ON e.id = f.entry_id
    LEFT JOIN accounts AS a ON a.code = f.account
    WHERE e.id IS NULL OR a.code IS NULL OR a.currency <> e.currency LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'posting of entry % has no entry or no account', broken USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER postings_balance AFTER INSERT ON postings
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION check_entries();
"""
