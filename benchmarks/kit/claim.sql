-- The first of a payment's two transactions, one payment at a time: everything that the switch writes before
-- it tells the biller. Variables: turn, partners, has_scroll, n (how many this client has paid), client_id.
-- Plain statements, the last ones in one pipeline: as fast as one statement that does it all, and less stuck
-- where many clients wait for each other.
\set n :n + 1
\set partner (:client_id + :n) % :partners + 1
BEGIN;
-- Whoever closes the window holds this lock exclusively; the next statement must see what it has committed.
SELECT pg_advisory_xact_lock_shared(1, 1);
SELECT q.quote_id, q.partner_id, q.biller_id, q.currency, q.amount, q.amount + q.charge + q.fee + q.vat AS total,
  p.lane, 'prefund:' || q.partner_id || ':' || q.bucket AS prefund, w.id AS window_id, w.business_date,
  uuidv7() AS payment_id, uuidv7() AS attempt_id, uuidv7() AS entry_id
FROM quotes AS q JOIN partners AS p ON p.id = q.partner_id
JOIN settlement_windows AS w
  ON w.state = 'open' AND w.business_date = (now() AT TIME ZONE INTERVAL '+06:00')::date
WHERE q.quote_id = 'PGBENCH' || lpad(:turn::text, 4, '0') || lpad(:client_id::text, 3, '0')
    || lpad(:n::text, 12, '0')
  AND q.partner_id = 'bench' || lpad(:partner::text, 2, '0')
  AND q.expires_at > now() AND NOT q.is_paid
\gset
UPDATE lanes SET seq = seq + 1, hash = sha256(hash || convert_to(concat_ws(chr(31), 'ekpay-entry-1',
  :entry_id::text, :payment_id::text, :business_date::text, :window_id::text, 'accepted', :currency::text,
  :prefund::text, :total::text, 'in_flight', (-:total::bigint)::text), 'UTF8'))
WHERE lane = :lane::smallint RETURNING seq, hash
\gset
-- The CHECK on the row refuses what the prefund does not cover. After the lane, so that nobody waits crosswise.
UPDATE accounts SET balance = balance - :total::bigint, taken_on = greatest(taken_on, :business_date::date),
  taken = CASE WHEN taken_on >= :business_date::date THEN taken ELSE 0 END + :total::bigint
WHERE code = :prefund;
\set scroll_no 0
\if :has_scroll
-- One row for all clients: last of the locks, because everybody waits for it until the commit.
INSERT INTO scroll_counters (series, business_date, last) VALUES (:biller_id, :business_date, 1)
ON CONFLICT (series, business_date) DO UPDATE SET last = scroll_counters.last + 1 RETURNING last AS scroll_no
\gset
\endif
\startpipeline
INSERT INTO payments (id, partner_id, lane, reference, fingerprint, quote_id, biller_id, bill_key, bucket,
  currency, amount, charge, fee, vat, state, biller_quote, quote_expires_at, scroll_no, business_date, epoch,
  steps, next_action_at, lease_until)
SELECT :payment_id::uuid, partner_id, :lane::smallint, quote_id, sha256(convert_to(quote_id, 'UTF8')), quote_id,
  biller_id, bill_key, bucket, currency, amount, charge, fee, vat, 'delivering', biller_quote, expires_at,
  nullif(:scroll_no::bigint, 0), :business_date::date, 1, 1, now() + INTERVAL '40 s', now() + INTERVAL '40 s'
FROM quotes WHERE quote_id = :quote_id;
INSERT INTO attempts (id, payment_id, leg, far_side, reference, state, sends, send_until)
VALUES (:attempt_id, :payment_id, 'delivery', :biller_id, left(replace(:attempt_id::text, '-', ''), 26), 'open', 1,
  now() + INTERVAL '10 s');
INSERT INTO history (payment_id, seq, from_state, event, to_state, actor, facts)
VALUES (:payment_id, 1, 'created', 'prefund_taken', 'delivering', 'switch', '{}');
INSERT INTO journal_entries (id, lane, seq, payment_id, moment, currency, business_date, window_id, hash)
VALUES (:entry_id, :lane, :seq, :payment_id, 'accepted', :currency, :business_date, :window_id, :hash);
INSERT INTO postings (entry_id, seq, account, amount)
VALUES (:entry_id::uuid, 1, :prefund, :total::bigint), (:entry_id::uuid, 2, 'in_flight', -:total::bigint);
COMMIT;
\endpipeline
