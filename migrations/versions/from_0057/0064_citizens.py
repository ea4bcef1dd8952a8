"""Registered citizens with their sessions and carts, and codes by which they sign in.

Safe while the switch runs: new tables that old code neither reads nor writes, and a condition that allows all
that it did. Old code finds no code for another purpose.

Going back is refused while a code for signing in is there, a day after the last one at most.
"""

from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE citizens (
  id UUID NOT NULL,
  number_digest BYTEA,
  number_sealed BYTEA,
  language TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_citizens PRIMARY KEY (id),
  CONSTRAINT uq_citizens_number_digest UNIQUE (number_digest),
  CONSTRAINT ck_citizens_language CHECK (language IN ('bn', 'en')),
  CONSTRAINT ck_citizens_number_digest CHECK (octet_length(number_digest) = 32),
  CONSTRAINT ck_citizens_open_number CHECK ((closed_at IS NULL) = (number_digest IS NOT NULL)),
  CONSTRAINT ck_citizens_open_sealed CHECK ((closed_at IS NULL) = (number_sealed IS NOT NULL))
);
CREATE TABLE citizen_sessions (
  id UUID NOT NULL,
  citizen_id UUID NOT NULL,
  digest BYTEA NOT NULL,
  device TEXT NOT NULL,
  begun_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  used_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  proven_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_citizen_sessions PRIMARY KEY (id),
  CONSTRAINT uq_citizen_sessions_digest UNIQUE (digest),
  CONSTRAINT ck_citizen_sessions_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT fk_citizen_sessions_citizen_id FOREIGN KEY (citizen_id) REFERENCES citizens (id)
);
CREATE INDEX ix_citizen_sessions_citizen_id ON citizen_sessions (citizen_id);
CREATE INDEX ix_citizen_sessions_used_at ON citizen_sessions (used_at);
CREATE TABLE citizen_carts (
  cart_id UUID NOT NULL,
  citizen_id UUID NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_citizen_carts PRIMARY KEY (cart_id),
  CONSTRAINT fk_citizen_carts_cart_id FOREIGN KEY (cart_id) REFERENCES bill_carts (id) ON DELETE CASCADE,
  CONSTRAINT fk_citizen_carts_citizen_id FOREIGN KEY (citizen_id) REFERENCES citizens (id)
);
CREATE INDEX ix_citizen_carts_citizen_id_at ON citizen_carts (citizen_id, at);
GRANT SELECT ON citizens, citizen_sessions, citizen_carts TO ekpay_app, ekpay_audit;
GRANT INSERT, UPDATE ON citizens, citizen_sessions, citizen_carts TO ekpay_app;
GRANT DELETE ON citizen_sessions, citizen_carts TO ekpay_app;
"""
_DROP = """
DROP TABLE citizen_carts;
DROP TABLE citizen_sessions;
DROP TABLE citizens;
"""
_CONDITION = "ALTER TABLE one_time_codes {change} CONSTRAINT ck_one_time_codes_purpose"


def upgrade() -> None:
    """Add the tables, and allow the new purpose."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _run(_TABLES)
    _allow("'sign_in', 'track'")


def downgrade() -> None:
    """Allow the old purpose only, and take the tables away."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _allow("'track'")
    _run(_DROP)


def _run(statements: str) -> None:
    for statement in filter(None, map(str.strip, statements.split(";"))):
        op.execute(statement)


def _allow(purposes: str) -> None:
    op.execute(_CONDITION.format(change="DROP"))
    op.execute(f"{_CONDITION.format(change='ADD')} CHECK (purpose IN ({purposes})) NOT VALID")
    op.execute(_CONDITION.format(change="VALIDATE"))
