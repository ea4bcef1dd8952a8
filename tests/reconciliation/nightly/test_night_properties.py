"""What holds for any nights: neither splits of a day into files and nights nor the order of rows matter."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ekpay_switch.persistence.embedded.server import Endpoint
from reconciliation.engine.restatement import outcome
from reconciliation.matching.institution_positions import positions, unexplained_rest
from reconciliation.results.committed_rows import all_rows
from tests.database import a_copy
from tests.examples import examples
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage, digests

few = settings(
    max_examples=examples(4),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
states = st.sampled_from(["success", "success", "success", "failed", "unknown"])


@st.composite
def payments(draw: st.DrawFn) -> list[Movement]:
    minutes = draw(st.lists(st.integers(0, 11 * 60), min_size=2, max_size=10))
    return [
        Movement(f"EKP{number}", at("2026-04-05 00:00:00") + timedelta(minutes=minute), 100 + number).but(
            theirs=f"T{number}", status=draw(states)
        )
        for number, minute in enumerate(minutes, start=1)
    ]


@st.composite
def told(draw: st.DrawFn, rows: list[Movement]) -> list[Movement]:
    """What the biller makes of payments: leaves some out, changes some, doubles some."""
    said: list[Movement] = []
    for row in rows:
        theirs = row.but(status="success")
        said += draw(
            st.sampled_from([[theirs], [theirs], [], [theirs.but(gross=theirs.gross + 9)], [theirs, theirs]])
        )
    return said


async def over(
    endpoint: Endpoint, folder: Path, ours: list[Movement], parts: list[list[Movement]]
) -> NightStage:
    """Two nights: the first brings the files of both cycles, or the second file comes a night late."""
    stage = NightStage(endpoint, folder / "home").book(BREB, *ours)
    for cycle, rows in enumerate(parts, start=1):
        stage.send(BREB, rows, SUN, cycle=cycle)
    return stage


@few
@given(st.data())
async def test_no_split_into_files_and_nights_and_no_order_matters(
    endpoint: Endpoint, data: st.DataObject
) -> None:
    ours = data.draw(payments())
    theirs = data.draw(told(ours))
    turned = data.draw(st.permutations(theirs))
    cut = data.draw(st.integers(0, len(turned)))
    with TemporaryDirectory() as folder:
        async with a_copy(endpoint) as one, a_copy(endpoint) as other:
            plain = await over(one, Path(folder) / "one", ours, [[], theirs])
            await plain.full_night(SUN)
            first = await plain.full_night(MON)
            split = await over(other, Path(folder) / "other", ours, [turned[:cut]])
            await split.night(SUN)
            split.send(BREB, turned[cut:], SUN, cycle=2)
            second = await split.full_night(MON)
            rows, others = all_rows(plain.home_folder, first.run), all_rows(split.home_folder, second.run)
    assert (first.run.holds, second.run.holds) == (True, True), (first.run.invariants, second.run.invariants)
    assert outcome(others) == outcome(rows)
    assert unexplained_rest(positions(others)) == 0
    assert rows.filter(pl.col("verdict").is_null()).is_empty()


@few
@given(st.data())
async def test_the_same_nights_have_the_same_digests(endpoint: Endpoint, data: st.DataObject) -> None:
    ours = data.draw(payments())
    versions = data.draw(st.lists(told(ours), min_size=2, max_size=2))
    seen = []
    with TemporaryDirectory() as folder:
        for name in ("one", "other"):
            async with a_copy(endpoint) as place:
                stage = await over(place, Path(folder) / name, ours, [[], versions[0]])
                first = await stage.full_night(SUN)
                second = await stage.send(BREB, versions[1], SUN, correction=1).full_night(MON)
                assert second.run.holds, second.run.invariants
                seen.append((digests(first), digests(second)))
    assert seen[0] == seen[1]
