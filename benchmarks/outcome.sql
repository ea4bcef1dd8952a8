-- The second transaction of the same payment: everything that the switch writes once the biller has
-- acknowledged. The quotes of the bench carry no fee, so the entry has two lines on both sides.
BEGIN;
SELECT pg_advisory_xact_lock_shared(1, 1);
WITH payment AS (
  UPDATE payments SET state = 'completed', steps = 2, next_action_at = NULL, lease_until = NULL,
    updated_at = now(), facts = jsonb_build_object('message', 'SUCCESS', 'scroll_no', scroll_no::text)
  WHERE partner_id = 'bench' || lpad(:partner::text, 2, '0')
    AND reference = 'PGBENCH' || lpad(:turn::text, 4, '0') || lpad(:client_id::text, 3, '0')
      || lpad(:n::text, 12, '0')
    AND epoch = 1 AND state = 'delivering'
  RETURNING id, partner_id, lane, currency, amount, amount + charge + fee + vat AS total,
    'payable:' || biller_id AS payee, facts, uuidv7() AS entry_id
), day AS (
  SELECT id AS window_id, business_date FROM settlement_windows
  WHERE state = 'open' AND business_date = (now() AT TIME ZONE INTERVAL '+06:00')::date
), lane AS (
  UPDATE lanes AS l SET seq = l.seq + 1, hash = sha256(l.hash || convert_to(concat_ws(chr(31), 'ekpay-entry-1',
    p.entry_id, p.id, d.business_date, d.window_id, 'delivered', p.currency,
    'in_flight', p.total, p.payee, -p.amount), 'UTF8'))
  FROM payment AS p, day AS d WHERE l.lane = p.lane RETURNING l.seq, l.hash
), attempt AS (
  UPDATE attempts AS a SET state = 'closed', outcome = 'approved', closed_at = now()
  FROM payment AS p WHERE a.payment_id = p.id AND a.leg = 'delivery' AND a.state = 'open'
), step AS (
  INSERT INTO history (payment_id, seq, from_state, event, to_state, actor, facts)
  SELECT id, 2, 'delivering', 'biller_acknowledged', 'completed', 'switch', facts FROM payment
), entry AS (
  INSERT INTO journal_entries (id, lane, seq, payment_id, moment, currency, business_date, window_id, hash)
  SELECT p.entry_id, p.lane, l.seq, p.id, 'delivered', p.currency, d.business_date, d.window_id, l.hash
  FROM payment AS p, day AS d, lane AS l
), notice AS (
  INSERT INTO notifications (id, payment_id, partner_id, notice)
  SELECT uuidv7(), id, partner_id, 'completed' FROM payment
)
INSERT INTO postings (entry_id, seq, account, amount)
SELECT p.entry_id, line.seq, line.account, line.amount FROM payment AS p, LATERAL (
  VALUES (1, 'in_flight', p.total), (2, p.payee, -p.amount)) AS line (seq, account, amount);
COMMIT;
