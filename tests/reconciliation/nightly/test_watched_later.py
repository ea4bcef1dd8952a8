"""Lines of somebody whom nobody watched yet: the first run that watches takes all of them (ADR 0062)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciliation.nightly.verify_run import verify_run
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, TUE, NightStage

SUNDAY = Movement("EKP1", at("2026-04-05 10:00:00"), 10_000, theirs="T1")
LATER = Movement("EKP2", at("2026-04-05 16:00:00"), 20_000, theirs="T2")
MONDAY = Movement("EKP3", at("2026-04-06 10:00:00"), 30_000, theirs="T3")


@contextmanager
def nobody_watching(stage: NightStage) -> Iterator[None]:
    """For some nights the layout is not there."""
    layout = stage.config / "statements" / f"{BREB}.toml"
    text = layout.read_text(encoding="utf-8")
    layout.unlink()
    yield
    layout.write_text(text, encoding="utf-8")


def nobody(_done: int, _of: int) -> None:
    """Watches nothing."""


@pytest.fixture
async def unwatched(stage: NightStage) -> NightStage:
    """A Sunday of two payments that were counted and not judged."""
    with nobody_watching(stage):
        ran = await stage.book(BREB, SUNDAY, LATER).night(SUN)
    assert (ran.run.figures["unwatched.breb_postpaid"], ran.run.figures["rows.ours"]) == (2, 0)
    return stage


async def test_what_waited_is_judged_with_the_first_night_that_watches(unwatched: NightStage) -> None:
    unwatched.book(BREB, MONDAY).send(BREB, [SUNDAY], SUN, cycle=1).send(BREB, [LATER], SUN)
    ran = await unwatched.send(BREB, [MONDAY], MON).full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert (ran.run.figures["unwatched"], ran.run.figures["rows.ours"]) == (0, 3)
    assert ran.run.figures["matched.breb_postpaid"] == 6
    assert await unwatched.breaks() == set()
    assert await verify_run(unwatched, 2, nobody) is None
    assert await verify_run(unwatched, 2, nobody, whole=True) is None


async def test_files_of_the_dates_that_waited_are_asked_for(unwatched: NightStage) -> None:
    """What is not told of them is open under the missing file of its own date, each taka once."""
    await unwatched.book(BREB, MONDAY).send(BREB, [MONDAY], MON, cycle=1).send(BREB, [], MON).night(MON)
    missing = await unwatched.rows("SELECT reference, day, exposure FROM reconciliation.breaks ORDER BY 1")
    assert [tuple(row) for row in missing] == [
        ("breb_postpaid_20260405_01.txt", SUN, 10_000),
        ("breb_postpaid_20260405_02.txt", SUN, 20_000),
    ]
    await unwatched.send(BREB, [SUNDAY], SUN, cycle=1).send(BREB, [], SUN).full_night(TUE)
    assert ("BILLER_NOT_POSTED", "EKP2", str(TUE), "open") in await unwatched.breaks()


async def test_a_layout_without_a_new_line_is_enough(unwatched: NightStage) -> None:
    ran = await unwatched.send(BREB, [SUNDAY], SUN, cycle=1).send(BREB, [LATER], SUN).full_night(MON)
    assert ran.run.figures["matched.breb_postpaid"] == 4
    assert (ran.run.figures["unwatched"], ran.run.holds) == (0, True)


async def test_what_was_taken_is_not_taken_again(unwatched: NightStage) -> None:
    unwatched.send(BREB, [SUNDAY], SUN, cycle=1).send(BREB, [LATER], SUN)
    await unwatched.full_night(MON)
    ran = await unwatched.full_night(TUE)
    assert (ran.run.figures["rows.ours"], ran.run.figures["total.ours"]) == (0, 2)
    assert await unwatched.breaks() == set()


async def test_a_correction_of_a_date_that_waited_comes_to_what_it_comes_to_from_scratch(
    unwatched: NightStage,
) -> None:
    wrong = SUNDAY.but(gross=9_000)
    await unwatched.send(BREB, [wrong], SUN, cycle=1).send(BREB, [LATER], SUN).full_night(MON)
    ran = await unwatched.send(BREB, [SUNDAY], SUN, cycle=1, correction=1).full_night(TUE)
    assert ran.run.holds, ran.run.invariants
    assert ("AMOUNT", "EKP1", str(MON), "closed") in await unwatched.breaks()
