"""The tables of host links: leases, allocated STANs, and requests with their replies and reversals.

Further checks beside the constraints are in `HOST_TRIGGERS` (docs/adr/0037).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.host_messages import HOST_TRANSITIONS, STAN_MAX, HostState
from ekpay_switch.persistence.schema.books import instant, metadata, one_of

# The lease of a link; each new owner has a greater epoch.
host_links = Table(
    "host_links",
    metadata,
    Column("connector_id", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("holder", Text, nullable=False),
    instant("lease_until", nullable=True),
)

# The last allocated STAN of an acquirer's Dhaka day.
host_traces = Table(
    "host_traces",
    metadata,
    Column("acquirer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("last", Integer, nullable=False),
    CheckConstraint(f"last BETWEEN 1 AND {STAN_MAX}", name="last"),
)

# One row for each request, with the reference of its try and the epoch of the holder that made it. A row
# without a STAN is a tombstone: it keeps holders up to its epoch from handing over. `late_reply` is a reply
# that came when it did not count any more.
host_messages = Table(
    "host_messages",
    metadata,
    Column("connector_id", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("payment_id", Uuid),
    Column("acquirer", Text),
    Column("day", Date),
    Column("stan", Integer),
    instant("at", nullable=True),
    Column("rrn", Text),
    Column("amount", BigInteger),
    Column("currency", Text),
    Column("alias", Text),
    Column("state", Text, nullable=False),
    instant("handed_over_at", server_default=func.now()),
    instant("send_until", nullable=True),
    Column("link_epoch", Integer),
    instant("taken_at", nullable=True),
    instant("lost_at", nullable=True),
    Column("reply_code", Text),
    Column("reply_decided", Boolean, nullable=False, server_default=text("false")),
    Column("reply", JSONB),
    instant("answered_at", nullable=True),
    Column("reversal_day", Date),
    Column("reversal_stan", Integer),
    instant("reversal_at", nullable=True),
    Column("reversals_wanted", Integer, nullable=False, server_default=text("0")),
    Column("reversals_sent", Integer, nullable=False, server_default=text("0")),
    Column("reversal_answers", Integer, nullable=False, server_default=text("0")),
    Column("reversal_code", Text),
    instant("reversed_at", nullable=True),
    Column("late_code", Text),
    Column("late_reply", JSONB),
    instant("late_at", nullable=True),
    Column("late_approved", Boolean, nullable=False, server_default=text("false")),
    # The reversal that came before its request; that of `reversal_stan` was begun anew then.
    Column("overtaken_day", Date),
    Column("overtaken_stan", Integer),
    Column("overtaken_sends", Integer),
    CheckConstraint(one_of("state", HostState), name="state"),
    CheckConstraint(
        "num_nulls(payment_id, acquirer, day, stan, at, rrn, amount, currency, alias, send_until) IN (0, 10)",
        name="whole",
    ),
    CheckConstraint("stan IS NOT NULL OR state = 'withdrawn'", name="tombstone"),
    CheckConstraint(f"stan BETWEEN 1 AND {STAN_MAX}", name="stan"),
    CheckConstraint(f"reversal_stan BETWEEN 1 AND {STAN_MAX}", name="reversal_stan"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("(taken_at IS NULL) = (link_epoch IS NULL)", name="link_epoch"),
    CheckConstraint("taken_at IS NOT NULL OR state IN ('waiting', 'withdrawn')", name="taken_at"),
    CheckConstraint("num_nulls(reply_code, reply, answered_at) IN (0, 3)", name="reply"),
    CheckConstraint("reply_code IS NOT NULL OR state <> 'answered'", name="answered"),
    CheckConstraint("NOT reply_decided OR state = 'answered'", name="reply_decided"),
    CheckConstraint("(state IN ('reversed', 'reversing')) = (reversal_stan IS NOT NULL)", name="reversing"),
    CheckConstraint("num_nulls(reversal_day, reversal_stan, reversal_at) IN (0, 3)", name="reversal"),
    CheckConstraint("reversals_sent BETWEEN 0 AND reversals_wanted", name="reversals_sent"),
    CheckConstraint(
        "(state = 'reversed') = (reversed_at IS NOT NULL) AND "
        "(reversal_code IS NOT NULL OR state <> 'reversed')",
        name="reversed_at",
    ),
    CheckConstraint("num_nulls(late_code, late_reply, late_at) IN (0, 3)", name="late_reply"),
    CheckConstraint("late_code IS NOT NULL OR NOT late_approved", name="late_approved"),
    CheckConstraint("num_nulls(overtaken_day, overtaken_stan, overtaken_sends) IN (0, 3)", name="overtaken"),
    CheckConstraint("overtaken_stan IS NULL OR late_approved", name="reversed_anew"),
)
# A try's money is requested once, unless the request provably was never sent.
Index(
    "uq_host_messages_one_sent",
    host_messages.c.connector_id,
    host_messages.c.reference,
    unique=True,
    postgresql_where=text("state <> 'withdrawn'"),
)
Index(
    "uq_host_messages_stan",
    host_messages.c.acquirer,
    host_messages.c.day,
    host_messages.c.stan,
    unique=True,
    postgresql_where=text("stan IS NOT NULL"),
)
Index(
    "uq_host_messages_reversal_stan",
    host_messages.c.acquirer,
    host_messages.c.reversal_day,
    host_messages.c.reversal_stan,
    unique=True,
    postgresql_where=text("reversal_stan IS NOT NULL"),
)
Index("ix_host_messages_rrn", host_messages.c.connector_id, host_messages.c.rrn)
Index(
    "ix_host_messages_waiting",
    host_messages.c.connector_id,
    host_messages.c.handed_over_at,
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "ix_host_messages_taken",
    host_messages.c.connector_id,
    postgresql_where=text("state = 'taken' AND lost_at IS NULL"),
)
Index(
    "ix_host_messages_to_reverse",
    host_messages.c.connector_id,
    host_messages.c.reversal_at,
    postgresql_where=text("state = 'reversing' AND reversals_wanted > reversals_sent"),
)
Index(
    "ix_host_messages_reversing", host_messages.c.connector_id, postgresql_where=text("state = 'reversing'")
)


def _legal_moves() -> str:
    moves = sorted({(before, after) for (before, _), after in HOST_TRANSITIONS.items() if before != after})
    return ",\n    ".join(f"('{before}', '{after}')" for before, after in moves)


# Refuses a change of state without an event, the reversal of an answered request, and changed content of an
# existing request. A confirmed reversal is begun anew only if it had overtaken its request, as a new message.
_MOVES = f"""
CREATE FUNCTION check_host_message() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE is_anew boolean := OLD.overtaken_stan IS NULL AND NEW.overtaken_stan IS NOT NULL
  AND (OLD.reversal_day, OLD.reversal_stan) = (NEW.overtaken_day, NEW.overtaken_stan)
  AND NEW.reversal_code = '25' AND NEW.state = 'reversing';
BEGIN
  IF OLD.state <> NEW.state AND (OLD.reply_decided OR (OLD.state, NEW.state) NOT IN (
    {_legal_moves()})) THEN
    RAISE EXCEPTION 'a host message cannot be % after it was %', NEW.state, OLD.state
      USING ERRCODE = 'check_violation';
  END IF;
  IF (OLD.connector_id, OLD.reference, OLD.epoch, OLD.payment_id, OLD.acquirer, OLD.day, OLD.stan)
      IS DISTINCT FROM
      (NEW.connector_id, NEW.reference, NEW.epoch, NEW.payment_id, NEW.acquirer, NEW.day, NEW.stan)
    OR (OLD.at, OLD.rrn, OLD.amount, OLD.currency, OLD.alias, OLD.send_until)
      IS DISTINCT FROM (NEW.at, NEW.rrn, NEW.amount, NEW.currency, NEW.alias, NEW.send_until)
    OR (OLD.reply_code IS NOT NULL AND (OLD.reply_code, OLD.reply_decided, OLD.reply)
      IS DISTINCT FROM (NEW.reply_code, NEW.reply_decided, NEW.reply))
    OR (OLD.reversal_stan IS NOT NULL AND (OLD.reversal_day, OLD.reversal_stan)
      IS DISTINCT FROM (NEW.reversal_day, NEW.reversal_stan) AND NOT is_anew)
    OR (OLD.overtaken_stan IS NOT NULL AND (OLD.overtaken_day, OLD.overtaken_stan, OLD.overtaken_sends)
      IS DISTINCT FROM (NEW.overtaken_day, NEW.overtaken_stan, NEW.overtaken_sends)) THEN
    RAISE EXCEPTION 'what a host message says never changes' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'reversed' AND NEW.state <> 'reversed' AND NOT is_anew THEN
    RAISE EXCEPTION 'a reversal that the host has confirmed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_MOVES_TRIGGER = """
CREATE TRIGGER host_messages_moves BEFORE UPDATE ON host_messages
  FOR EACH ROW EXECUTE FUNCTION check_host_message()
"""
# A try over a host link collects money only if the host's reply has settled its request, which is never
# reversed then.
_MONEY = """
CREATE FUNCTION check_host_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM attempts AS a JOIN host_messages AS m
      ON m.connector_id = NEW.connector_id AND m.reference = a.reference
    WHERE a.id = NEW.attempt_id AND m.state <> 'withdrawn' AND NOT m.reply_decided) THEN
    RAISE EXCEPTION 'money that no host has said it took' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_MONEY_TRIGGER = """
CREATE TRIGGER tries_host_money BEFORE UPDATE ON tries
  FOR EACH ROW WHEN (NEW.collected IS NOT NULL AND OLD.collected IS NULL)
  EXECUTE FUNCTION check_host_money()
"""
HOST_TRIGGERS = {
    "host_messages_moves": (_MOVES, _MOVES_TRIGGER),
    "tries_host_money": (_MONEY, _MONEY_TRIGGER),
}
