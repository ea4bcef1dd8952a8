"""A database that continues its position, and each way in which one does not."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.positions import Position
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.engine import DATABASE_AWAY
from ekpay_switch.persistence.parties.staff import LeftStaffError, NotAllowedError, Role, Staff
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.positions import keeper as keeping
from ekpay_switch.persistence.positions.keeper import PositionKeeper, PositionRules, RestoredDatabaseError
from ekpay_switch.persistence.positions.position_file import PositionFile
from ekpay_switch.persistence.positions.restores import (
    Restore,
    RestoreNotAskedError,
    RestoreNotCheckedError,
    Restores,
    UnknownRestoreError,
    record_check,
)
from tests.persistence.books import APPROVED, Books, a_top_up
from tests.persistence.positions.cut_ends import cut_end
from tests.persistence.staff_rows import persons

PLACE = "host:/positions"
OPEN_ALARMS = "SELECT kind, subject FROM alarms WHERE ended_at IS NULL"
GONE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE usename = 'ekpay_app' AND datname = current_database()
"""
ASKED = "asked_by = 'amina', asked_at = now(), release_reason = 'x'"
CHECKED = ", checked_at = now(), differences_open = {}"


class Stand:
    """Books with entries, and processes over them that share one file."""

    def __init__(self, books: Books, folder: Path, engine: AsyncEngine) -> None:
        self.books = books
        self.engine = engine
        self.file = PositionFile(folder, books.database.name, bytes(32))
        self.rules = PositionRules(self.file, PLACE, standby_synchronous=False)

    @asynccontextmanager
    async def process(self) -> AsyncIterator[PositionKeeper]:
        keeper = PositionKeeper(self.books.database.connect, self.rules)
        try:
            await keeper.start()
            yield keeper
        finally:
            await keeper.close()

    async def start(self) -> None:
        async with self.process():
            pass

    def recorded(self) -> Position:
        read = self.file.read()
        assert read is not None
        return read.position

    async def restores(self) -> list[Restore]:
        return list(await Restores(self.engine).list())

    async def refused(self, match: str) -> Restore:
        with pytest.raises(RestoredDatabaseError, match=match):
            await self.start()
        return (await self.restores())[0]

    async def release(self, restore: Restore) -> None:
        assert await record_check(self.engine, PLACE, 0)
        restores = Restores(self.engine)
        await restores.ask(restore.restore_id, "asked back", "amina")
        await restores.approve(restore.restore_id, "karim")


@pytest.fixture
async def stand(books: Books, tmp_path: Path) -> AsyncIterator[Stand]:
    await books.partner(prefund=100_000)
    await books.finish(await books.start(), APPROVED)
    engine = books.database.engine()
    for name in ("amina", "karim"):
        await Staff(engine).install(name, f"{name} has a long passphrase", [Role.FINANCE])
    yield Stand(books, tmp_path / "positions", engine)
    await engine.dispose()


async def test_a_database_of_before_gets_its_first_position_and_continues_it(stand: Stand) -> None:
    await stand.start()
    first = stand.recorded()
    assert first.heads
    assert set(first.newest) == {"payments", "attempts"}
    await stand.books.submit(a_top_up("bank1", 1_234))
    await stand.start()
    assert sum(head.seq for head in stand.recorded().heads.values()) == 1 + sum(
        head.seq for head in first.heads.values()
    )
    assert await stand.restores() == []


async def test_a_cut_end_is_refused_with_a_row_and_an_alarm_however_often(stand: Stand) -> None:
    await stand.books.submit(a_top_up("bank1", 1_234))
    await stand.start()
    lane, seq = await cut_end(stand.books)
    await stand.refused(rf"the database ends before journal_entries \(lane {lane}, seq {seq}\)")
    restore = await stand.refused("ekpay restore status")
    (only,) = await stand.restores()
    assert only == restore
    assert only.recorded is not None
    assert only.recorded["heads"][str(lane)][0] == str(seq)
    assert [tuple(row) for row in await stand.books.rows(OPEN_ALARMS)] == [
        (Alarm.DATABASE_RESTORED, f"restore {restore.restore_id}")
    ]
    await AlarmUpkeep(stand.engine).sweep()
    assert len(await stand.books.rows(OPEN_ALARMS)) == 1, "it waits, and is raised once"


async def test_two_processes_that_start_at_once_open_one_row(stand: Stand) -> None:
    await stand.books.submit(a_top_up("bank1", 1_234))
    await stand.start()
    await cut_end(stand.books)
    started = await asyncio.gather(*(stand.start() for _ in range(4)), return_exceptions=True)
    assert {type(one) for one in started} == {RestoredDatabaseError}
    assert len(await stand.restores()) == 1


async def test_a_page_without_an_entry_is_missed(stand: Stand) -> None:
    """What was opened at a wallet has posted nothing yet."""
    await stand.start()
    held = stand.recorded()
    gone = replace(held, newest={**held.newest, "refunds": held.newest["attempts"]})
    stand.file.write(gone)
    await stand.refused(f"ends before refunds {held.newest['attempts']}")


async def test_another_server_and_another_timeline_are_refused(stand: Stand) -> None:
    await stand.start()
    held = stand.recorded()
    stand.file.write(replace(held, system_identifier=held.system_identifier + 1))
    await stand.refused("of another server")
    stand.file.write(replace(held, timeline=held.timeline + 7))
    await stand.refused(r"is on timeline 1 and was on 8")
    stand.file.write(replace(held, timeline=0))
    await stand.refused(r"is on timeline 1 and was on 0")
    stand.rules = replace(stand.rules, standby_synchronous=True)
    await stand.start()
    assert stand.recorded().timeline == 1
    assert {restore.found_again_at is not None for restore in await stand.restores()} == {True}


async def test_a_missing_file_is_refused_once_positions_were_kept(stand: Stand) -> None:
    await stand.start()
    kept = stand.file.path.read_bytes()
    stand.file.path.unlink()
    restore = await stand.refused("is missing")
    assert restore.recorded is None
    stand.file.path.write_bytes(kept)
    await stand.start()
    assert (await stand.restores())[0].found_again_at is not None
    assert await stand.books.rows(OPEN_ALARMS) == []


async def test_a_changed_file_is_refused(stand: Stand) -> None:
    await stand.start()
    stand.file.path.write_bytes(stand.file.path.read_bytes().replace(b"ekpay", b"other", 1) + b" ")
    await stand.refused("was changed")


async def test_two_persons_release_it_after_the_check_and_for_once(stand: Stand) -> None:
    await stand.start()
    stand.file.path.unlink()
    restore, restores = await stand.refused("is missing"), Restores(stand.engine)

    with pytest.raises(RestoreNotCheckedError, match="ekpay restore check"):
        await restores.ask(restore.restore_id, "why", "amina")
    assert not await record_check(stand.engine, "other:/place", 0)
    await record_check(stand.engine, PLACE, 2)
    with pytest.raises(RestoreNotCheckedError, match="2 differences"):
        await restores.ask(restore.restore_id, "why", "amina")
    await record_check(stand.engine, PLACE, 0)
    with pytest.raises(RestoreNotAskedError):
        await restores.approve(restore.restore_id, "karim")
    await restores.ask(restore.restore_id, "why", "amina")
    with pytest.raises(OnePersonError):
        await restores.approve(restore.restore_id, "amina")
    with pytest.raises(NotAllowedError):
        await restores.approve(restore.restore_id, "nobody")
    await record_check(stand.engine, PLACE, 1)
    with pytest.raises(RestoreNotCheckedError, match="1 differences"):
        await restores.approve(restore.restore_id, "karim")
    await stand.refused("is missing")

    await stand.release(restore)
    assert await stand.books.rows(OPEN_ALARMS) == []
    with pytest.raises(UnknownRestoreError, match="is over"):
        await restores.approve(restore.restore_id, "karim")
    await stand.start()
    assert (await restores.list())[0].resumed_at is not None

    stand.file.path.unlink()
    await stand.refused("is missing")
    assert len(await stand.restores()) == 2, "the release was of another loss"


async def test_a_release_that_was_not_needed_serves_no_later_loss(stand: Stand) -> None:
    await stand.start()
    kept = stand.file.path.read_bytes()
    stand.file.path.unlink()
    await stand.release(await stand.refused("is missing"))
    stand.file.path.write_bytes(kept)
    await stand.start()
    stand.file.path.unlink()
    await stand.refused("is missing")


async def test_a_request_of_a_person_who_left_is_asked_anew(stand: Stand) -> None:
    await stand.start()
    stand.file.path.unlink()
    restore, restores = await stand.refused("is missing"), Restores(stand.engine)
    async with stand.engine.begin() as connection:
        await connection.exec_driver_sql(persons("rahima"))
    await record_check(stand.engine, PLACE, 0)
    await restores.ask(restore.restore_id, "why", "amina")
    await Staff(stand.engine).disable("amina", "karim")
    with pytest.raises(LeftStaffError):
        await restores.approve(restore.restore_id, "karim")
    await restores.ask(restore.restore_id, "why", "rahima")
    assert not (await restores.approve(restore.restore_id, "karim")).is_open


async def test_the_table_takes_no_release_by_one_person_or_without_a_check(stand: Stand) -> None:
    await stand.start()
    stand.file.path.unlink()
    await stand.refused("is missing")
    for by, checked in (("karim", ""), ("amina", CHECKED.format(0)), ("karim", CHECKED.format(1))):
        by_hand = f"UPDATE restores SET approved_by = '{by}', released_at = now(), {ASKED}{checked}"  # noqa: S608 - ours
        with pytest.raises(Exception, match="ck_restores_"):
            await stand.books.tell(by_hand)


async def test_a_running_process_records_what_came_and_stops_where_the_end_is_gone(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stand.process() as keeper:
        before = stand.recorded()
        await stand.books.submit(a_top_up("bank1", 1_234))
        await keeper.keep()
        assert stand.recorded() == before, "another process has recorded it less than a second ago"
        monkeypatch.setattr(keeping, "FRESH_SECONDS", -1.0)
        await keeper.keep()
        assert stand.recorded() != before
        written = stand.file.path.stat().st_mtime_ns
        await keeper.keep()
        assert stand.file.path.stat().st_mtime_ns == written, "nothing has changed, so nothing is written"
        with stand.file.lock_if_free():
            await keeper.keep()  # another process is writing
        stand.file.path.unlink()
        await keeper.keep()
        assert stand.recorded().heads, "a running process remembers"
        await cut_end(stand.books)
        for _ in range(2):
            with pytest.raises(RestoredDatabaseError, match="ends before"):
                await keeper.keep()
        await keeper.keep_last()
        assert keeper.lost is not None
    assert len(await stand.restores()) == 1


async def test_a_restore_that_cannot_be_written_down_is_refused_all_the_same(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of an older schema has no table for it."""
    monkeypatch.setattr(keeping, "FRESH_SECONDS", -1.0)
    async with stand.process() as keeper:
        await cut_end(stand.books)
        await stand.books.tell("ALTER TABLE restores RENAME TO others")
        for _ in range(2):
            with pytest.raises(RestoredDatabaseError, match=r"ends before .* not written down: .*restores"):
                await keeper.keep()
        assert keeper.lost is not None
        with pytest.raises(asyncpg.UndefinedTableError):  # told as "run ekpay migrate"
            await stand.start()
        await stand.books.tell("ALTER TABLE others RENAME TO restores")


async def test_a_clock_that_was_set_back_holds_nothing_up(stand: Stand) -> None:
    async with stand.process() as keeper:
        await stand.books.submit(a_top_up("bank1", 1_234))
        before, ahead = stand.recorded(), time.time() + 3_600
        os.utime(stand.file.path, (ahead, ahead))
        await keeper.keep()
        assert stand.recorded() != before


async def test_no_connection_is_opened_to_a_database_that_was_replaced(stand: Stand) -> None:
    """Before the next round of a running process has looked."""
    async with stand.process() as keeper:
        database = stand.books.database.admitted_by(keeper.admit)
        for connect in (database.connect, database.connect_hot):
            connection = await connect()
            await connection.close()
        await cut_end(stand.books)
        connection = await database.connect()  # the server has not been restarted since it was compared
        await connection.close()
        keeper.forget_server()
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError, match="ends before"):
                await database.connect_hot()
        assert keeper.lost is not None
    assert len(await stand.restores()) == 1


async def test_what_asks_back_may_open_a_restored_database(stand: Stand) -> None:
    """A keeper that was not started lets everybody in: nothing is served by it."""
    await stand.start()
    await cut_end(stand.books)
    keeper = PositionKeeper(stand.books.database.connect, stand.rules)
    connection = await stand.books.database.admitted_by(keeper.admit).connect()
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_a_lost_connection_is_opened_again(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "FRESH_SECONDS", -1.0)
    async with stand.process() as keeper:
        await stand.books.tell(GONE)
        with contextlib.suppress(*DATABASE_AWAY):
            await keeper.keep()  # may have heard of it, or not yet
        await keeper.keep()
        await stand.books.tell("UPDATE housekeeping_marks SET passed_until = now() WHERE chore = 'positions'")
        await keeper.keep_last()
