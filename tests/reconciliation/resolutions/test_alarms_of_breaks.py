"""The alarm of an institution's breaks ends with the decision about the last of them, and not before."""

from reconciliation.resolutions.decision_records import CheckerVerdict
from reconciliation.results.break_alarms import raise_break_alarms
from tests.reconciliation.resolutions.scene import Scene

_OPEN = "SELECT subject FROM alarms WHERE kind = 'breaks_open' AND ended_at IS NULL ORDER BY subject"


async def _open(scene: Scene) -> list[str]:
    return [row["subject"] for row in await scene.root.fetch(_OPEN)]


async def test_the_decision_about_the_last_break_ends_the_alarm(scene: Scene) -> None:
    first, second = await scene.found("LEDGER_ONLY"), await scene.found("LEDGER_ONLY", reference="R2")
    await scene.found("LEDGER_ONLY", "nagad")
    async with scene.connection.transaction():
        await raise_break_alarms(scene.connection, scene.finance)
    assert await _open(scene) == ["breaks bkash", "breaks nagad"]

    await scene.decided(first)
    assert await _open(scene) == ["breaks bkash", "breaks nagad"]
    await scene.check(await scene.propose(second), verdict=CheckerVerdict.REJECTED)
    assert await _open(scene) == ["breaks bkash", "breaks nagad"]
    await scene.decided(second)

    assert await _open(scene) == ["breaks nagad"]


async def test_a_break_that_is_to_be_undone_stands_again(scene: Scene) -> None:
    decided = await scene.decided(await scene.found("LEDGER_ONLY"))
    assert await _open(scene) == []

    undoing = await scene.propose(decided.break_id, reverses=decided.id)
    assert await _open(scene) == ["breaks bkash"]
    await scene.check(undoing, verdict=CheckerVerdict.REJECTED)

    assert await _open(scene) == []
    await scene.decided(decided.break_id, reverses=decided.id)
    assert await _open(scene) == ["breaks bkash"]
    assert await scene.is_sound()
