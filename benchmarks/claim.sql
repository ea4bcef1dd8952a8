-- The first of a payment's two transactions, one payment at a time: everything that the switch writes before
-- it tells the biller. Variables: turn, partners, n (how many this client has paid), client_id.
\set n :n + 1
\set partner (:client_id + :n) % :partners + 1
BEGIN;
-- Whoever closes the window holds this lock exclusively; the next statement must see what it has committed.
SELECT pg_advisory_xact_lock_shared(1, 1);
WITH quote AS MATERIALIZED (
  SELECT q.*, p.lane, w.id AS window_id, w.business_date, q.amount + q.charge + q.fee + q.vat AS total,
    'prefund:' || q.partner_id || ':' || q.bucket AS prefund,
    uuidv7() AS payment_id, uuidv7() AS attempt_id, uuidv7() AS entry_id
  FROM quotes AS q JOIN partners AS p ON p.id = q.partner_id
  JOIN settlement_windows AS w
    ON w.state = 'open' AND w.business_date = (now() AT TIME ZONE INTERVAL '+06:00')::date
  WHERE q.quote_id = 'PGBENCH' || lpad(:turn::text, 4, '0') || lpad(:client_id::text, 3, '0')
      || lpad(:n::text, 12, '0')
    AND q.partner_id = 'bench' || lpad(:partner::text, 2, '0')
    AND q.expires_at > now() AND NOT q.is_paid
), lane AS (
  UPDATE lanes AS l SET seq = l.seq + 1, hash = sha256(l.hash || convert_to(concat_ws(chr(31), 'ekpay-entry-1',
    q.entry_id, q.payment_id, q.business_date, q.window_id, 'accepted', q.currency,
    q.prefund, q.total, 'in_flight', -q.total), 'UTF8'))
  FROM quote AS q WHERE l.lane = q.lane RETURNING l.seq, l.hash
), taken AS (
  -- The CHECK on the row refuses what the prefund does not cover. After the lane, so that nobody waits crosswise.
  UPDATE accounts AS a SET balance = a.balance - q.total
  FROM quote AS q, lane WHERE a.code = q.prefund RETURNING a.code
), scroll AS (
  -- One row for all clients: last of the locks, because everybody waits for it until the commit.
  INSERT INTO scroll_counters (series, business_date, last)
  SELECT q.biller_id, q.business_date, 1 FROM quote AS q, taken
  ON CONFLICT (series, business_date) DO UPDATE SET last = scroll_counters.last + 1 RETURNING last
), payment AS (
  INSERT INTO payments (id, partner_id, lane, reference, fingerprint, quote_id, biller_id, bill_key, bucket,
    currency, amount, charge, fee, vat, state, biller_quote, quote_expires_at, scroll_no, business_date, epoch,
    steps, next_action_at, lease_until)
  SELECT q.payment_id, q.partner_id, q.lane, q.quote_id, sha256(convert_to(q.quote_id, 'UTF8')), q.quote_id,
    q.biller_id, q.bill_key, q.bucket, q.currency, q.amount, q.charge, q.fee, q.vat, 'delivering',
    q.biller_quote, q.expires_at, s.last, q.business_date, 1, 1, now() + INTERVAL '40 s', now() + INTERVAL '40 s'
  FROM quote AS q, scroll AS s
), attempt AS (
  INSERT INTO attempts (id, payment_id, leg, far_side, reference, state, sends, send_until)
  SELECT attempt_id, payment_id, 'delivery', biller_id, left(replace(attempt_id::text, '-', ''), 26), 'open', 1,
    now() + INTERVAL '10 s' FROM quote
), step AS (
  INSERT INTO history (payment_id, seq, from_state, event, to_state, actor, facts)
  SELECT payment_id, 1, 'created', 'prefund_taken', 'delivering', 'switch', '{}' FROM quote
), entry AS (
  INSERT INTO journal_entries (id, lane, seq, payment_id, moment, currency, business_date, window_id, hash)
  SELECT q.entry_id, q.lane, l.seq, q.payment_id, 'accepted', q.currency, q.business_date, q.window_id, l.hash
  FROM quote AS q, lane AS l
)
INSERT INTO postings (entry_id, seq, account, amount)
SELECT q.entry_id, line.seq, line.account, line.amount FROM quote AS q, LATERAL (
  VALUES (1, q.prefund, q.total), (2, 'in_flight', -q.total)) AS line (seq, account, amount);
COMMIT;
