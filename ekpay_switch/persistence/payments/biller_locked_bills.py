"""The port `LockedBills` over PostgreSQL: one row for each bill that its biller locks when it is fetched.

It spares the biller a second fetch. That one bill is paid once is not kept here but by the claim: see
`group_commit.lock_and_read` and the partial unique index of `payments`.
"""

from datetime import timedelta

from pydantic import TypeAdapter
from sqlalchemy import exists, func, null, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.bill import Bill, BillQuery, LockedBill
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.schema.books import payments
from ekpay_switch.persistence.schema.far_sides import held_bills

BILLS_AT_ONCE = 2_000
_BILL = TypeAdapter(Bill)
_FIRST = ("", "")  # before every key
_IS_OLD = "coalesce(greatest(held_until, asking_until) < now() - interval '1 day', true)"
LOOK_AT = text(f"""
SELECT biller_id, bill_name, {_IS_OLD} AS is_old FROM held_bills
WHERE (biller_id, bill_name) > (:biller_id, :bill_name) ORDER BY biller_id, bill_name LIMIT :most
""")  # noqa: S608 - constants
# Checked again: the bill may have been fetched meanwhile.
DROP = text(f"""
DELETE FROM held_bills
WHERE (biller_id, bill_name) IN (SELECT * FROM unnest(CAST(:biller_ids AS text[]), CAST(:names AS text[])))
  AND {_IS_OLD}
""")  # noqa: S608 - constants


class PostgresLockedBills:
    """Held bills in PostgreSQL, shared by all processes; each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def current(self, biller_id: str, bill_name: str) -> LockedBill | None:
        """See `ports.world.LockedBills`. A bill that was paid through us is no longer locked: None."""
        is_paid = exists().where(
            payments.c.biller_id == held_bills.c.biller_id,
            payments.c.bill_key == held_bills.c.bill_key,
            payments.c.state == State.COMPLETED,
        )
        query = select(held_bills.c.bill, held_bills.c.held_until).where(
            held_bills.c.biller_id == biller_id,
            held_bills.c.bill_name == bill_name,
            held_bills.c.held_until > func.now(),
            ~is_paid,
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else LockedBill(_BILL.validate_python(row.bill), row.held_until)

    async def lease(self, biller_id: str, bill_name: str, seconds: float) -> int | None:
        """See `ports.world.LockedBills`."""
        until = func.now() + timedelta(seconds=seconds)
        asks = (
            insert(held_bills)
            .values(biller_id=biller_id, bill_name=bill_name, epoch=1, asking_until=until)
            .on_conflict_do_update(
                index_elements=[held_bills.c.biller_id, held_bills.c.bill_name],
                set_={"epoch": held_bills.c.epoch + 1, "asking_until": until},
                where=or_(held_bills.c.asking_until.is_(None), held_bills.c.asking_until < func.now()),
            )
            .returning(held_bills.c.epoch)
        )
        async with self._engine.begin() as connection:
            epoch: int | None = await connection.scalar(asks)
        return epoch

    async def keep(self, query: BillQuery, epoch: int, bill: Bill, life_seconds: float) -> LockedBill:
        """See `ports.world.LockedBills`."""
        life = timedelta(seconds=life_seconds)
        statement = (
            update(held_bills)
            .where(
                held_bills.c.biller_id == query.biller_id,
                held_bills.c.bill_name == query.bill_name,
                held_bills.c.epoch == epoch,
            )
            .values(
                bill=_BILL.dump_python(bill, mode="json"),
                bill_key=bill.bill_key,
                held_until=func.now() + life,
                asking_until=null(),
            )
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)
            now = await connection.scalar(select(func.now()))
        assert now is not None, "PostgreSQL knows the time"
        return LockedBill(bill, now + life)

    async def release(self, biller_id: str, bill_name: str, epoch: int) -> None:
        """See `ports.world.LockedBills`."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(held_bills)
                .where(
                    held_bills.c.biller_id == biller_id,
                    held_bills.c.bill_name == bill_name,
                    held_bills.c.epoch == epoch,
                )
                .values(asking_until=null())
            )


class OldLockedBills:
    """Drops rows that have not been held or fetched for a day, walking the table by its key.

    An index on the times would cost every fetch more than this walk. Each process keeps its own position, and
    starts again after the last row.
    """

    def __init__(self, engine: AsyncEngine, at_once: int = BILLS_AT_ONCE) -> None:
        self._engine = engine
        self._at_once = at_once
        self._after = _FIRST

    async def drop(self) -> int:
        """Look at the next `at_once` rows, or at the rest; returns how many were dropped."""
        biller_id, bill_name = self._after
        parameters = {"biller_id": biller_id, "bill_name": bill_name, "most": self._at_once}
        async with self._engine.begin() as connection:
            looked_at = (await connection.execute(LOOK_AT, parameters)).all()
            old = [row for row in looked_at if row.is_old]
            names = {"biller_ids": [row.biller_id for row in old], "names": [row.bill_name for row in old]}
            dropped = (await connection.execute(DROP, names)).rowcount if old else 0
        is_last = len(looked_at) < self._at_once
        self._after = _FIRST if is_last else (looked_at[-1].biller_id, looked_at[-1].bill_name)
        return dropped
