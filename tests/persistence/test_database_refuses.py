"""A database that only reads refuses every writer, says why, and is forgotten once it writes again."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from ekpay_switch import trouble
from ekpay_switch.domain.errors import CommitUnknownError, DatabaseRefusesError
from ekpay_switch.persistence.group_commit import committer
from ekpay_switch.persistence.group_commit.committer import GroupCommit, GroupCommitLimits
from ekpay_switch.persistence.group_commit.steps import SaveQuote
from ekpay_switch.persistence.housekeeping import why_not_ready
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from tests.factories import a_quote
from tests.persistence.books import Books

WRITE = "INSERT INTO failed_logins (caller, free_at) VALUES ('x', now())"
READ_ONLY = "database refuses to write: read_only"


async def only_reads(books: Books, *, is_so: bool) -> None:
    """For connections that are opened after this."""
    verb = "SET default_transaction_read_only = on" if is_so else "RESET default_transaction_read_only"
    await books.tell(f'ALTER DATABASE "{books.endpoint.database}" {verb}')


async def test_every_writer_says_that_nothing_was_done_and_readiness_says_why(
    books: Books, capfd: pytest.CaptureFixture[str]
) -> None:
    await books.partner("bank1")
    await only_reads(books, is_so=True)
    committing = GroupCommit(books.database.connect_hot, GroupCommitLimits())
    transactions, engine = ShortTransactions(books.database.connect_hot), books.database.engine()
    await committing.start()

    async def write(connection: Connection) -> None:
        await connection.execute(WRITE)

    try:
        steps = [committing.submit(SaveQuote(a_quote(f"Q{number}"), 0)) for number in range(20)]
        refused = await asyncio.gather(*steps, return_exceptions=True)
        assert {type(error) for error in refused} == {DatabaseRefusesError}
        with pytest.raises(DatabaseRefusesError):
            await transactions.run(write)
        assert await why_not_ready(engine) == READ_ONLY
        assert trouble.DATABASE.reason == "read_only"
    finally:
        await committing.stop()
        await transactions.close()
        await engine.dispose()
    said = capfd.readouterr().err
    assert said.count('"event":"database_refuses"') == 1
    assert "batch_step_failed" not in said, "a batch that nobody could write is not split"

    await only_reads(books, is_so=False)
    engine = books.database.engine()
    assert await why_not_ready(engine) == ""
    assert trouble.DATABASE.reason == ""
    await engine.dispose()
    assert await books.value("SELECT count(*) FROM failed_logins") == 0, "the probe leaves nothing"


async def test_a_refusal_after_a_lost_connection_does_not_say_that_nothing_was_written(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost_then_full() -> Callable[..., Awaitable[None]]:
        errors = iter((ConnectionError("lost in COMMIT"), asyncpg.DiskFullError("no room")))

        async def fail(*_: object) -> None:
            raise next(errors)

        return fail

    monkeypatch.setattr(committer, "write_batch", lost_then_full())
    committing = GroupCommit(books.database.connect_hot, GroupCommitLimits())
    transactions = ShortTransactions(books.database.connect_hot)
    await committing.start()
    try:
        with pytest.raises(CommitUnknownError):
            await committing.submit(SaveQuote(a_quote("Q1"), 0))
        with pytest.raises(CommitUnknownError):
            await transactions.run(lost_then_full())
    finally:
        await committing.stop()
        await transactions.close()
        trouble.DATABASE.reason = ""
