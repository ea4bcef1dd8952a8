"""`verify`: a run is proven again from what went in, and whatever was changed behind our back is named."""

import shutil
from collections.abc import Awaitable, Callable

import polars as pl
import pytest

from reconciliation.errors import NightError
from reconciliation.nightly.verify_run import verify_run
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.conftest import Again
from tests.reconciliation.nightly.stage import BREB, MON, SUN, TUE, NightStage

ROWS = [
    Movement(f"EKP{number}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 6)
]
UNKNOWN = Movement("EKP7", at("2026-04-05 12:00:00"), 7_000, theirs="T7", status="unknown")
Tamper = Callable[[NightStage], Awaitable[object]]


async def three_runs(stage: NightStage) -> NightStage:
    """A night with breaks, one with a correction, one in which a break comes back."""
    wrong = [ROWS[0].but(gross=5), *ROWS[2:]]
    await stage.book(BREB, *ROWS, UNKNOWN).send(BREB, wrong, SUN).full_night(SUN)
    await stage.send(BREB, ROWS, SUN, correction=1).full_night(MON)
    await stage.send(BREB, wrong, SUN, correction=2).full_night(TUE)
    return stage


def nobody(_done: int, _of: int) -> None:
    """Watches nothing."""


def by(statement: str) -> Tamper:
    return lambda stage: stage.rows(statement.replace(" ", " reconciliation.", 1))


def plainly(statement: str) -> Tamper:
    return lambda stage: stage.rows(statement)


async def lose_rows(stage: NightStage) -> None:
    shutil.rmtree(stage.home_folder / "reconciliation" / "rows" / "000002")


async def change_rows(stage: NightStage) -> None:
    path = stage.home_folder / "reconciliation" / "rows" / "000001" / "settled.parquet"
    pl.read_parquet(path).with_columns(net=pl.col("net") + 1).write_parquet(path)


async def change_file(stage: NightStage) -> None:
    (path, *_) = (stage.home_folder / "reconciliation" / "archive").glob("*/*")
    path.chmod(0o600)
    path.write_bytes(b"another")


async def change_rules(stage: NightStage) -> None:
    (path,) = (stage.home_folder / "reconciliation" / "rules").glob("*/reconciliation.toml")
    path.write_text(path.read_text(encoding="utf-8").replace("= 40", "= 41"), encoding="utf-8")


async def test_runs_are_proven(again: Again) -> None:
    seen: list[tuple[int, int]] = []
    async with again(three_runs) as stage:
        assert await verify_run(stage, 3, lambda done, of: seen.append((done, of)), whole=True) is None
        assert seen == [(1, 3), (2, 3), (3, 3)]
        # Alone, each is judged upon what the run before it left.
        seen.clear()
        assert await verify_run(stage, 3, lambda done, of: seen.append((done, of))) is None
        assert await verify_run(stage, 2, nobody) is None
        assert seen == [(1, 1)]
        # What became of them later does not matter to earlier runs.
        assert await verify_run(stage, 1, nobody) is None


async def test_a_run_that_is_not_there_is_refused(again: Again) -> None:
    async with again(three_runs) as stage:
        with pytest.raises(NightError, match="no run 4"):
            await verify_run(stage, 4, nobody)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (by("UPDATE break_events SET actor = 'x' WHERE seq = 2"), "event 2 of the breaks"),
        (plainly("DELETE FROM reconciliation.break_events WHERE seq = 1"), "event 1 of the breaks is missi"),
        (lose_rows, "run 2: its rows on disk"),
        (change_rows, "run 1: its rows on disk"),
        (change_file, "the archived file"),
        (plainly("UPDATE ledger_lines SET gross = gross + 1, net = net + 1"), "the identity of its ledger"),
        (by("UPDATE files SET name = 'breb_postpaid_20260405_02_c9.txt' WHERE correction = 2"),
         "run 3: the identity of its files"),
        (by("UPDATE runs SET findings_digest = 'x' WHERE seq = 2"), "findings digest"),
        (by("UPDATE runs SET outcome_digest = 'x' WHERE seq = 1"), "the outcome digest"),
        (by("UPDATE runs SET invariants = jsonb_set(invariants, '{netting}', '\"x\"')"),
         "run 1: what the invariants say"),
        (by("UPDATE runs SET figures = jsonb_set(figures, '{total.ours}', '0') WHERE seq = 2"),
         "run 2: the figure total.ours"),
        (by("UPDATE positions SET settled = settled + 1, suspense = suspense + 1"),
         "run 1: the positions"),
        (by("UPDATE breaks SET exposure = 0 WHERE code = 'AMOUNT'"), "the break AMOUNT of EKP1"),
        (by("UPDATE files SET settled = 0 WHERE correction = 2"), "run 3: the file"),
    ],
)  # fmt: skip
async def test_what_was_changed_is_named(again: Again, tamper: Tamper, said: str) -> None:
    async with again(three_runs) as stage:
        await tamper(stage)
        difference = await verify_run(stage, 3, nobody, whole=True)
    assert difference is not None
    assert said in difference


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (by("UPDATE break_events SET actor = 'x' WHERE seq = 2"), "event 2 of the breaks"),
        (lose_rows, "run 2: its rows on disk"),
        (change_rows, "run 1: its rows on disk"),
        (plainly("UPDATE ledger_lines SET gross = gross + 1, net = net + 1"), "the identity of its ledger"),
        (by("UPDATE runs SET outcome_digest = 'x' WHERE seq = 1"), "the outcome digest"),
        (by("UPDATE positions SET settled = settled + 1, suspense = suspense + 1"), "run 1: the positions"),
        (by("UPDATE breaks SET exposure = 0 WHERE code = 'AMOUNT'"), "the break AMOUNT of EKP1"),
    ],
)
async def test_a_run_that_is_proven_alone_names_its_own(again: Again, tamper: Tamper, said: str) -> None:
    async with again(three_runs) as stage:
        await tamper(stage)
        assert said in (await verify_run(stage, 1, nobody) or await verify_run(stage, 2, nobody) or "")


async def test_what_a_run_began_with_is_held_against_the_run_before_it(again: Again) -> None:
    """The third run alone does not judge the second again, but its own digests stand upon it."""
    async with again(three_runs) as stage:
        await stage.rows("UPDATE reconciliation.runs SET findings_digest = 'x' WHERE seq = 2")
        assert await verify_run(stage, 3, nobody) == "run 3: the findings digest differs"
        assert await verify_run(stage, 2, nobody) == "run 2: the findings digest differs"


async def test_rules_that_were_changed_are_named(again: Again) -> None:
    async with again(three_runs) as stage:
        await change_rules(stage)
        with pytest.raises(NightError, match="rules of its day were changed"):
            await verify_run(stage, 1, nobody)
