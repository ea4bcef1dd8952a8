"""The store of the naive build: one SQLAlchemy transaction per step, its rows written one after the other.

Reads, writes, lock order and decisions are those of the group commit; only the batching is missing. It is
built as a competent developer would build it: a pool of the best size, no ping before use, statements whose
compiled form SQLAlchemy caches, plans that only use keys, and the one row that all payments of a biller wait
for locked last.
"""

import time
from dataclasses import replace

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from benchmarks.paying.naive_reads import lock_and_read
from benchmarks.paying.naive_writes import next_number, write_entries, write_payments, write_quote
from ekpay_switch import telemetry
from ekpay_switch.domain.ledger.entries import keeps_balance, kind_of
from ekpay_switch.domain.payments.claims import AcceptedClaim, Claim, ClaimAnswer, RefusedClaim
from ekpay_switch.domain.payments.delivery import NextSend, Recording
from ekpay_switch.persistence.group_commit.committer import Connect, GroupCommit, GroupCommitLimits
from ekpay_switch.persistence.group_commit.decide import BatchDecider
from ekpay_switch.persistence.group_commit.steps import (
    Answer,
    PostEntry,
    SaveQuote,
    SealedRecording,
    Step,
    postings_of,
)
from ekpay_switch.persistence.schema.books import accounts

POOL = 20
# SQLAlchemy's default: the last of 128 callers wait longer than the switch allows.
_POOL_SECONDS = 30


class StepwiseStore(GroupCommit):
    """Replaces the group commit and shares nothing among callers.

    A lost connection or a deadlock is an error of the caller: nothing is retried.
    """

    def __init__(self, connect: Connect, limits: GroupCommitLimits) -> None:
        super().__init__(connect, limits)
        self._engine = _engine(connect)
        self._known_accounts: set[str] = set()

    async def start(self) -> None:
        """Open one connection, so that a missing database is seen at once."""
        async with self._engine.connect():
            pass

    async def stop(self) -> None:
        """Close the pool; nothing waits in here."""
        await self._engine.dispose()

    @property
    def depth(self) -> int:
        """There is no queue; callers wait for a connection."""
        return 0

    async def submit(self, step: Step) -> Answer:
        """Write one step in a transaction of its own; its verdict comes back once it is durable.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database refused it, or no connection became free in time.
        """
        await self._open_accounts(step)
        started = time.perf_counter()
        async with self._engine.begin() as connection:
            answer = await _write(connection, step)
        telemetry.BATCH_SIZE.observe(1)
        telemetry.BATCH_SECONDS.observe(time.perf_counter() - started)
        return answer

    async def _open_accounts(self, step: Step) -> None:
        """Open the accounts that this step posts to, in a transaction of its own, once a process."""
        codes = {posting.account for posting in postings_of(step)} | {"in_flight"}
        missing = sorted(code for code in codes - self._known_accounts if not keeps_balance(code))
        if missing:
            rows = [{"code": code, "kind": str(kind_of(code))} for code in missing]
            async with self._engine.begin() as connection:
                await connection.execute(insert(accounts).values(rows).on_conflict_do_nothing())
            self._known_accounts.update(missing)


def _engine(connect: Connect) -> AsyncEngine:
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
    )


async def _write(connection: AsyncConnection, step: Step) -> Answer:
    if isinstance(step, SaveQuote):
        await write_quote(connection, step.quote)
        return None
    decider = BatchDecider(await lock_and_read(connection, step))
    if isinstance(step, Claim):
        return await _claim(connection, decider, step)
    answer = _decide(decider, step)
    await write_entries(connection, decider.changes, decider.snapshot.business_date)
    await write_payments(connection, decider.changes)
    return answer


def _decide(decider: BatchDecider, step: Recording | SealedRecording | NextSend | PostEntry) -> Answer:
    if isinstance(step, Recording):
        return decider.record(step)
    if isinstance(step, SealedRecording):
        return decider.record(step.recording, step.lines)
    if isinstance(step, NextSend):
        return decider.begin_send(step)
    decider.add_entry_once(step)
    return None


async def _claim(connection: AsyncConnection, decider: BatchDecider, claim: Claim) -> ClaimAnswer:
    """Decide and write a claim; the scroll number, whose row all payments share, is taken last."""
    (verdict,) = decider.decide_claims([claim])
    if isinstance(verdict, RefusedClaim):
        decider.burn_reference(verdict)
        await write_payments(connection, decider.changes)
        return verdict
    if not isinstance(verdict, AcceptedClaim):
        return verdict
    started = decider.start_payment(verdict)
    await write_entries(connection, decider.changes, decider.snapshot.business_date)
    if decider.changes.numbers_needed:
        number = await next_number(connection, claim.scroll_series, decider.snapshot.business_date)
        started = replace(started, scroll_no=number)
    await write_payments(connection, decider.changes, started.scroll_no)
    return started
