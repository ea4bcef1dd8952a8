"""kill -9 at each step of a night: run again, it comes to what a night comes to that was never killed."""

import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciliation.intake.file_names import LogicalKey
from reconciliation.nightly.night_run import NightStep
from reconciliation.results import event_chain as chain
from reconciliation.results.file_results import kept_files
from tests.faults.nights.kill_points import INSIDE
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.conftest import Again
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage, digests

ROOT = Path(__file__).parents[3]
ROWS = [
    Movement(f"EKP{number}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 6)
]
UNKNOWN = Movement("EKP9", at("2026-04-05 11:00:00"), 700, status="unknown")
STEPS = [step.value for step in NightStep if step is not NightStep.CLOSE]


async def prepared(stage: NightStage) -> NightStage:
    """One night behind it, and a second with a correction, a late file and an answer before it."""
    stage.absent.add(LogicalKey(BREB, SUN, 1))
    stage.book(BREB, *ROWS, UNKNOWN).send(BREB, [ROWS[0].but(gross=5), *ROWS[2:]], SUN)
    await stage.full_night(SUN)
    stage.send(BREB, [*ROWS, UNKNOWN.but(status="success")], SUN, correction=1).send(BREB, [], SUN, cycle=1)
    stage.book(BREB, ROWS[0].but(ours="EKP11", at=at("2026-04-06 09:00:00")))
    return stage.empty(MON)


def killed(stage: NightStage, folder: Path, place: str) -> None:
    """Run the second night in a process that dies at a place."""
    path = folder / "stage.pickle"
    path.write_bytes(pickle.dumps(stage))
    program = "from tests.faults.nights.kill_points import main; main()"
    asked = [sys.executable, "-c", program, str(path), MON.isoformat(), place]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == -signal.SIGKILL, done.stderr


UNHARMED: list[tuple[str, ...]] = []


@pytest.fixture
async def unharmed(again: Again) -> tuple[str, ...]:
    """The digests of a second night that nobody killed, run once."""
    if not UNHARMED:
        async with again(prepared) as stage:
            UNHARMED.append(digests(await stage.night(MON)))
    return UNHARMED[0]


@pytest.mark.parametrize("moment", [*STEPS, *INSIDE])
async def test_a_killed_night_runs_again_to_the_same_end(
    again: Again, unharmed: tuple[str, ...], tmp_path: Path, moment: str
) -> None:
    async with again(prepared) as stage:
        killed(stage, tmp_path, moment)
        ran = await stage.night(MON)
        assert digests(ran) == unharmed
        assert (ran.run.seq, ran.run.number, ran.run.holds) == (2, 1, True)
        await whole(stage)


async def whole(stage: NightStage) -> None:
    """Everything of the two nights is there once."""
    assert await stage.breaks() == {
        ("AMOUNT", "EKP1", "2026-04-05", "closed"),
        ("BILLER_NOT_POSTED", "EKP11", "2026-04-06", "open"),
        ("FILE_MISSING", "breb_postpaid_20260405_01.txt", "2026-04-05", "closed"),
        ("FILE_SUPERSEDED", "breb_postpaid_20260405_02.txt", "2026-04-06", "open"),
        # The file has it as done; it stands apart until our books have it.
        ("UNKNOWN_OPEN", "EKP9", "2026-04-06", "open"),
    }
    connection = await stage.connect()
    try:
        assert await chain.verify_chain(connection) is None
        files = await kept_files(connection)
    finally:
        await connection.close()
    assert len(files) == 5
    assert list(stage.inbox.iterdir()) == []
    rows = stage.home_folder / "reconciliation" / "rows"
    assert sorted(path.name for path in rows.iterdir()) == ["000001", "000002"]
