"""Files that cannot be read are listed, taken out of the inbox by a person, and put back."""

import shutil

import pytest

from reconciliation.errors import NightError, SourceError
from reconciliation.intake.file_names import LogicalKey
from reconciliation.nightly import quarantine
from reconciliation.nightly.inbox import Inbox
from reconciliation.nightly.night_run import LOCK
from reconciliation.nightly.quarantine import FilePlace
from reconciliation.results.night_folders import NightFolders
from tests.reconciliation.institution_files import Head, Movement, at, breb
from tests.reconciliation.nightly.stage import BREB, SUN, NightStage

pytestmark = pytest.mark.isolated_reading

ROW = Movement("EKP1", at("2026-04-05 10:00:00"), 100_000, theirs="T1")
KEY = LogicalKey(BREB, SUN, 2)
NAME = "breb_postpaid_20260405_02.txt"
BROKEN = breb([ROW], Head(SUN, 2, 2)).replace(b"|1000.00", b"|much")
WHO, WHY = "Salma", "it stops the night"


async def events(stage: NightStage) -> list[tuple[str, ...]]:
    rows = await stage.rows(
        "SELECT event, name, source, person, reason FROM reconciliation.quarantine_events ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_a_refused_file_is_listed_with_what_waits_for_it(stage: NightStage) -> None:
    await stage.book(BREB, ROW).lay(KEY, BROKEN).full_night(SUN)
    (file,) = await quarantine.refused_files(stage)
    assert (file.name, file.place, file.exposure, file.night) == (NAME, FilePlace.ARCHIVE, 100_000, SUN)
    assert file.reason.startswith("line 2, column ")
    assert len(file.sha256) == 64


async def test_a_refused_file_that_was_replaced_is_not_listed(stage: NightStage) -> None:
    await stage.book(BREB, ROW).lay(KEY, BROKEN).full_night(SUN)
    await stage.send(BREB, [ROW], SUN).night(SUN)
    assert await quarantine.refused_files(stage) == []


@pytest.mark.parametrize("source", ["", "sftp", "upload"])
async def test_a_person_takes_a_file_out_and_puts_it_back(stage: NightStage, source: str) -> None:
    place = stage.inbox / source / NAME
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(BROKEN)
    (held,) = await quarantine.hold(stage, NAME, WHO, WHY)
    assert (held.place, held.person, place.exists()) == (FilePlace.QUARANTINE, WHO, False)
    (listed,) = await quarantine.refused_files(stage)
    assert (listed.name, listed.reason, listed.sha256, listed.person) == (NAME, WHY, held.sha256, WHO)
    assert Inbox(NightFolders.of(stage.home_folder)).uncommitted_files() == []

    await quarantine.release(stage, NAME, WHO, "the limits are higher now")
    assert place.read_bytes() == BROKEN
    assert await quarantine.refused_files(stage) == []
    told = source or "folder"
    assert await events(stage) == [
        ("held", NAME, told, WHO, WHY),
        ("released", NAME, told, WHO, "the limits are higher now"),
    ]


async def test_a_file_that_a_killed_run_took_can_be_taken_out(stage: NightStage) -> None:
    """The one that nobody could reach: it lies where a run took it, and every run takes it again."""
    stage.book(BREB, ROW).lay(KEY, BROKEN)
    inbox = Inbox(NightFolders.of(stage.home_folder))
    (taken,) = inbox.take(1, SUN)
    assert inbox.waiting_files() == []
    (held,) = await quarantine.hold(stage, NAME, WHO, WHY)
    assert held.sha256 == taken.sha256
    stage.absent.add(KEY)
    ran = await stage.full_night(SUN)
    assert ("FILE_MISSING", NAME, "2026-04-05", "open") in await stage.breaks()
    assert ran.run.holds


async def test_a_refused_file_is_tried_again(stage: NightStage) -> None:
    """As when the layout was wrong: the same bytes are read under the rules of the day."""
    layout = stage.config / "statements" / "breb_postpaid.toml"
    right = layout.read_text(encoding="utf-8")
    layout.write_text(right.replace('PAY = "payment"', 'PAID = "payment"'), encoding="utf-8")
    await stage.book(BREB, ROW).send(BREB, [ROW], SUN).full_night(SUN)
    assert ("ROW_REJECTED", NAME, "2026-04-05", "open") in await stage.breaks()
    layout.write_text(right, encoding="utf-8")
    (released,) = await quarantine.release(stage, NAME, WHO, "the layout is right now")
    assert (released.place, (stage.inbox / "upload" / NAME).is_file()) == (FilePlace.INBOX, True)
    again = await stage.night(SUN)
    assert again.run.holds, again.run.invariants
    assert ("ROW_REJECTED", NAME, "2026-04-05", "closed") in await stage.breaks()
    assert await quarantine.refused_files(stage) == []


async def test_what_is_refused_again_has_one_break(stage: NightStage) -> None:
    await stage.book(BREB, ROW).lay(KEY, BROKEN).full_night(SUN)
    await quarantine.release(stage, NAME, WHO, "perhaps now")
    again = await stage.night(SUN)
    assert (again.is_new, again.run.holds) == (True, True)
    assert await stage.events(NAME) == ["ROW_REJECTED found"]
    assert len(await quarantine.refused_files(stage)) == 1


async def test_a_file_of_another_name_is_not_there(stage: NightStage) -> None:
    for move in (quarantine.hold, quarantine.release):
        with pytest.raises(SourceError, match=r"x\.txt is "):
            await move(stage, "x.txt", WHO, WHY)
    assert await events(stage) == []


async def test_nothing_is_moved_while_a_night_runs_or_over_another_file(stage: NightStage) -> None:
    (stage.inbox / NAME).write_bytes(BROKEN)
    connection = await stage.connect()
    try:
        assert await connection.fetchval(LOCK)
        with pytest.raises(NightError, match="a run is going on"):
            await quarantine.hold(stage, NAME, WHO, WHY)
    finally:
        await connection.close()
    assert (stage.inbox / NAME).is_file()
    await quarantine.hold(stage, NAME, WHO, WHY)
    (stage.inbox / NAME).write_bytes(b"another one")
    with pytest.raises(SourceError, match="another file of this name waits"):
        await quarantine.release(stage, NAME, WHO, WHY)
    assert (stage.inbox / NAME).read_bytes() == b"another one"


async def test_what_was_interrupted_is_done_by_the_same_command(stage: NightStage) -> None:
    """Recorded, then killed before the file was moved; and moved in part by a killed release."""
    (stage.inbox / NAME).write_bytes(BROKEN)
    (held,) = await quarantine.hold(stage, NAME, WHO, WHY)
    folder = stage.home_folder / "reconciliation" / "quarantine"
    shutil.move(folder / held.sha256 / "folder" / NAME, stage.inbox / NAME)
    assert await quarantine.refused_files(stage) == []
    await quarantine.hold(stage, NAME, WHO, WHY)
    assert [event for event, *_ in await events(stage)] == ["held", "held"]
    shutil.copy(folder / held.sha256 / "folder" / NAME, stage.inbox / NAME)
    await quarantine.release(stage, NAME, WHO, WHY)
    assert [path.name for path in stage.inbox.iterdir() if path.is_file()] == [NAME]
    assert await quarantine.refused_files(stage) == []
    await quarantine.hold(stage, NAME, WHO, WHY)
    assert [file.place for file in await quarantine.refused_files(stage)] == [FilePlace.QUARANTINE]
