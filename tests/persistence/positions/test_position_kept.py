"""A process that serves, and what becomes of it when its database is replaced."""

import asyncio
import signal
from pathlib import Path

import pytest

from ekpay_switch import telemetry
from ekpay_switch.composition import positions as serving
from ekpay_switch.composition.operations import readiness_fault
from ekpay_switch.composition.positions import position_kept, refuse_if_restored
from ekpay_switch.composition.switch import open_switch
from ekpay_switch.persistence.positions import keeper as keeping
from ekpay_switch.persistence.positions.keeper import RestoredDatabaseError
from ekpay_switch.settings import Settings
from tests.persistence.books import APPROVED, Books, a_top_up
from tests.persistence.positions.cut_ends import cut_end


async def test_a_process_whose_database_is_replaced_is_not_ready_and_leaves(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "KEEP_SECONDS", 0.01)
    monkeypatch.setattr(keeping, "FRESH_SECONDS", -1.0)
    await books.partner(prefund=100_000)
    await books.finish(await books.start(), APPROVED)
    left = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, left.set)
    settings = Settings(home=tmp_path, database_url=None, master_key=None)
    try:
        with pytest.raises(RestoredDatabaseError, match="ends before"):
            await _serve_until(left, settings, books)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)

    async with open_switch(settings, books.database) as switch:
        assert await readiness_fault(switch) == "", "what asks back may look"
        with pytest.raises(RestoredDatabaseError):
            await refuse_if_restored(switch.positions)
        with pytest.raises(RestoredDatabaseError):
            async with position_kept(switch.positions):
                pytest.fail("nothing is served")


async def _serve_until(left: asyncio.Event, settings: Settings, books: Books) -> None:
    async with open_switch(settings, books.database) as switch, position_kept(switch.positions):
        assert await readiness_fault(switch) == ""
        await cut_end(books)
        await asyncio.wait_for(left.wait(), 60)
        assert await readiness_fault(switch) == "database restored"


async def test_a_process_records_its_last_position_when_it_leaves(books: Books, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=None, master_key=None)
    await books.partner(prefund=100_000)
    async with open_switch(settings, books.database) as switch, position_kept(switch.positions):
        await books.submit(a_top_up("bank1", 5))
    lane, seq = await cut_end(books)
    async with open_switch(settings, books.database) as switch:
        with pytest.raises(RestoredDatabaseError, match=rf"\(lane {lane}, seq {seq}\)"):
            await refuse_if_restored(switch.positions)


async def test_a_disk_that_is_full_stops_no_payment(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "KEEP_SECONDS", 0.01)
    monkeypatch.setattr(keeping, "FRESH_SECONDS", -1.0)
    settings = Settings(home=tmp_path, database_url=None, master_key=None)
    await books.partner(prefund=100_000)
    counted = asyncio.Event()
    monkeypatch.setattr(telemetry, "count_error", lambda *_, **__: counted.set())
    async with open_switch(settings, books.database) as switch, position_kept(switch.positions):
        folder = tmp_path / "positions"
        folder.rename(tmp_path / "away")
        folder.write_text("no folder any more")
        await asyncio.wait_for(counted.wait(), 60)
        assert await readiness_fault(switch) == ""
        folder.unlink()
        (tmp_path / "away").rename(folder)
