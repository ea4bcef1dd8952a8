"""What all processes share about a far side: its inquiry budget and its bearer token for us."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Interval, cast, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.persistence.schema.far_sides import far_sides
from ekpay_switch.security.sealed_fields import Sealer


class FarSides:
    """The ports `Budget` and `Tokens`; one row a far side, one short transaction a call."""

    def __init__(self, engine: AsyncEngine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer

    async def take(self, far_side: str, per_second: float) -> float:
        """See `ports.world.Budget`: inquiries are spaced evenly, so a failing far side gets no burst."""
        spacing = timedelta(seconds=1 / per_second)
        async with self._engine.begin() as connection:
            await _ensure_row(connection, far_side)
            updated = await connection.execute(
                update(far_sides)
                .where(far_sides.c.id == far_side, far_sides.c.next_inquiry_at <= func.clock_timestamp())
                .values(next_inquiry_at=func.clock_timestamp() + spacing)
            )
            if updated.rowcount == 1:
                return 0.0
            wait: Any = await connection.scalar(
                select(func.extract("epoch", far_sides.c.next_inquiry_at - func.clock_timestamp())).where(
                    far_sides.c.id == far_side
                )
            )
        shortest = spacing.total_seconds()
        return max(float(wait), shortest)

    async def current(self, far_side: str) -> str | None:
        """See `ports.world.Tokens`."""
        async with self._engine.connect() as connection:
            sealed = await connection.scalar(
                select(far_sides.c.token_sealed).where(
                    far_sides.c.id == far_side, far_sides.c.token_until > func.now()
                )
            )
        return None if sealed is None else self._sealer.unseal(_context(far_side), sealed).decode()

    async def lease(self, far_side: str, seconds: float) -> int | None:
        """See `ports.world.Tokens`."""
        async with self._engine.begin() as connection:
            await _ensure_row(connection, far_side)
            epoch: int | None = await connection.scalar(
                update(far_sides)
                .where(
                    far_sides.c.id == far_side,
                    or_(far_sides.c.login_until.is_(None), far_sides.c.login_until < func.now()),
                )
                .values(
                    login_epoch=far_sides.c.login_epoch + 1,
                    login_until=func.now() + timedelta(seconds=seconds),
                )
                .returning(far_sides.c.login_epoch)
            )
        return epoch

    async def count_login(self, far_side: str, epoch: int, per_hour: int) -> bool:
        """See `ports.world.Tokens`: the row keeps the instants of the last hour; older ones are dropped."""
        instant = func.unnest(far_sides.c.logins_at).column_valued("instant")
        within_an_hour = func.array(
            select(instant)
            .where(instant > func.now() - timedelta(hours=1))
            .correlate(far_sides)
            .scalar_subquery()
        )
        async with self._engine.begin() as connection:
            counted = await connection.execute(
                update(far_sides)
                .where(
                    far_sides.c.id == far_side,
                    far_sides.c.login_epoch == epoch,
                    func.cardinality(within_an_hour) < per_hour,
                )
                .values(logins_at=func.array_append(within_an_hour, func.now()))
            )
        return counted.rowcount == 1

    async def uncount_login(self, far_side: str, epoch: int) -> None:
        """See `ports.world.Tokens`."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(far_sides)
                .where(
                    far_sides.c.id == far_side,
                    far_sides.c.login_epoch == epoch,
                    func.cardinality(far_sides.c.logins_at) > 0,
                )
                .values(logins_at=func.trim_array(far_sides.c.logins_at, 1))
            )

    async def store(self, far_side: str, epoch: int, token: str, life_seconds: float) -> bool:
        """See `ports.world.Tokens`."""
        sealed = self._sealer.seal(_context(far_side), token.encode())
        async with self._engine.begin() as connection:
            stored = await connection.execute(
                update(far_sides)
                .where(far_sides.c.id == far_side, far_sides.c.login_epoch == epoch)
                .values(
                    token_sealed=sealed,
                    token_until=func.now() + cast(literal(timedelta(seconds=life_seconds)), Interval),
                    login_until=null(),
                )
            )
        return stored.rowcount == 1

    async def release(self, far_side: str, epoch: int) -> None:
        """See `ports.world.Tokens`."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(far_sides)
                .where(far_sides.c.id == far_side, far_sides.c.login_epoch == epoch)
                .values(login_until=null())
            )

    async def drop(self, far_side: str, token: str) -> None:
        """See `ports.world.Tokens`."""
        async with self._engine.begin() as connection:
            sealed = await connection.scalar(
                select(far_sides.c.token_sealed).where(far_sides.c.id == far_side).with_for_update()
            )
            if sealed is not None and self._sealer.unseal(_context(far_side), sealed).decode() == token:
                await connection.execute(
                    update(far_sides)
                    .where(far_sides.c.id == far_side)
                    .values(token_sealed=null(), token_until=null())
                )


async def _ensure_row(connection: AsyncConnection, far_side: str) -> None:
    await connection.execute(insert(far_sides).values(id=far_side).on_conflict_do_nothing())


def _context(far_side: str) -> str:
    return f"far_side_token:{far_side}"
