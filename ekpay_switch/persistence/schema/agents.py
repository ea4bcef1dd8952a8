"""The tables of agents' counters: operators, cash drawers, orders of payers (docs/adr/0135)."""

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

from ekpay_switch.domain.carts.bill_cart import BUCKETS
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

# Who serves payers for an agent, which is a partner with a prefund. An operator signs in by the account of a
# citizen, so that a number which somebody else has registered since is nobody's operator.
agent_operators = Table(
    "agent_operators",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("citizen_id", Uuid, ForeignKey("citizens.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("added_by_change", Uuid, ForeignKey("access_changes.id"), nullable=False, unique=True),
    instant("added_at", server_default=func.now()),
    instant("removed_at", nullable=True),
    Column("removed_by", Text, ForeignKey("staff.name")),
    CheckConstraint("name <> ''", name="name"),
    CheckConstraint("num_nonnulls(removed_at, removed_by) <> 1", name="removal"),
)
Index(
    "uq_agent_operators_citizen_id",
    agent_operators.c.citizen_id,
    unique=True,
    postgresql_where=agent_operators.c.removed_at.is_(None),
)

# A drawer from its opening to its count, in paisa. What was `expected` is written with the count, and follows
# from the orders for ever.
cash_drawers = Table(
    "cash_drawers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("operator_id", Uuid, ForeignKey("agent_operators.id"), nullable=False),
    instant("opened_at", server_default=func.now()),
    Column("opening", BigInteger, nullable=False),
    instant("closed_at", nullable=True),
    Column("expected", BigInteger),
    Column("counted", BigInteger),
    Column("closed_by", Text, ForeignKey("staff.name")),
    CheckConstraint("opening >= 0", name="opening"),
    CheckConstraint("counted >= 0", name="counted"),
    CheckConstraint("num_nonnulls(closed_at, expected, counted) IN (0, 3)", name="count"),
    CheckConstraint("closed_by IS NULL OR closed_at IS NOT NULL", name="closed_by"),
)
Index("ix_cash_drawers_operator_id", cash_drawers.c.operator_id, cash_drawers.c.opened_at)
Index(
    "uq_cash_drawers_open",
    cash_drawers.c.operator_id,
    unique=True,
    postgresql_where=cash_drawers.c.closed_at.is_(None),
)

# One entry of commission: what an agent has earned by the orders that name it. Its id is the entry's.
agent_commissions = Table(
    "agent_commissions",
    metadata,
    Column("id", Uuid, ForeignKey("journal_entries.id"), primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    instant("booked_at", server_default=func.now()),
    CheckConstraint("amount > 0", name="amount"),
    info=APPEND_ONLY,
)
Index("ix_agent_commissions_partner_id", agent_commissions.c.partner_id, agent_commissions.c.booked_at)

# A payer's bill at a counter. The payer hands over `amount`, of which `charges` are ours. Its payment has a
# reference made with the id. The cash counts at the close of `counted_in`, and was handed back out of
# `handed_back_from`. Once the payment is completed, the order has the `commission` that it earns by so many
# basis points of our fee, and the entry of it where it is more than nothing.
agent_orders = Table(
    "agent_orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("drawer_id", Uuid, ForeignKey("cash_drawers.id"), nullable=False),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("reference", Text, nullable=False, unique=True),
    Column("biller_id", Text, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("fields", JSONB, nullable=False),
    Column("bill", JSONB, nullable=False),
    Column("bill_key", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("charges", BigInteger, nullable=False),
    Column("quote_id", Text, nullable=False),
    instant("quote_expires_at"),
    instant("fetched_at"),
    instant("begun_at", nullable=True),
    Column("counted_in", Uuid, ForeignKey("cash_drawers.id")),
    instant("handed_back_at", nullable=True),
    Column("handed_back_from", Uuid, ForeignKey("cash_drawers.id")),
    Column("commission", BigInteger),
    Column("commission_basis_points", Integer),
    Column("commission_id", Uuid, ForeignKey("agent_commissions.id")),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("charges >= 0", name="charges"),
    CheckConstraint(one_of("bucket", BUCKETS), name="bucket"),
    CheckConstraint("begun_at IS NOT NULL OR counted_in IS NULL", name="counted_in"),
    CheckConstraint("num_nonnulls(handed_back_at, handed_back_from) <> 1", name="hand_back"),
    CheckConstraint("begun_at IS NOT NULL OR handed_back_at IS NULL", name="handed_back_at"),
    CheckConstraint("commission >= 0", name="commission"),
    CheckConstraint("commission_basis_points BETWEEN 0 AND 10000", name="commission_basis_points"),
    CheckConstraint(
        "(commission IS NULL) = (commission_basis_points IS NULL) "
        "AND (coalesce(commission, 0) > 0) = (commission_id IS NOT NULL)",
        name="commission_parts",
    ),
)
Index("ix_agent_orders_drawer_id", agent_orders.c.drawer_id, agent_orders.c.begun_at)
Index("ix_agent_orders_counted_in", agent_orders.c.counted_in)
Index("ix_agent_orders_handed_back_from", agent_orders.c.handed_back_from)
Index("ix_agent_orders_commission_id", agent_orders.c.commission_id)
# What may still earn commission.
Index(
    "ix_agent_orders_begun_at",
    agent_orders.c.begun_at,
    postgresql_where=text("begun_at IS NOT NULL AND commission IS NULL AND handed_back_at IS NULL"),
)
# What was never confirmed is dropped by age.
Index(
    "ix_agent_orders_fetched_at",
    agent_orders.c.fetched_at,
    postgresql_where=text("begun_at IS NULL"),
)
