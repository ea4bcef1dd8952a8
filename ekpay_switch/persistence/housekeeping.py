"""What is tidied up and counted by the clock: quotes nobody paid, payments that are open."""

from datetime import timedelta

from sqlalchemy import delete, exists, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.domain.payment import FINAL
from ekpay_switch.persistence.tables import payments, quotes

QUOTES_AT_ONCE = 5_000


async def drop_old_quotes(engine: AsyncEngine, keep_days: int) -> int:
    """Drop quotes that were never paid and are older than `keep_days`; how many went."""
    old = (
        select(quotes.c.quote_id)
        .where(
            quotes.c.created_at < func.now() - timedelta(days=keep_days),
            ~exists().where(payments.c.quote_id == quotes.c.quote_id),
        )
        .limit(QUOTES_AT_ONCE)
    )
    async with engine.begin() as connection:
        dropped = await connection.execute(delete(quotes).where(quotes.c.quote_id.in_(old)))
    return dropped.rowcount


async def count_open(engine: AsyncEngine) -> None:
    """Bring the gauges of open and overdue payments up to date."""
    open_states = (
        select(payments.c.state, func.count())
        .where(payments.c.state.not_in(FINAL))
        .group_by(payments.c.state)
    )
    overdue = select(func.count()).where(payments.c.next_action_at < func.now() - timedelta(minutes=5))
    age = func.extract("epoch", func.now() - func.min(payments.c.created_at))
    oldest = select(age).where(payments.c.state.not_in(FINAL))
    async with engine.connect() as connection:
        counts = (await connection.execute(open_states)).all()
        telemetry.STUCK_PAYMENTS.set(await connection.scalar(overdue) or 0)
        telemetry.OLDEST_OPEN_SECONDS.set(await connection.scalar(oldest) or 0)
    telemetry.OPEN_PAYMENTS.clear()
    for state, count in counts:
        telemetry.OPEN_PAYMENTS.labels(state).set(count)


async def is_ready(engine: AsyncEngine) -> bool:
    """Whether the database answers and has a schema."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1 FROM alembic_version"))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        telemetry.log_warning("not_ready", error=error)
        return False
    return True
