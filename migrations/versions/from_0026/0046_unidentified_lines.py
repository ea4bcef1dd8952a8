"""Lines of our banks' statements that nothing explains: items, what became of them, and who decided it.

Safe while the switch runs: new tables, columns with constant defaults, and a constraint that is not checked
for rows of before. Let no older code run `ekpay settle credits` or decide breaks once this has run: it would
not know that a line is booked.

Going back is refused once an item exists: its money stands in suspense.
"""

from alembic import op

revision = "0046"
down_revision = "0044"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE break_bank_lines
  ADD COLUMN booked_by TEXT DEFAULT 'break' NOT NULL,
  ADD COLUMN bank TEXT DEFAULT '' NOT NULL,
  ADD COLUMN releases UUID,
  ADD CONSTRAINT ck_break_bank_lines_booked_by
    CHECK (booked_by IN ('break', 'resolution', 'return', 'unidentified'));
CREATE UNIQUE INDEX uq_break_bank_lines_releases ON break_bank_lines (releases, reference)
  WHERE releases IS NOT NULL;
ALTER TABLE reconciliation.resolutions
  ADD COLUMN bank_reference TEXT DEFAULT '' NOT NULL,
  ADD CONSTRAINT ck_resolutions_bank_reference CHECK (bank_reference <> ''
    OR action NOT IN ('claim_received', 'pay_back_by_hand') OR reverses IS NOT NULL) NOT VALID;
CREATE TABLE reconciliation.unidentified_items (
  id UUID NOT NULL,
  number INTEGER NOT NULL,
  line_key TEXT NOT NULL,
  bank TEXT NOT NULL,
  day DATE NOT NULL,
  amount BIGINT NOT NULL,
  our_reference TEXT NOT NULL,
  bank_reference TEXT NOT NULL,
  narrative TEXT NOT NULL,
  row_name TEXT NOT NULL,
  CONSTRAINT pk_unidentified_items PRIMARY KEY (id),
  CONSTRAINT uq_unidentified_items_number UNIQUE (number),
  CONSTRAINT uq_unidentified_items_line_key UNIQUE (line_key),
  CONSTRAINT ck_unidentified_items_amount CHECK (amount <> 0)
);
CREATE INDEX ix_unidentified_items_amount ON reconciliation.unidentified_items (amount);
CREATE INDEX ix_unidentified_items_our_reference ON reconciliation.unidentified_items (our_reference);
CREATE INDEX ix_unidentified_items_bank_reference ON reconciliation.unidentified_items (bank_reference);
CREATE TABLE reconciliation.unidentified_decisions (
  id UUID NOT NULL,
  item_id UUID NOT NULL,
  action TEXT NOT NULL,
  reason TEXT NOT NULL,
  bank_reference TEXT NOT NULL,
  reverses UUID,
  proposed_by TEXT NOT NULL,
  proposed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_unidentified_decisions PRIMARY KEY (id),
  CONSTRAINT uq_unidentified_decisions_item UNIQUE (id, item_id),
  CONSTRAINT ck_unidentified_decisions_action CHECK (action IN ('link', 'return', 'reverse', 'split')),
  CONSTRAINT ck_unidentified_decisions_reason CHECK (reason <> ''),
  CONSTRAINT ck_unidentified_decisions_return CHECK ((action = 'return') = (bank_reference <> '')),
  CONSTRAINT ck_unidentified_decisions_reverses CHECK ((action = 'reverse') = (reverses IS NOT NULL)),
  CONSTRAINT fk_unidentified_decisions_item_id FOREIGN KEY (item_id)
    REFERENCES reconciliation.unidentified_items (id),
  CONSTRAINT fk_unidentified_decisions_reverses FOREIGN KEY (reverses, item_id)
    REFERENCES reconciliation.unidentified_decisions (id, item_id),
  CONSTRAINT fk_unidentified_decisions_proposed_by FOREIGN KEY (proposed_by) REFERENCES public.staff (name)
);
CREATE INDEX ix_unidentified_decisions_item_id ON reconciliation.unidentified_decisions (item_id);
CREATE TABLE reconciliation.unidentified_parts (
  decision_id UUID NOT NULL,
  place SMALLINT NOT NULL,
  account TEXT NOT NULL,
  amount BIGINT NOT NULL,
  target TEXT NOT NULL,
  CONSTRAINT pk_unidentified_parts PRIMARY KEY (decision_id, place),
  CONSTRAINT uq_unidentified_parts_target UNIQUE (decision_id, target),
  CONSTRAINT ck_unidentified_parts_amount CHECK (amount <> 0),
  CONSTRAINT ck_unidentified_parts_target CHECK (target <> ''),
  CONSTRAINT fk_unidentified_parts_decision_id FOREIGN KEY (decision_id)
    REFERENCES reconciliation.unidentified_decisions (id)
);
CREATE TABLE reconciliation.unidentified_events (
  item_id UUID NOT NULL,
  revision SMALLINT NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  decision_id UUID,
  resolution_id UUID,
  person TEXT,
  entry_id UUID,
  reason TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_unidentified_events PRIMARY KEY (item_id, revision),
  CONSTRAINT uq_unidentified_events_entry_id UNIQUE (entry_id),
  CONSTRAINT ck_unidentified_events_decision CHECK
    ((event IN ('approved', 'lapsed', 'proposed', 'rejected')) = (decision_id IS NOT NULL)),
  CONSTRAINT ck_unidentified_events_resolution CHECK ((event = 'taken') = (resolution_id IS NOT NULL)),
  CONSTRAINT ck_unidentified_events_person CHECK
    ((event IN ('approved', 'proposed', 'rejected')) = (person IS NOT NULL)),
  CONSTRAINT fk_unidentified_events_item_id FOREIGN KEY (item_id)
    REFERENCES reconciliation.unidentified_items (id),
  CONSTRAINT fk_unidentified_events_decision FOREIGN KEY (decision_id, item_id)
    REFERENCES reconciliation.unidentified_decisions (id, item_id),
  CONSTRAINT fk_unidentified_events_resolution_id FOREIGN KEY (resolution_id)
    REFERENCES reconciliation.resolutions (id),
  CONSTRAINT fk_unidentified_events_person FOREIGN KEY (person) REFERENCES public.staff (name)
);
CREATE UNIQUE INDEX uq_unidentified_events_one_end ON reconciliation.unidentified_events (decision_id)
  WHERE event IN ('approved', 'lapsed', 'rejected')
"""
# Which event follows which state, who may decide, and that parts come to the amount of their line.
_STEP = """
CREATE FUNCTION reconciliation.check_unidentified_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before reconciliation.unidentified_events;
  decision reconciliation.unidentified_decisions;
  is_reversal BOOLEAN;
BEGIN
  SELECT * INTO before FROM reconciliation.unidentified_events
  WHERE item_id = NEW.item_id AND revision = NEW.revision - 1;
  SELECT * INTO decision FROM reconciliation.unidentified_decisions WHERE id = NEW.decision_id;
  is_reversal := coalesce(decision.action = 'reverse', false);
  IF NEW.revision <> 1 AND before.item_id IS NULL OR (coalesce(before.state, ''), NEW.event, NEW.state,
      is_reversal) NOT IN (
    ('', 'found', 'open', false), ('gone', 'found', 'open', false), ('taken', 'found', 'open', false),
    ('missing', 'found', 'settled', false),
    ('open', 'proposed', 'proposed', false), ('settled', 'proposed', 'proposed', true),
    ('missing', 'proposed', 'proposed', true),
    ('proposed', 'approved', 'settled', false), ('proposed', 'approved', 'open', true),
    ('proposed', 'rejected', 'open', false), ('proposed', 'rejected', 'settled', true),
    ('proposed', 'lapsed', 'open', false),
    ('open', 'taken', 'taken', false), ('open', 'gone', 'gone', false),
    ('settled', 'missing', 'missing', false)) THEN
    RAISE EXCEPTION 'an unidentified line that is % cannot be % and then %',
      coalesce(before.state, 'new'), NEW.event, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.entry_id IS NOT NULL) <> (NEW.event IN ('approved', 'gone', 'taken')
      OR (NEW.event = 'found' AND NEW.state = 'open')) THEN
    RAISE EXCEPTION 'an unidentified line moves by the entry of its event' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.event IN ('approved', 'lapsed', 'rejected') AND NEW.decision_id <> before.decision_id THEN
    RAISE EXCEPTION 'another proposal waits' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.event = 'proposed' AND NEW.person <> decision.proposed_by
    OR NEW.event IN ('approved', 'rejected') AND NEW.person = decision.proposed_by THEN
    RAISE EXCEPTION 'an unidentified line is decided by two persons' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.event = 'proposed' AND NOT is_reversal AND (
      SELECT coalesce(sum(p.amount), 0) FROM reconciliation.unidentified_parts AS p
      WHERE p.decision_id = NEW.decision_id)
    <> (SELECT i.amount FROM reconciliation.unidentified_items AS i WHERE i.id = NEW.item_id) THEN
    RAISE EXCEPTION 'the parts do not come to the amount of the line' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_PARTS = """
CREATE FUNCTION reconciliation.check_unidentified_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM reconciliation.unidentified_events WHERE decision_id = NEW.decision_id) THEN
    RAISE EXCEPTION 'the parts of a proposal do not change' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
# What an event must have posted, by account; read by its trigger, and by the audit.
_EXPECTED = """
CREATE VIEW reconciliation.unidentified_postings AS
SELECT e.item_id, e.revision, e.entry_id, x.account, sum(x.amount)::bigint AS amount
FROM reconciliation.unidentified_events AS e
JOIN reconciliation.unidentified_items AS i ON i.id = e.item_id
LEFT JOIN reconciliation.unidentified_decisions AS d ON d.id = e.decision_id
CROSS JOIN LATERAL (
  SELECT 'suspense:' || i.bank AS account,
    CASE WHEN e.event = 'found' OR d.action = 'reverse' THEN -i.amount ELSE i.amount END AS amount
  UNION ALL
  SELECT 'settlement_bank', CASE WHEN e.event = 'found' THEN i.amount ELSE -i.amount END
  WHERE e.event IN ('found', 'gone', 'taken')
  UNION ALL
  SELECT p.account, CASE WHEN d.action = 'reverse' THEN p.amount ELSE -p.amount END
  FROM reconciliation.unidentified_parts AS p
  WHERE e.event = 'approved' AND p.decision_id = coalesce(d.reverses, d.id)) AS x
WHERE e.entry_id IS NOT NULL
GROUP BY e.item_id, e.revision, e.entry_id, x.account
"""
_POSTED = """
CREATE FUNCTION reconciliation.check_unidentified_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT account, amount FROM reconciliation.unidentified_postings
      WHERE item_id = NEW.item_id AND revision = NEW.revision) AS x
    FULL JOIN (SELECT account, sum(amount)::bigint AS amount FROM public.postings
      WHERE entry_id = NEW.entry_id GROUP BY account) AS p ON p.account = x.account
    WHERE p.amount IS DISTINCT FROM x.amount) THEN
    RAISE EXCEPTION 'the entry of an unidentified line is not what its event says'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_TRIGGERS = """
CREATE TRIGGER unidentified_events_step BEFORE INSERT ON reconciliation.unidentified_events
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_unidentified_event();
CREATE TRIGGER unidentified_parts_fixed BEFORE INSERT ON reconciliation.unidentified_parts
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_unidentified_part();
CREATE CONSTRAINT TRIGGER unidentified_events_entry AFTER INSERT ON reconciliation.unidentified_events
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.entry_id IS NOT NULL)
EXECUTE FUNCTION reconciliation.check_unidentified_entry()
"""
_NEW = ("items", "decisions", "parts", "events")


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
    for statement in (_STEP, _PARTS, _EXPECTED, _POSTED, *_TRIGGERS.split(";\n")):
        op.execute(statement)
    for name in _NEW:
        op.execute(f"GRANT SELECT ON reconciliation.unidentified_{name} TO ekpay_app, ekpay_audit")
        op.execute(f"GRANT INSERT ON reconciliation.unidentified_{name} TO ekpay_app")
    op.execute("GRANT SELECT ON reconciliation.unidentified_postings TO ekpay_app, ekpay_audit")


def downgrade() -> None:
    """Take it away; refused once a line was booked by it."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("""
    DO $$ BEGIN
      IF EXISTS (SELECT FROM reconciliation.unidentified_items)
        OR EXISTS (SELECT FROM break_bank_lines WHERE booked_by <> 'break') THEN
        RAISE EXCEPTION 'lines of our bank are booked as unidentified, or by their reference';
      END IF;
    END $$
    """)
    op.execute("DROP VIEW reconciliation.unidentified_postings")
    for name in reversed(_NEW):
        op.execute(f"DROP TABLE reconciliation.unidentified_{name}")
    for name in ("event", "part", "entry"):
        op.execute(f"DROP FUNCTION reconciliation.check_unidentified_{name}")
    op.execute("ALTER TABLE reconciliation.resolutions DROP COLUMN bank_reference")
    op.execute("DROP INDEX uq_break_bank_lines_releases")
    op.execute("ALTER TABLE break_bank_lines DROP COLUMN booked_by, DROP COLUMN bank, DROP COLUMN releases")
