from reconciliation.resolutions.decision_proofs import verify_decisions
from tests.reconciliation.resolutions.scene import Scene


async def test_decisions_and_entries_are_proven_from_both_sides(scene: Scene) -> None:
    one = await scene.decided(await scene.found("LEDGER_ONLY"))
    assert await scene.is_sound()

    async def said_after(change: str, back: str) -> str:
        await scene.root.execute(change, one.entry_id)
        told = await verify_decisions(scene.connection)
        await scene.root.execute(back, one.entry_id)
        assert await verify_decisions(scene.connection) is None
        return told or ""

    rename = "UPDATE journal_entries SET moment = '{}' WHERE id = $1"
    lost = await said_after(rename.format("delivered"), rename.format("break_written_off"))
    assert lost == f"decision {one.id} is approved, and its entry {one.entry_id} is not booked"
    other = await said_after(rename.format("break_claimed"), rename.format("break_written_off"))
    assert other == f"entry {one.entry_id} is not what decision {one.id} says"
    move = "UPDATE postings SET account = '{}' WHERE entry_id = $1 AND amount > 0"
    moved = await said_after(move.format("receivable:bkash"), move.format("write_off"))
    assert moved == other
    end = (
        "UPDATE reconciliation.resolution_ends SET outcome = 'lapsed', first_checker = {} WHERE entry_id = $1"
    )
    undecided = await said_after(end.format("NULL"), end.format("'karim'").replace("'lapsed'", "'approved'"))
    assert undecided == f"entry {one.entry_id} (break_written_off) rests on no approved decision"
