"""The tables of routing: every decision for ever, outcomes for an hour, one breaker for each connector."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.routing.breaker import UNCOUNTED, BreakerState, RouteOutcome
from ekpay_switch.domain.routing.decision import Approach
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

_COUNTED = text(f"outcome NOT IN ({', '.join(repr(str(outcome)) for outcome in sorted(UNCOUNTED))})")

# Why the connector of a try was chosen, written with the try. `kind` is the connector's own instrument,
# `amount` what the payer was to pay, `document` the whole decision.
routing_decisions = Table(
    "routing_decisions",
    metadata,
    Column("attempt_id", Uuid, ForeignKey("attempts.id"), primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False, index=True),
    instant("at", server_default=func.now()),
    Column("instrument", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("chosen", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("approach", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("document", JSONB, nullable=False),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint(
        one_of("approach", [approach for approach in Approach if approach is not Approach.NO_CONNECTOR]),
        name="approach",
    ),
    info=APPEND_ONLY,
)
Index("ix_routing_decisions_chosen", routing_decisions.c.chosen, routing_decisions.c.at)
Index("ix_routing_decisions_at", routing_decisions.c.at)

# The outcomes of payment calls, written with the finding; one of each try counts, the first that may.
routing_outcomes = Table(
    "routing_outcomes",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("attempt_id", Uuid, nullable=False),
    Column("connector_id", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    instant("at", server_default=func.now()),
    CheckConstraint(one_of("outcome", RouteOutcome), name="outcome"),
)
Index("uq_routing_outcomes_counted", routing_outcomes.c.attempt_id, unique=True, postgresql_where=_COUNTED)
Index(
    "ix_routing_outcomes_record",
    routing_outcomes.c.connector_id,
    routing_outcomes.c.instrument,
    routing_outcomes.c.at,
    postgresql_where=_COUNTED,
)
Index("ix_routing_outcomes_newest", routing_outcomes.c.connector_id, routing_outcomes.c.at)

# The breaker of a connector; one that never opened may have no row. Closed: outcomes before `since` do not
# count. Half open: `probe` is the try that was let through, and no other one is until `probe_until`. Open:
# `probe_until` is when the next inquiry is made due.
connector_breakers = Table(
    "connector_breakers",
    metadata,
    Column("connector_id", Text, primary_key=True),
    Column("state", Text, nullable=False, server_default=text("'closed'")),
    instant("since", server_default=text("to_timestamp(0)")),
    Column("because", Text, nullable=False, server_default=text("''")),
    Column("probe", Text, nullable=False, server_default=text("''")),
    instant("probe_until", nullable=True),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    CheckConstraint(one_of("state", BreakerState), name="state"),
    CheckConstraint("state <> 'closed' OR probe_until IS NULL", name="probe"),
)
