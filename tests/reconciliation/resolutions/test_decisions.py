"""Chains of decisions, their reversal by persons, and what is refused before anything is written."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from reconciliation.resolutions.decision_records import (
    CheckerVerdict,
    ProposalOutcome,
    UnfitError,
    UnknownIdError,
)
from reconciliation.resolutions.decision_store import id_by_name
from reconciliation.resolutions.decisions import CheckOrder, Proposal
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.staff_requests import break_history
from reconciliation.results.records import BreakEventKind, BreakState
from tests.reconciliation.resolutions.scene import CHECKER, MAKER, NIGHT, OTHER, Scene

_WINDOW = """
INSERT INTO settlement_windows (business_date, state, closed_at)
VALUES ($1, 'closed', now()) RETURNING id
"""
_LINE = """
INSERT INTO ledger_lines (window_id, business_date, ordinal, role, party, payment_id, movement, event,
  revision, status, our_reference, gross, fee, net, currency, instant)
VALUES ($1, $2, $3, 'connector', $4, $5, $6, $7, $8, $9, 'A1', $10::bigint, $11::bigint,
  $10::bigint - $11::bigint, 'BDT', now())
"""


async def a_line(scene: Scene, movement: UUID, gross: int, fee: int = 0, **facts: object) -> None:
    """A frozen line of a connector, in a window of its own."""
    window = await scene.root.fetchval(_WINDOW, NIGHT)
    told = {"event": "payment", "revision": 1, "status": "success"} | facts
    values = (told["event"], told["revision"], told["status"], gross, fee)
    await scene.root.execute(_LINE, window, NIGHT, 1, "bkash", uuid4(), movement, *values)


async def test_a_failure_that_they_took_money_for_ends_with_the_payer_paid_back(scene: Scene) -> None:
    """Case 9: never to the biller by itself; into suspense, then people give it back."""
    break_id = await scene.found("THEY_SUCCESS_WE_FAILED", details={"net": 490})
    await scene.decided(break_id, ResolutionAction.TO_SUSPENSE)
    assert await scene.balances() == {
        "connector_fee:bkash": 10,
        "receivable:bkash": 490,
        "suspense:bkash": 500,
    }
    assert await scene.state(break_id) is BreakState.OPEN
    await scene.decided(break_id, ResolutionAction.FROM_SUSPENSE_TO_REFUND)
    await scene.decided(break_id, ResolutionAction.PAY_BACK_BY_HAND)
    assert await scene.balances() == {
        "connector_fee:bkash": 10,
        "receivable:bkash": 490,
        "settlement_bank": -500,
    }
    assert await scene.state(break_id) is BreakState.RESOLVED
    settled = [event.facts.get("settlement") for event in await scene.events(break_id)]
    assert settled[-1] == "agreed"
    assert await scene.is_sound()


async def fitting(scene: Scene, break_id: UUID) -> Sequence[ResolutionAction]:
    """What is shown as fitting, each of which is proposed; everything else is refused."""
    shown = (await break_history(scene.finance, str(break_id))).fitting
    for action in ResolutionAction:
        if action in shown:
            resolution = await scene.propose(break_id, action)
            await scene.check(resolution, verdict=CheckerVerdict.REJECTED)
        else:
            with pytest.raises(UnfitError):
                await scene.propose(break_id, action)
    return shown


@pytest.mark.parametrize(
    ("code", "institution", "amounts", "expected"),
    [
        # A payer paid a bill that the biller alone knows: nothing was collected, so nothing is given back.
        ("FILE_ONLY", "desco_postpaid", {}, ["write_off", "to_suspense", "claim_from_institution"]),
        # They took money back that we do not know of: no payer's money waits with them.
        ("FILE_ONLY", "bkash", {"amount": -500}, ["write_off", "to_suspense", "claim_from_institution"]),
        ("FILE_ONLY", "bkash", {}, ["to_suspense"]),
        ("AMOUNT", "bkash", {"difference": -7}, ["write_off", "to_suspense", "claim_from_institution"]),
        ("AMOUNT", "bkash", {"difference": 7}, ["to_suspense"]),
        ("THEY_SUCCESS_WE_FAILED", "bkash", {}, ["to_suspense"]),
    ],
)
async def test_fitting_lists_the_actions_that_a_proposal_may_take(
    scene: Scene, code: str, institution: str, amounts: dict[str, Any], expected: list[str]
) -> None:
    break_id = await scene.found(code, institution, **amounts)
    assert [action.value for action in await fitting(scene, break_id)] == [*expected, "no_action"]


async def test_a_chain_is_begun_at_its_beginning_and_not_twice(scene: Scene) -> None:
    break_id = await scene.found("FILE_ONLY")
    with pytest.raises(UnfitError, match="comes after to_suspense"):
        await scene.propose(break_id, ResolutionAction.FROM_SUSPENSE_TO_REFUND)
    await scene.decided(break_id, ResolutionAction.TO_SUSPENSE)
    for action in (ResolutionAction.TO_SUSPENSE, ResolutionAction.NO_ACTION):
        with pytest.raises(UnfitError, match="to_suspense stands"):
            await scene.propose(break_id, action)
    with pytest.raises(UnfitError, match="comes after from_suspense_to_refund"):
        await scene.propose(break_id, ResolutionAction.PAY_BACK_BY_HAND)
    story = await break_history(scene.finance, str(break_id))
    assert story.fitting == [ResolutionAction.FROM_SUSPENSE_TO_REFUND]
    assert len(await scene.decisions(break_id)) == 1


async def test_a_write_off_is_of_what_our_books_hold(scene: Scene) -> None:
    """The newest revision of a line counts, after fees."""
    movement = uuid4()
    await a_line(scene, movement, 500, status="unknown")
    await a_line(scene, movement, 500, 15, revision=2)
    await a_line(scene, movement, -500, event="reversal")
    break_id = await scene.found("LEDGER_ONLY", details={"movements": [str(movement)]})
    assert (await scene.decided(break_id)).amount == 485
    assert await scene.balances() == {"receivable:bkash": -485, "write_off": 485}


async def test_a_difference_is_of_nets_where_both_are_known(scene: Scene) -> None:
    movement = uuid4()
    await a_line(scene, movement, 10_000, 150)
    told = {"movements": [str(movement)], "net": 9_358}
    break_id = await scene.found("AMOUNT", amount=9_500, difference=-500, details=told)
    await scene.decided(break_id)
    assert await scene.balances() == {"receivable:bkash": -492, "write_off": 492}


async def test_a_payment_that_stands_twice_is_taken_out_once(scene: Scene) -> None:
    movements = [uuid4(), uuid4()]
    for movement in movements:
        await a_line(scene, movement, 500, 15)
    told = {"movements": [str(movement) for movement in movements]}
    break_id = await scene.found("DUP_IN_LEDGER", details=told)
    await scene.decided(break_id, ResolutionAction.CORRECT_BOOKS)
    assert await scene.balances() == {"receivable:bkash": -485, "suspense:bkash": -485}


async def test_a_reversal_takes_two_persons_again_and_opens_the_break(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.decided(break_id)
    reversal = await scene.propose(break_id, by=OTHER, reverses=one.id)
    assert await scene.state(break_id) is BreakState.PROPOSED
    assert await scene.balances() == {"receivable:bkash": -500, "write_off": 500}

    assert (await scene.check(reversal)).outcome is ProposalOutcome.APPROVED
    assert await scene.balances() == {}
    assert await scene.state(break_id) is BreakState.OPEN
    assert (await scene.kinds(break_id))[-2:] == ["proposed", "reversed"]
    assert (await scene.decisions(break_id))[0].reversed_by == reversal.id
    with pytest.raises(UnfitError, match="stands approved"):
        await scene.propose(break_id, reverses=one.id)
    with pytest.raises(UnfitError, match="stands approved"):
        await scene.propose(break_id, reverses=reversal.id)
    assert await scene.is_sound()


async def test_a_rejected_reversal_leaves_the_break_resolved(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.decided(break_id)
    reversal = await scene.propose(break_id, by=OTHER, reverses=one.id)
    await scene.check(reversal, CHECKER, CheckerVerdict.REJECTED)
    assert await scene.state(break_id) is BreakState.RESOLVED
    with pytest.raises(UnfitError, match="is resolved; reverse that first"):
        await scene.propose(break_id)


async def test_only_the_newest_of_a_chain_is_reversed(scene: Scene) -> None:
    break_id = await scene.found("FILE_ONLY")
    first = await scene.decided(break_id, ResolutionAction.TO_SUSPENSE)
    second = await scene.decided(break_id, ResolutionAction.FROM_SUSPENSE_TO_REFUND)
    with pytest.raises(UnfitError, match=str(second.id)):
        await scene.propose(break_id, reverses=first.id)
    await scene.check(await scene.propose(break_id, reverses=second.id))
    *_, last = await scene.events(break_id)
    assert last.facts["settlement"] == "agreed"  # what lies below still stands
    await scene.check(await scene.propose(break_id, reverses=first.id))
    assert await scene.balances() == {}
    *_, last = await scene.events(break_id)
    assert "settlement" not in last.facts


async def test_a_repost_wakes_the_payment_and_leaves_the_break_open(scene: Scene) -> None:
    movement = uuid4()
    await a_line(scene, movement, 500)
    told = {"movements": [str(movement), str(uuid4())]}
    break_id = await scene.found("UNKNOWN_OPEN", details=told)
    for _ in range(2):
        await scene.decided(break_id, ResolutionAction.REPOST)
    assert scene.finance.waker.woken == [movement, movement]
    assert await scene.state(break_id) is BreakState.OPEN
    *_, last = await scene.events(break_id)
    assert (last.event, last.facts["woken"]) == (BreakEventKind.APPROVED, 1)
    assert await scene.count("journal_entries") == 0


async def test_a_payment_that_nobody_knows_cannot_be_woken(scene: Scene) -> None:
    break_id = await scene.found("THEY_SUCCESS_WE_FAILED", details={"movements": [str(uuid4())]})
    with pytest.raises(UnfitError, match="no payment of ours"):
        await scene.propose(break_id, ResolutionAction.REPOST)


@pytest.mark.parametrize(
    ("code", "institution", "action", "words"),
    [
        (
            "FILE_MISSING",
            "bkash",
            ResolutionAction.WRITE_OFF,
            "write_off does not fit FILE_MISSING; what fits: no_action",
        ),
        ("LEDGER_ONLY", "bkash", ResolutionAction.ACCEPT_FEE, "does not fit"),
        ("AMOUNT", "bkash", ResolutionAction.WRITE_OFF, "no amount stands apart"),
        ("LEDGER_ONLY", "nobody", ResolutionAction.WRITE_OFF, "does not know nobody"),
    ],
)
async def test_what_does_not_fit_changes_nothing(
    scene: Scene, code: str, institution: str, action: ResolutionAction, words: str
) -> None:
    break_id = await scene.found(code, institution)
    with pytest.raises(UnfitError, match=words):
        await scene.propose(break_id, action)
    assert await scene.kinds(break_id) == ["found"]
    assert await scene.decisions(break_id) == []


async def test_what_is_not_there_is_said_so(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    with pytest.raises(UnknownIdError, match="no break"):
        await scene.propose(uuid4())
    with pytest.raises(UnknownIdError, match="no decision"):
        await scene.desk.propose(
            Proposal(break_id, ResolutionAction.WRITE_OFF, "why", MAKER, reverses=uuid4())
        )
    with pytest.raises(UnknownIdError):
        await scene.desk.check(CheckOrder(uuid4(), CHECKER, CheckerVerdict.APPROVED))
    with pytest.raises(UnfitError, match="words"):
        await scene.desk.note(break_id, " ", MAKER)


async def test_ids_are_given_by_a_prefix_that_is_one_things_alone(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    assert await id_by_name(scene.connection, "break", str(break_id)[:6].upper()) == break_id
    unknown = "has the number"
    names = (("abc", "at least 4"), ("%%%%", "names no break"), ("ffff", unknown), ("____", "names no break"))
    for text, words in (
        *names,
        ("0", unknown),
        ("9" * 5_000, unknown),
        ("-1", "at least 4"),
        ("১", "at least 4"),
    ):
        with pytest.raises(UnknownIdError, match=words):
            await id_by_name(scene.connection, "break", text)
    twin = UUID(f"{str(break_id)[:8]}-0000-4000-8000-000000000000")
    await scene.root.execute(
        """INSERT INTO reconciliation.breaks SELECT $1, run_id, code, institution, 'R9', first_seen, amount,
        difference, exposure, file, day, cycle, owner, deadline, diagnosis, told
        FROM reconciliation.breaks WHERE id = $2""",
        twin,
        break_id,
    )
    with pytest.raises(UnknownIdError, match="names several"):
        await id_by_name(scene.connection, "break", str(break_id)[:8])


async def test_a_number_names_a_break_unless_an_id_begins_with_it(scene: Scene) -> None:
    first, second = await scene.found("LEDGER_ONLY"), await scene.found("AMOUNT", reference="R2")
    numbers = [(await scene.broken(found)).short_number for found in (first, second)]
    assert numbers[0] < numbers[1]
    assert await id_by_name(scene.connection, "break", f" {numbers[1]} ") == second
    await scene.root.execute(
        """INSERT INTO reconciliation.breaks OVERRIDING SYSTEM VALUE
        SELECT $1, run_id, code, institution, 'R9', first_seen, amount, difference,
        exposure, file, day, cycle, owner, deadline, diagnosis, told, 1234
        FROM reconciliation.breaks WHERE id = $2""",
        UUID("ffffffff-0000-4000-8000-000000000000"),
        first,
    )
    await scene.root.execute(
        """INSERT INTO reconciliation.breaks SELECT $1, run_id, code, institution, 'R10', first_seen, amount,
        difference, exposure, file, day, cycle, owner, deadline, diagnosis, told
        FROM reconciliation.breaks WHERE id = $2""",
        UUID("12345678-0000-4000-8000-000000000000"),
        first,
    )
    with pytest.raises(UnknownIdError, match=r"1234 names several: ffffffff-.*, 12345678-"):
        await id_by_name(scene.connection, "break", "1234")
    assert await id_by_name(scene.connection, "break", "12345") == UUID(
        "12345678-0000-4000-8000-000000000000"
    )
