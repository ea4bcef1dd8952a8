"""Runs migrations on the connection that `persistence.migrate` hands over, as the owner of the tables."""

from alembic import context

from ekpay_switch.persistence.schema.whole_schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
