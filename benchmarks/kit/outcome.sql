-- The second transaction of the same payment: everything that the switch writes once the biller has
-- acknowledged. The quotes of the bench carry no fee, so the entry has two lines on both sides.
BEGIN;
SELECT pg_advisory_xact_lock_shared(1, 1);
SELECT id AS window_id, business_date, uuidv7() AS entry_id, uuidv7() AS notice_id FROM settlement_windows
WHERE state = 'open' AND business_date = (now() AT TIME ZONE INTERVAL '+06:00')::date
\gset
UPDATE lanes SET seq = seq + 1, hash = sha256(hash || convert_to(concat_ws(chr(31), 'ekpay-entry-1',
  :entry_id::text, :payment_id::text, :business_date::text, :window_id::text, 'delivered', :currency::text,
  'in_flight', :total::text, 'payable:' || :biller_id::text, (-:amount::bigint)::text), 'UTF8'))
WHERE lane = :lane::smallint RETURNING seq, hash
\gset
\startpipeline
UPDATE payments SET state = 'completed', steps = 2, next_action_at = NULL, lease_until = NULL,
  updated_at = now(), facts = jsonb_build_object('message', 'SUCCESS', 'scroll_no', scroll_no::text)
WHERE id = :payment_id AND epoch = 1 AND state = 'delivering';
UPDATE attempts SET state = 'closed', outcome = 'approved', closed_at = now() WHERE id = :attempt_id;
INSERT INTO history (payment_id, seq, from_state, event, to_state, actor, facts)
VALUES (:payment_id, 2, 'delivering', 'biller_acknowledged', 'completed', 'switch',
  jsonb_build_object('message', 'SUCCESS', 'scroll_no', :scroll_no::text));
INSERT INTO journal_entries (id, lane, seq, payment_id, moment, currency, business_date, window_id, hash)
VALUES (:entry_id, :lane, :seq, :payment_id, 'delivered', :currency, :business_date, :window_id, :hash);
INSERT INTO postings (entry_id, seq, account, amount)
VALUES (:entry_id::uuid, 1, 'in_flight', :total::bigint),
  (:entry_id::uuid, 2, 'payable:' || :biller_id::text, -:amount::bigint);
INSERT INTO notifications (id, payment_id, partner_id, notice)
VALUES (:notice_id, :payment_id, :partner_id, 'completed');
COMMIT;
\endpipeline
