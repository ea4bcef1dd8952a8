"""What keeps a large database fast: marks of periodic chores, an index of open payments, and vacuum settings.

The cost of a chore must depend on what there is to do and not on the size of the tables, and dead rows must
be vacuumed long before there are millions.
"""

from types import MappingProxyType

from sqlalchemy import Column, Index, Table, Text, text

from ekpay_switch.domain.payment import FINAL
from ekpay_switch.persistence.schema.books import (
    accounts,
    attempts,
    history,
    instant,
    journal_entries,
    lanes,
    metadata,
    notifications,
    payments,
    postings,
    quotes,
    scroll_counters,
    settlement_windows,
)
from ekpay_switch.persistence.schema.notifications import notification_deliveries

# A chore has finished with everything up to this instant.
housekeeping_marks = Table(
    "housekeeping_marks",
    metadata,
    Column("chore", Text, primary_key=True),
    instant("passed_until", server_default=text("to_timestamp(0)")),
)

OPEN = f"state NOT IN ({', '.join(repr(str(state)) for state in sorted(FINAL))})"
# An open payment with a next action is in `ix_payments_next_action_at`, one without it is in this index.
# Payments from a prefund always have one until they end, so they are never written here.
UNSCHEDULED = f"{OPEN} AND next_action_at IS NULL"
Index(
    "ix_payments_unscheduled",
    payments.c.state,
    payments.c.created_at,
    postgresql_where=text(UNSCHEDULED),
)

# Fractions of the table; PostgreSQL's own are a fifth for vacuum and a tenth for statistics.
_CHANGED = MappingProxyType(
    {
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_vacuum_threshold": "10000",
        "autovacuum_analyze_scale_factor": "0.02",
    }
)
_ONLY_ADDED_TO = MappingProxyType({"autovacuum_vacuum_insert_scale_factor": "0.05"})
_FEW_ROWS = MappingProxyType(
    {
        "autovacuum_vacuum_scale_factor": "0",
        "autovacuum_vacuum_threshold": "1000",
    }
)
VACUUM = MappingProxyType(
    dict.fromkeys((payments, attempts, notifications, notification_deliveries, quotes), _CHANGED)
    | dict.fromkeys((history, journal_entries, postings), _ONLY_ADDED_TO)
    | dict.fromkeys((lanes, accounts, scroll_counters, settlement_windows), _FEW_ROWS)
)
for _table, _options in VACUUM.items():
    _table.dialect_kwargs["postgresql_with"] = dict(_options)
