"""The table of restores: databases that do not hold their recorded position, and how they were released."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.positions import DivergenceKind
from ekpay_switch.persistence.schema.books import instant, metadata, one_of

IS_OPEN = "num_nonnulls(released_at, found_again_at) = 0"

# `place` is the host and the folder of the file that tells; `recorded` is its position, null where it has
# none that can be believed, and `recorded_digest` tells its texts apart. `checked_at` and `differences_open`
# are of the newest check that asked back what was lost. A row ends when two persons release it, or when the
# database holds the recorded position after all; `resumed_at` is when the position was recorded anew after a
# release, which is good for one time only. Not append-only.
restores = Table(
    "restores",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("place", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("missing", Text, nullable=False),  # in words
    Column("recorded", JSONB),
    Column("recorded_digest", Text, nullable=False),
    Column("found", JSONB, nullable=False),
    instant("found_at", server_default=func.now()),
    instant("checked_at", nullable=True),
    Column("differences_open", Integer),
    Column("asked_by", Text, ForeignKey("staff.name")),
    instant("asked_at", nullable=True),
    Column("release_reason", Text),
    Column("approved_by", Text, ForeignKey("staff.name")),
    instant("released_at", nullable=True),
    instant("resumed_at", nullable=True),
    instant("found_again_at", nullable=True),
    CheckConstraint(one_of("reason", DivergenceKind), name="reason"),
    CheckConstraint("differences_open >= 0", name="differences_open"),
    CheckConstraint("num_nonnulls(checked_at, differences_open) <> 1", name="check"),
    CheckConstraint("num_nonnulls(asked_by, asked_at, release_reason) IN (0, 3)", name="request"),
    CheckConstraint("approved_by <> asked_by", name="two_persons"),
    CheckConstraint("num_nonnulls(approved_by, released_at) <> 1", name="release"),
    CheckConstraint(
        "released_at IS NULL OR (asked_by IS NOT NULL AND checked_at IS NOT NULL AND differences_open = 0)",
        name="release_after_check",
    ),
    CheckConstraint("resumed_at IS NULL OR released_at IS NOT NULL", name="resumed"),
    CheckConstraint("num_nonnulls(released_at, found_again_at) <= 1", name="one_end"),
)
Index(
    "uq_restores_one_open",
    restores.c.place,
    restores.c.recorded_digest,
    unique=True,
    postgresql_where=text(IS_OPEN),
)
