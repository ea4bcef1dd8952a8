"""The tables of disputes: what a connector's payers contest, its steps and the evidence (docs/adr/0096)."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.disputes.dispute import (
    DISPUTE_TRANSITIONS,
    TWO_PERSON_EVENTS,
    UNANSWERED,
    DisputeEvent,
    DisputeState,
)
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

FILE_BYTES_MAX = 5_000_000
_TWO_PERSONS = ", ".join(f"'{event}'" for event in sorted(TWO_PERSON_EVENTS))

# One row for each dispute as its connector names it; its further rounds are steps of the same row. The id is
# the short number that people type. `amount` is in paisa; `answer_due_on` is the connector's own deadline of
# the newest round, a Dhaka date.
disputes = Table(
    "disputes",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False, index=True),
    Column("attempt_id", Uuid, ForeignKey("tries.attempt_id"), nullable=False, index=True),
    Column("connector_id", Text, nullable=False),
    Column("name", Text, nullable=False),  # the connector's own
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'notified'")),
    Column("round", Integer, nullable=False, server_default=text("1")),
    Column("answer_due_on", Date, nullable=False),
    # The chargeback that holds or has its money; none after a round that was won.
    Column("refund_id", Uuid, ForeignKey("refunds.id"), unique=True),
    Column("settlement", Text),  # what settled its claim in another way
    Column("steps", Integer, nullable=False, server_default=text("0")),  # the number of history rows
    Column("opened_by", Text, ForeignKey("staff.name")),
    Column("opened_from", Text),  # the settlement file whose row has opened it, where no person did
    instant("opened_at", server_default=func.now()),
    instant("updated_at", server_default=func.now()),
    # What waits for a second person.
    Column("proposed_event", Text),
    Column("proposed_by", Text, ForeignKey("staff.name")),
    instant("proposed_at", nullable=True),
    Column("proposed_after", Integer),  # its number of steps then
    Column("proposed", JSONB),
    UniqueConstraint("connector_id", "name"),
    CheckConstraint("name <> ''", name="name"),
    CheckConstraint("num_nonnulls(opened_by, opened_from) = 1", name="opened"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("round > 0", name="round"),
    CheckConstraint(one_of("state", DisputeState), name="state"),
    CheckConstraint("state <> 'won' OR refund_id IS NULL", name="won"),
    CheckConstraint("(state = 'settled') = (settlement IS NOT NULL)", name="settled"),
    CheckConstraint(one_of("proposed_event", TWO_PERSON_EVENTS), name="proposed_event"),
    CheckConstraint(
        "num_nonnulls(proposed_event, proposed_by, proposed_at, proposed_after, proposed) IN (0, 5)",
        name="proposal",
    ),
)
Index(
    "ix_disputes_unanswered",
    disputes.c.answer_due_on,
    postgresql_where=text(one_of("state", UNANSWERED)),
)


def _legal_steps() -> str:
    steps = sorted((*pair, following) for pair, following in DISPUTE_TRANSITIONS.items())
    listed = ", ".join(f"('{before}', '{event}', '{following}')" for before, event, following in steps)
    return f"(from_state, event, to_state) IN ({listed})"


dispute_history = Table(
    "dispute_history",
    metadata,
    Column("dispute_id", BigInteger, ForeignKey("disputes.id"), primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("round", Integer, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("actor", Text, ForeignKey("staff.name")),  # nobody where a settlement file opens a round
    Column("approved_by", Text, ForeignKey("staff.name")),
    Column("refund_id", Uuid, ForeignKey("refunds.id"), index=True),  # the chargeback that the step is about
    Column("facts", JSONB, nullable=False),
    instant("at", server_default=func.now()),
    CheckConstraint(_legal_steps(), name="legal_step"),
    CheckConstraint(f"(event IN ({_TWO_PERSONS})) = (approved_by IS NOT NULL)", name="approval"),
    CheckConstraint("approved_by <> actor", name="two_persons"),
    CheckConstraint("actor IS NOT NULL OR event = 'round_opened'", name="actor"),
    CheckConstraint("event <> 'money_held' OR refund_id IS NOT NULL", name="movement"),
    info=APPEND_ONLY,
)
# A movement of money belongs to one dispute.
Index(
    "uq_dispute_history_movement",
    dispute_history.c.refund_id,
    unique=True,
    postgresql_where=text(f"event = '{DisputeEvent.MONEY_HELD}'"),
)

dispute_files = Table(
    "dispute_files",
    metadata,
    Column("dispute_id", BigInteger, ForeignKey("disputes.id"), primary_key=True, autoincrement=False),
    Column("sha256", LargeBinary, primary_key=True),
    Column("round", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("added_by", Text, ForeignKey("staff.name"), nullable=False),
    instant("added_at", server_default=func.now()),
    CheckConstraint("sha256 = sha256(content)", name="sha256"),
    CheckConstraint(f"length(content) BETWEEN 1 AND {FILE_BYTES_MAX}", name="content"),
    info=APPEND_ONLY,
)

# What a decision about the break of a chargeback row has booked of it: one row for the entry that books it,
# one with the sign turned for the entry that takes it back; `amount` in paisa, `name` is the connector's name
# of the row. While the sum is above zero, neither a dispute nor a chargeback of its own books the row.
chargeback_decisions = Table(
    "chargeback_decisions",
    metadata,
    Column("connector_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("entry_id", Uuid, primary_key=True, index=True),
    Column("amount", BigInteger, nullable=False),
    instant("at", server_default=func.now()),
    CheckConstraint("amount <> 0", name="amount"),
    info=APPEND_ONLY,
)

# The money of a dispute is what its state says, and its state is that of its last step; checked when the
# transaction ends, since refund and dispute change one after the other.
_MONEY = """
CREATE FUNCTION check_dispute_money() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
  SELECT CASE
      WHEN d.refund_id IS NOT NULL AND (r.kind, r.attempt_id, r.amount)
        IS DISTINCT FROM ('chargeback', d.attempt_id, d.amount) THEN 'its money is another chargeback'
      WHEN r.state <> 'done' AND (r.state <> 'held' OR d.state IN ('accepted', 'lost', 'settled'))
        THEN 'its money is ' || r.state
      WHEN d.refund_id IS DISTINCT FROM (
        SELECT CASE m.event WHEN 'money_held' THEN m.refund_id END FROM dispute_history AS m
        WHERE m.dispute_id = d.id AND m.event IN ('money_held', 'won') ORDER BY m.seq DESC LIMIT 1)
        THEN 'its money is not that of its steps'
      WHEN d.steps > 0 AND (h.to_state, h.round) IS DISTINCT FROM (d.state, d.round)
        THEN 'its last step does not lead there'
      WHEN d.steps = 0 AND (d.state, d.round) <> ('notified', 1) THEN 'it has no steps'
    END INTO broken
    FROM disputes AS d LEFT JOIN refunds AS r ON r.id = d.refund_id
    LEFT JOIN dispute_history AS h ON h.dispute_id = d.id AND h.seq = d.steps WHERE d.id = NEW.id;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'dispute %: %', NEW.id, broken USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_MONEY_TRIGGER = """
CREATE CONSTRAINT TRIGGER disputes_money AFTER INSERT OR UPDATE ON disputes
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_dispute_money()
"""
_CHARGEBACK = """
CREATE FUNCTION check_disputed_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM refunds AS r WHERE r.id = NEW.id AND (
    r.state = 'held' AND NOT EXISTS (SELECT FROM disputes AS d WHERE d.refund_id = r.id)
    OR r.state = 'returned' AND NOT EXISTS (SELECT FROM dispute_history AS h
      WHERE h.refund_id = r.id AND h.event = 'won'));
  IF FOUND THEN
    RAISE EXCEPTION 'refund % is % without its dispute', NEW.id, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_CHARGEBACK_TRIGGER = """
CREATE CONSTRAINT TRIGGER refunds_disputed AFTER INSERT OR UPDATE ON refunds
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state IN ('held', 'returned'))
  EXECUTE FUNCTION check_disputed_refund()
"""
# Whoever comes second sees the first by the lock of the name, whatever else was locked.
_ROW_ONCE = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(
    hashtextextended('chargeback row ' || NEW.connector_id || ' ' || NEW.{name}, 0));
  PERFORM FROM chargeback_decisions AS d JOIN refunds AS r
    ON r.connector_id = d.connector_id AND r.provider_refund = d.name AND r.kind = 'chargeback'
    AND r.state NOT IN ('failed', 'rejected')
    WHERE d.connector_id = NEW.connector_id AND d.name = NEW.{name} GROUP BY r.id HAVING sum(d.amount) > 0;
  IF FOUND THEN
    RAISE EXCEPTION 'row % is booked by a decision and by a chargeback', NEW.{name}
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_DECIDED_ONCE = _ROW_ONCE.format(function="check_chargeback_decision", name="name")
_DECIDED_ONCE_TRIGGER = """
CREATE TRIGGER chargeback_decisions_once AFTER INSERT ON chargeback_decisions
  FOR EACH ROW EXECUTE FUNCTION check_chargeback_decision()
"""
_TAKEN_ONCE = _ROW_ONCE.format(function="check_chargeback_taken", name="provider_refund")
_TAKEN_ONCE_TRIGGER = """
CREATE TRIGGER refunds_row_once AFTER INSERT OR UPDATE OF provider_refund ON refunds
  FOR EACH ROW WHEN (NEW.kind = 'chargeback' AND NEW.provider_refund IS NOT NULL)
  EXECUTE FUNCTION check_chargeback_taken()
"""
DISPUTE_TRIGGERS = {
    "disputes_money": (_MONEY, _MONEY_TRIGGER),
    "refunds_disputed": (_CHARGEBACK, _CHARGEBACK_TRIGGER),
    "chargeback_decisions_once": (_DECIDED_ONCE, _DECIDED_ONCE_TRIGGER),
    "refunds_row_once": (_TAKEN_ONCE, _TAKEN_ONCE_TRIGGER),
}
