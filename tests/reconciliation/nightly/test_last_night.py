"""What `ekpay status` says of the last night."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint

import pytest

from ekpay_switch import plugins
from ekpay_switch.plugins import PluginError, load_status_readers
from ekpay_switch.ports.status import StatusLine
from reconciliation.nightly.last_night import read_last_night
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import BREB, SUN, NightStage

ROW = Movement("EKP1", at("2026-04-05 10:00:00"), 100_000, theirs="T1")
# As a superuser without triggers: a run never changes.
BROKEN = """
SET session_replication_role = replica;
UPDATE reconciliation.runs SET invariants = invariants || '{"cover": "it is short"}';
"""


HEAVY = ("ibis", "duckdb", "polars", "pyarrow", "lxml", "typst", "matplotlib", "xlsxwriter")


async def lines_of(stage: NightStage) -> list[StatusLine]:
    connection = await stage.connect("audit")
    try:
        return list(await read_last_night(connection))
    finally:
        await connection.close()


async def test_before_the_first_night_it_says_what_to_run(stage: NightStage) -> None:
    assert await lines_of(stage) == [StatusLine("Last night", "none was reconciled yet: ekpay reconcile run")]


async def test_a_night_without_breaks_is_well(stage: NightStage) -> None:
    await stage.book(BREB, ROW).send(BREB, [ROW], SUN).full_night(SUN)
    night, breaks = await lines_of(stage)
    assert night == StatusLine("Last night", "2026-04-05, run 1, not closed")
    assert breaks == StatusLine("Breaks", "0 open, exposure 0.00 taka")


async def test_open_breaks_are_counted_with_their_exposure(stage: NightStage) -> None:
    await stage.book(BREB, ROW).full_night(SUN)
    _, breaks = await lines_of(stage)
    assert breaks == StatusLine("Breaks", "1 open, exposure 1000.00 taka", is_well=False)


async def test_an_invariant_that_does_not_hold_is_marked(stage: NightStage) -> None:
    await stage.empty(SUN).full_night(SUN)
    superuser = await stage.superuser()
    await superuser.execute(BROKEN)
    await superuser.close()
    night, _ = await lines_of(stage)
    said = "2026-04-05, run 1, not closed, 1 invariants do not hold: ekpay reconcile status"
    assert night == StatusLine("Last night", said, is_well=False)


def test_the_reader_needs_no_extra() -> None:
    without = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r}))"
    load = (
        "from ekpay_switch.plugins import load_status_readers as read; print(*(r.__module__ for r in read()))"
    )
    command = [sys.executable, "-c", f"{without}; {load}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    assert read_last_night.__module__ in ended.stdout.split()


def test_a_reader_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(*, group: str) -> Sequence[EntryPoint]:
        return [EntryPoint("broken", "reconciliation.nowhere:read", group)]

    monkeypatch.setattr(plugins, "entry_points", points)
    with pytest.raises(PluginError, match=r"the status broken cannot be loaded from reconciliation\.nowhere"):
        load_status_readers()
