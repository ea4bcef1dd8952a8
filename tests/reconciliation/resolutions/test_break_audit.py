"""`ekpay audit` proves the events of breaks: what was changed, taken out or cut off is named by its row."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import EntryPoint
from uuid import UUID

import pytest

from ekpay_switch import plugins
from ekpay_switch.persistence.audit.run import run as audit
from ekpay_switch.plugins import PluginError, load_audits
from ekpay_switch.ports.audit import AuditFinding
from reconciliation.resolutions.break_audit import first_broken
from reconciliation.resolutions.decision_records import CheckerVerdict, Resolution
from reconciliation.results.records import BreakEventKind, BreakState
from tests.database import database_of
from tests.reconciliation.resolutions.scene import CHECKER, NIGHT, Scene

HEAVY = ("adbc_driver_manager", "duckdb", "ibis", "lxml", "matplotlib", "polars", "pyarrow")
_KEPT = "CREATE TEMPORARY TABLE kept AS SELECT * FROM reconciliation.break_events"
_PUT_BACK = (
    "INSERT INTO reconciliation.break_events SELECT * FROM kept ON CONFLICT (seq) DO UPDATE"
    " SET actor = excluded.actor, facts = excluded.facts, hash = excluded.hash"
)
_CUT_OFF = (
    "DELETE FROM reconciliation.break_events WHERE seq = (SELECT max(seq) FROM reconciliation.break_events)"
)


@dataclass(frozen=True)
class Desk:
    """Two decided breaks and one about which a run said something last."""

    scene: Scene
    decided: Resolution
    rejected: Resolution
    found: UUID

    async def audited(self) -> AuditFinding | None:
        return await audit(database_of(self.scene.endpoint), load_audits())

    async def after(self, *statements: str) -> str:
        """What the audit says after a superuser's statements; it is clean again once they are undone."""
        root = self.scene.root
        await root.execute(_KEPT)
        for statement in statements:
            assert not (await root.execute(statement)).endswith(" 0"), f"changed nothing: {statement}"
        said = await self.audited()
        await root.execute(_PUT_BACK)
        await root.execute("DROP TABLE kept")
        assert await self.audited() is None
        return str(said)

    async def without_last(self, words: str) -> str:
        """What it says after the newest event was cut off, which must be the one that words choose."""
        return await self.after(f"{_CUT_OFF} AND {words}")


@pytest.fixture
async def desk(scene: Scene) -> Desk:
    decided = await scene.decided(await scene.found("LEDGER_ONLY", reference="R1"))
    rejected = await scene.check(
        await scene.propose(await scene.found("LEDGER_ONLY", reference="R2")),
        CHECKER,
        CheckerVerdict.REJECTED,
    )
    return Desk(scene, decided, rejected, await scene.found("LEDGER_ONLY", reference="R3"))


async def test_events_as_they_were_sealed_are_clean(desk: Desk) -> None:
    assert await desk.audited() is None
    assert await desk.scene.count("reconciliation.break_events") == 7


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE reconciliation.break_events SET actor = 'jamal' WHERE seq = 2",
         "reconciliation.break_events 2: is not what was sealed"),
        ("""UPDATE reconciliation.break_events SET facts = facts || '{"amount": 1}' WHERE seq = 3""",
         "reconciliation.break_events 3: is not what was sealed"),
        ("DELETE FROM reconciliation.break_events WHERE seq = 1",
         "reconciliation.break_events 1: is missing"),
        ("DELETE FROM reconciliation.break_events WHERE seq = 4",
         "reconciliation.break_events 4: is missing"),
    ],
)  # fmt: skip
async def test_a_changed_or_missing_event_is_named(desk: Desk, statement: str, said: str) -> None:
    assert await desk.after(statement) == said


async def test_a_break_whose_finding_was_cut_off_is_named(desk: Desk) -> None:
    said = await desk.without_last("event = 'found'")
    assert said == f"reconciliation.breaks {desk.found}: no event says that it was found"


async def test_a_proposal_whose_event_was_cut_off_is_named(desk: Desk) -> None:
    one = await desk.scene.propose(desk.found)
    said = await desk.without_last("event = 'proposed'")
    assert said == f"reconciliation.resolutions {one.id}: no event says that it was made"


async def test_a_checkers_word_that_was_cut_off_is_named(desk: Desk) -> None:
    one = await desk.scene.check(await desk.scene.propose(desk.found), CHECKER, CheckerVerdict.REJECTED)
    said = await desk.without_last("event = 'rejected'")
    assert said == f"reconciliation.resolution_checks {one.id} of {CHECKER}: no event says it"


async def test_the_last_event_of_a_run_that_was_cut_off_is_missed_by_the_run(desk: Desk) -> None:
    await desk.scene.next_run(NIGHT + timedelta(days=1), figures={"events": 8})
    await desk.scene.happens(desk.found, BreakEventKind.CLOSED, BreakState.CLOSED)
    assert await desk.audited() is None
    assert await desk.without_last("event = 'closed'") == (
        "reconciliation.runs 2: it left event 8 of breaks, which is gone"
    )


async def test_an_entry_without_its_decision_is_named(desk: Desk) -> None:
    undo = "SELECT outcome FROM reconciliation.resolution_ends WHERE entry_id = $1"
    assert await desk.scene.root.fetchval(undo, desk.decided.entry_id) == "approved"
    await desk.scene.root.execute(
        "DELETE FROM reconciliation.resolution_ends WHERE entry_id = $1", desk.decided.entry_id
    )
    said = str(await desk.audited())
    assert said.startswith(f"reconciliation.resolutions: entry {desk.decided.entry_id}")


async def test_the_command_names_the_row_last_and_is_clean_when_it_was_put_back(desk: Desk) -> None:
    change = "UPDATE reconciliation.break_events SET actor = $1 WHERE seq = 3"
    before = await desk.scene.root.fetchval("SELECT actor FROM reconciliation.break_events WHERE seq = 3")
    await desk.scene.root.execute(change, "jamal")
    broken = await asyncio.to_thread(_ekpay_audit, desk.scene)
    await desk.scene.root.execute(change, before)
    clean = await asyncio.to_thread(_ekpay_audit, desk.scene)

    assert (broken.returncode, broken.stdout.splitlines()[-1:]) == (
        1,
        ["reconciliation.break_events 3: is not what was sealed"],
    ), broken.stderr
    assert (clean.returncode, clean.stdout.splitlines()[-1:]) == (0, ["clean"]), clean.stderr


def test_the_check_needs_no_extra() -> None:
    without = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r}))"
    load = "from ekpay_switch.plugins import load_audits; print(*(one.__module__ for one in load_audits()))"
    command = [sys.executable, "-c", f"{without}; {load}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    assert first_broken.__module__ in ended.stdout.split()


def test_a_check_that_cannot_be_loaded_ends_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(*, group: str) -> Sequence[EntryPoint]:
        return [EntryPoint("broken", "reconciliation.nowhere:check", group)]

    monkeypatch.setattr(plugins, "entry_points", points)
    with pytest.raises(PluginError, match=r"the audit broken cannot be loaded from reconciliation\.nowhere"):
        load_audits()


def _ekpay_audit(scene: Scene) -> "subprocess.CompletedProcess[str]":
    place = scene.endpoint
    environment = os.environ | {
        "EKPAY_DATABASE_URL": place.dsn("ekpay_app"),
        "EKPAY_DATABASE_OWNER_URL": place.dsn("ekpay_owner"),
        "EKPAY_DATABASE_AUDIT_URL": place.dsn("ekpay_audit"),
    }
    command = [sys.executable, "-c", "from ekpay_switch.cli.main import run; run()", "audit"]
    return subprocess.run(  # noqa: S603 - our own interpreter and command
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
