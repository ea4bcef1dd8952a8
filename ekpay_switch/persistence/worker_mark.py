"""The mark of a worker that does its rounds, which the web process reads (docs/adr/0079).

Each worker moves the mark on every round of its chores. All workers share it: it is old only where none is
left, or where the one that is left does no rounds.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch import telemetry

SILENT_SECONDS = 60
_MOVE = text("UPDATE housekeeping_marks SET passed_until = now() WHERE chore = 'worker'")
_READ = text("""
SELECT extract(epoch FROM now() - passed_until)::float AS silent_seconds
FROM housekeeping_marks WHERE chore = 'worker'
""")
# A watch (`alarms.watches`): the worker that has been silent for too long.
WORKER_SILENT = f"""
SELECT 'worker' AS subject, NULL::uuid AS payment_id, NULL::bigint AS amount, m.passed_until AS since
FROM housekeeping_marks AS m
WHERE m.chore = 'worker' AND m.passed_until < now() - interval '{SILENT_SECONDS} seconds'
"""  # noqa: S608 - constants


async def move_worker_mark(engine: AsyncEngine) -> None:
    """Say that a worker does its rounds."""
    async with engine.begin() as connection:
        await connection.execute(_MOVE)


async def read_worker_silence(engine: AsyncEngine) -> float:
    """Seconds since a worker did its rounds; its gauge is brought up to date."""
    async with engine.connect() as connection:
        seconds: float = await connection.scalar(_READ)
    telemetry.WORKER_SILENT_SECONDS.set(seconds)
    return seconds
