"""Triggers with the invariants that constraints cannot express (law 11)."""

# Refuses postings that do not sum to zero, that name an unknown account, or that have no journal entry. A
# statement trigger with a transition table: a deferred row trigger costs 40 % (architecture.md 6). LATERAL
# keeps each look-up by key: with plain joins, a plan made while the tables were empty reads all postings for
# every batch, as long as its connection lives.
_BALANCE = """
CREATE FUNCTION check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
  SELECT f.entry_id::text INTO broken FROM (SELECT DISTINCT entry_id FROM fresh) AS f
    CROSS JOIN LATERAL (SELECT sum(amount) AS total FROM postings WHERE entry_id = f.entry_id) AS p
    WHERE p.total <> 0 LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'journal entry % does not balance', broken USING ERRCODE = 'check_violation';
  END IF;
  SELECT f.entry_id::text INTO broken FROM fresh AS f
    LEFT JOIN LATERAL (SELECT id, currency FROM journal_entries WHERE id = f.entry_id OFFSET 0) AS e ON true
    LEFT JOIN LATERAL (SELECT code, currency FROM accounts WHERE code = f.account OFFSET 0) AS a ON true
    WHERE e.id IS NULL OR a.code IS NULL OR a.currency <> e.currency LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'posting of entry % has no entry or no account', broken USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_BALANCE_TRIGGER = """
CREATE TRIGGER postings_balance AFTER INSERT ON postings
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION check_entries()
"""

# Refuses rows of a biller's day that are not 1..n, a PAY row of a payment that was never posted for its
# biller, and a file whose totals are not those of its rows. Rows are written in one statement, after their
# file; a file without rows is checked when its transaction ends.
_SCROLL_ROWS = """
CREATE FUNCTION check_scroll_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
  SELECT f.biller_id || ' ' || f.business_date INTO broken
    FROM (SELECT DISTINCT biller_id, business_date FROM fresh) AS f
    JOIN scroll_rows AS r ON r.biller_id = f.biller_id AND r.business_date = f.business_date
    GROUP BY f.biller_id, f.business_date HAVING max(r.seq) <> count(*) LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'the scroll rows of % are not 1..n', broken USING ERRCODE = 'check_violation';
  END IF;
  SELECT f.biller_id || ' ' || f.business_date INTO broken
    FROM (SELECT DISTINCT biller_id, business_date, cycle FROM fresh) AS n
    JOIN scroll_files AS f USING (biller_id, business_date, cycle)
    JOIN scroll_rows AS r USING (biller_id, business_date, cycle)
    GROUP BY f.biller_id, f.business_date, f.cycle, f.rows, f.sum
    HAVING count(*) <> f.rows OR sum(r.total) <> f.sum LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'totals of scroll % are not those of its rows', broken USING ERRCODE = 'check_violation';
  END IF;
  SELECT f.payment_id::text INTO broken FROM fresh AS f
    WHERE f.row_type = 'PAY' AND NOT EXISTS (
      SELECT FROM journal_entries AS j WHERE j.payment_id = f.payment_id
        AND j.moment IN ('delivered', 'posted_after_give_back')) LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'payment % was never delivered', broken USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_SCROLL_ROWS_TRIGGER = """
CREATE TRIGGER scroll_rows_whole AFTER INSERT ON scroll_rows
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION check_scroll_rows()
"""
_SCROLL_FILES = """
CREATE FUNCTION check_scroll_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM scroll_rows AS r
    WHERE r.biller_id = NEW.biller_id AND r.business_date = NEW.business_date AND r.cycle = NEW.cycle
    HAVING count(*) <> NEW.rows OR coalesce(sum(r.total), 0) <> NEW.sum;
  IF FOUND THEN
    RAISE EXCEPTION 'the totals of a scroll file are not those of its rows' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_SCROLL_FILES_TRIGGER = """
CREATE CONSTRAINT TRIGGER scroll_files_whole AFTER INSERT ON scroll_files
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_scroll_file()
"""
LEDGER_TRIGGERS = {"postings_balance": (_BALANCE, _BALANCE_TRIGGER)}
SCROLL_TRIGGERS = {
    "scroll_rows_whole": (_SCROLL_ROWS, _SCROLL_ROWS_TRIGGER),
    "scroll_files_whole": (_SCROLL_FILES, _SCROLL_FILES_TRIGGER),
}
