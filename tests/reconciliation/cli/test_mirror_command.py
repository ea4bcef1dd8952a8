"""Nights leave mirrors, `ekpay reconcile mirror` what is missing; with them a check says the same."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ekpay_switch.persistence.embedded.server import Endpoint
from reconciliation.cli import reconcile_commands as commands
from reconciliation.mirror.mirror_folder import MirrorFolder
from reconciliation.nightly import mirror_windows as mirroring
from reconciliation.nightly.night_run import NightContext, run_nights
from tests.reconciliation.institution_files import WRITERS, Head, Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage

PAID = [
    Movement(f"V{number}", at(f"2026-04-05 10:0{number}:00"), 50_000 + number, 0, f"B{number}")
    for number in range(1, 6)
]
LATE = Movement("V9", at("2026-04-05 11:00:00"), 7_000, 0, "B9")


@pytest.fixture
def stage(place: Endpoint, tmp_path: Path) -> NightStage:
    return NightStage(place, tmp_path / "home")


async def typed(stage: NightStage, *words: str | Path) -> Result:
    """What the command line answers, in a thread: it runs a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, commands.app, [*map(str, words)], obj=stage)


def given(stage: NightStage) -> list[Path]:
    """Files of the date that lack two lines of ours."""
    folder = stage.home_folder / "given"
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{BREB}_{SUN:%Y%m%d}_{cycle:02d}.txt" for cycle in (1, 2)]
    for path, rows in zip(paths, (PAID[2:], []), strict=True):
        path.write_bytes(WRITERS[BREB](rows, Head(SUN, paths.index(path) + 1)))
    return paths


async def checked(stage: NightStage) -> tuple[int, dict[str, Any]]:
    """How many lines came out of mirrors in a check of these files, and what else it said."""
    done = await typed(stage, "check", *given(stage), "--json")
    assert done.exit_code == 1, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found.pop("ours_mirrored"), found


def files(stage: NightStage) -> list[Path]:
    return [path for path in MirrorFolder.of(stage.home_folder).path.rglob("*") if path.is_file()]


async def test_a_night_leaves_mirrors_and_checks_use_them(stage: NightStage) -> None:
    stage.book(BREB, *PAID)
    await stage.windows.close(SUN)
    without = await checked(stage)
    assert without[0] == 0
    ran = await stage.full_night(SUN)
    assert (ran.mirror_failure, len(files(stage))) == ("", 1)
    assert await checked(stage) == (5, without[1])
    files(stage)[0].unlink()
    done = await typed(stage, "check", *given(stage))
    assert "alarm mirror_not_used: breb_postpaid 2026-04-05" in done.stderr
    assert await checked(stage) == (0, without[1])
    # The next run of the night makes it again.
    await stage.night(SUN)
    assert await checked(stage) == (5, without[1])


async def test_a_line_that_comes_behind_its_mirror_is_seen(stage: NightStage) -> None:
    await stage.book(BREB, *PAID).full_night(SUN)
    stage.book(BREB, LATE)
    await stage.windows.close(SUN)
    mirrored, found = await checked(stage)
    assert (mirrored, found["ours"]) == (0, 6)
    assert (await typed(stage, "mirror")).output.strip() == "1 mirrors of 6 lines made, 0 stood already"
    assert await checked(stage) == (6, found)


async def test_a_night_that_cannot_mirror_stands(stage: NightStage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stage.book(BREB, *PAID)
    with monkeypatch.context() as patched:
        patched.setattr(mirroring, "make_missing", full)
        ran = await stage.full_night(SUN)
    assert ran.is_new
    assert "No space left on device" in ran.mirror_failure
    assert (await checked(stage))[0] == 0
    (later,) = await run_nights(stage, MON, NightContext(lambda *_: None))
    assert later.mirror_failure == ""
    assert (await checked(stage))[0] == 5


async def test_without_a_closed_window_there_is_nothing_to_mirror(stage: NightStage) -> None:
    assert (await typed(stage, "mirror")).output.strip() == "no window is closed yet"


async def test_mirrors_are_made_and_proven_by_command(stage: NightStage) -> None:
    stage.book(BREB, *PAID).book(BREB, Movement("V7", at("2026-04-06 10:00:00"), 5_000, 0, "B7"))
    await stage.windows.close(MON)
    done = await typed(stage, "mirror", "--since", "2026-04-06")
    assert (done.exit_code, done.output.strip()) == (0, "1 mirrors of 1 lines made, 0 stood already")
    done = await typed(stage, "mirror", "--verify")
    assert done.exit_code == 1
    assert done.stderr.strip() == "ekpay: breb_postpaid 2026-04-05: there is no mirror of it"
    assert done.stdout.strip() == "1 of 2 mirrors hold what the tables hold"
    assert (await typed(stage, "mirror")).output.strip() == "1 mirrors of 5 lines made, 1 stood already"
    assert (await typed(stage, "mirror")).output.strip() == "0 mirrors of 0 lines made, 2 stood already"
    done = await typed(stage, "mirror", "--verify")
    assert (done.exit_code, done.output.strip()) == (0, "2 of 2 mirrors hold what the tables hold")


async def test_what_stops_it_is_said(stage: NightStage) -> None:
    stage.book(BREB, *PAID)
    await stage.windows.close(SUN)
    MirrorFolder.of(stage.home_folder).path.parent.mkdir(parents=True)
    MirrorFolder.of(stage.home_folder).path.write_bytes(b"")
    done = await typed(stage, "mirror")
    assert done.exit_code == 1
    assert "what was made until then stands" in done.stderr
    assert await stage.rows("SELECT FROM reconciliation.mirrors") == []
