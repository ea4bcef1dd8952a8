"""reconciliation.md 5, case 20: one person never decides alone, and who tries is written down."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from reconciliation.resolutions.decision_records import (
    CheckerVerdict,
    OnePersonError,
    ProposalOutcome,
    Resolution,
    UnfitError,
)
from reconciliation.resolutions.decisions import CheckOrder, Proposal
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.results.records import BreakEventKind, BreakState
from tests.reconciliation.resolutions.scene import CHECKER, MAKER, OTHER, THIRD, DyingBooks, Scene

LARGE = 1_000_001
LEFT = "UPDATE staff SET disabled_at = now(), disabled_by = 'jamal' WHERE name = $1"


async def test_a_write_off_by_its_own_maker_is_refused_by_the_database_and_audited(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.propose(break_id)

    with pytest.raises(OnePersonError) as refused:
        await scene.check(one, MAKER)

    cause = refused.value.__cause__
    assert isinstance(cause, asyncpg.CheckViolationError)
    assert cause.constraint_name == "ck_resolution_checks_two_persons"
    *_, last = await scene.events(break_id)
    assert (last.event, last.actor, last.state) == (BreakEventKind.REFUSED, MAKER, BreakState.PROPOSED)
    assert last.facts["constraint"] == "ck_resolution_checks_two_persons"
    assert await scene.count("reconciliation.resolution_checks") == 0
    assert await scene.balances() == {}
    # The proposal still waits for somebody else.
    assert (await scene.check(one)).outcome is ProposalOutcome.APPROVED
    assert await scene.is_sound()


async def test_an_amount_above_the_limit_needs_two_checkers(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY", amount=LARGE, exposure=LARGE)
    one = await scene.propose(break_id)
    assert one.checkers_needed == 2

    first = await scene.check(one)
    assert first.waits
    assert await scene.balances() == {}
    assert await scene.state(break_id) is BreakState.PROPOSED

    second = await scene.check(one, OTHER)
    assert second.approved_by == (CHECKER, OTHER)
    assert await scene.balances() == {"receivable:bkash": -LARGE, "write_off": LARGE}
    assert await scene.kinds(break_id) == ["found", "proposed", "approved", "approved"]
    assert await scene.state(break_id) is BreakState.RESOLVED
    assert await scene.is_sound()


async def test_one_checker_is_not_two(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY", amount=LARGE, exposure=LARGE)
    one = await scene.propose(break_id)
    await scene.check(one)

    again = await scene.check(one)
    assert again.waits
    assert again.approved_by == (CHECKER,)
    with pytest.raises(OnePersonError):
        await scene.check(one, MAKER)
    with pytest.raises(UnfitError, match="spoken already"):
        await scene.check(one, CHECKER, CheckerVerdict.REJECTED)
    assert await scene.kinds(break_id) == ["found", "proposed", "approved", "refused", "refused"]
    assert await scene.balances() == {}


async def test_the_limit_itself_needs_one(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY", amount=LARGE - 1, exposure=LARGE - 1)
    assert (await scene.propose(break_id)).checkers_needed == 1


async def test_one_rejection_ends_a_proposal_and_another_may_follow(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.propose(break_id)

    rejected = await scene.check(one, CHECKER, CheckerVerdict.REJECTED)
    assert rejected.outcome is ProposalOutcome.REJECTED
    assert await scene.state(break_id) is BreakState.OPEN
    with pytest.raises(UnfitError, match="ended: rejected"):
        await scene.check(one, OTHER)
    assert await scene.balances() == {}

    assert (await scene.decided(break_id)).number == 2
    assert await scene.state(break_id) is BreakState.RESOLVED


async def test_two_checkers_who_race_post_once(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.propose(break_id)

    answers = await asyncio.gather(
        *(scene.check(one, by) for by in (CHECKER, OTHER, THIRD)), return_exceptions=True
    )

    won = [answer for answer in answers if isinstance(answer, Resolution)]
    assert [answer.outcome for answer in won] == [ProposalOutcome.APPROVED]
    assert sum(isinstance(answer, UnfitError) for answer in answers) == 2
    assert await scene.balances() == {"receivable:bkash": -500, "write_off": 500}
    assert await scene.count("journal_entries") == 1
    assert await scene.is_sound()


async def test_two_who_propose_at_once_leave_one_proposal(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")

    answers = await asyncio.gather(
        *(scene.propose(break_id, by=by) for by in (MAKER, CHECKER)), return_exceptions=True
    )

    assert sum(isinstance(answer, Resolution) for answer in answers) == 1
    assert len(await scene.decisions(break_id)) == 1


async def test_a_lost_answer_is_asked_for_again_and_changes_nothing(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    proposal = Proposal(break_id, ResolutionAction.WRITE_OFF, "the bank will not pay", MAKER)
    first = await scene.desk.propose(proposal)
    assert (await scene.desk.propose(proposal)).id == first.id

    order = CheckOrder(first.id, CHECKER, CheckerVerdict.APPROVED)
    approved = await scene.desk.check(order)
    assert await scene.desk.check(order) == approved
    assert await scene.kinds(break_id) == ["found", "proposed", "approved"]
    assert await scene.count("journal_entries") == 1
    assert await scene.is_sound()


async def test_a_crash_between_entry_and_commit_leaves_nothing(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.propose(break_id)

    scene.finance.dying = DyingBooks(scene.finance.connect)
    with pytest.raises(ConnectionResetError):
        await scene.check(one)
    scene.finance.dying = None

    assert await scene.count("journal_entries") == 0
    assert await scene.count("reconciliation.resolution_checks") == 0
    assert await scene.kinds(break_id) == ["found", "proposed"]
    assert (await scene.check(one)).outcome is ProposalOutcome.APPROVED
    assert await scene.count("journal_entries") == 1
    assert await scene.is_sound()


async def test_a_break_that_closed_meanwhile_takes_no_decision(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.propose(break_id)
    await scene.happens(break_id, BreakEventKind.CLOSED, BreakState.CLOSED)

    with pytest.raises(UnfitError, match="closed meanwhile"):
        await scene.check(one)
    with pytest.raises(UnfitError, match="closed"):
        await scene.propose(break_id)
    assert await scene.balances() == {}
    assert len(await scene.decisions(break_id)) == 1


async def test_a_proposal_without_a_reason_is_none(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    with pytest.raises(UnfitError, match="reason"):
        await scene.desk.propose(Proposal(break_id, ResolutionAction.WRITE_OFF, " ", MAKER))
    assert await scene.kinds(break_id) == ["found"]


async def test_what_the_books_do_not_allow_is_kept_as_an_attempt(scene: Scene) -> None:
    """A floor of the books is the last word; the proposal waits on."""
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.propose(break_id)
    await scene.root.execute("ALTER TABLE postings ADD CONSTRAINT ck_nothing CHECK (account <> 'write_off')")

    with pytest.raises(Exception, match="ck_nothing"):
        await scene.check(one)
    assert await scene.kinds(break_id) == ["found", "proposed", "refused"]
    assert await scene.state(break_id) is BreakState.PROPOSED
    assert await scene.count("journal_entries") == 0


_RESOLUTION = """
INSERT INTO reconciliation.resolutions (id, break_id, number, action, amount, entry_id, moment, postings,
  settlement, reason, maker, rule, checkers_needed, reverses)
SELECT $1, break_id, $2, action, amount, $1, moment, postings, settlement, reason, $3, $4, $5, $6
FROM reconciliation.resolutions WHERE id = $7
"""
_CHECK = """
INSERT INTO reconciliation.resolution_checks (resolution_id, checker, maker, verdict, reason)
VALUES ($1, $2, $3, $4, '')
"""
_END = """
INSERT INTO reconciliation.resolution_ends (resolution_id, outcome, checkers_needed, entry_id, first_checker,
  second_checker) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def refused(scene: Scene, statement: str, *values: object) -> str:
    """Which constraint refuses a row that the application writes by itself."""
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as problem:
        await scene.connection.execute(statement, *values)
    return str(problem.value.constraint_name)


async def test_no_row_of_a_check_gets_around_the_two_persons(scene: Scene) -> None:
    one = await scene.propose(await scene.found("LEDGER_ONLY"))

    assert await refused(scene, _CHECK, one.id, MAKER, MAKER, "approved") == (
        "ck_resolution_checks_two_persons"
    )
    # Naming another maker does not help.
    assert await refused(scene, _CHECK, one.id, MAKER, OTHER, "approved") == (
        "fk_resolution_checks_resolution_id_maker"
    )
    assert await refused(scene, _CHECK, one.id, "nobody", MAKER, "approved") == (
        "fk_resolution_checks_checker"
    )
    await scene.connection.execute(_CHECK, one.id, CHECKER, MAKER, "approved")
    assert await refused(scene, _CHECK, one.id, CHECKER, MAKER, "rejected") == "pk_resolution_checks"


async def test_no_end_without_the_checks_that_it_needs(scene: Scene) -> None:
    small = await scene.propose(await scene.found("LEDGER_ONLY"))
    large = await scene.propose(
        await scene.found("LEDGER_ONLY", reference="R2", amount=LARGE, exposure=LARGE)
    )
    await scene.connection.execute(_CHECK, large.id, CHECKER, MAKER, "approved")

    ends = "ck_resolution_ends_checkers"
    assert await refused(scene, _END, small.id, "approved", 1, small.entry_id, None, None) == ends
    assert await refused(scene, _END, large.id, "approved", 2, large.entry_id, CHECKER, None) == ends
    assert await refused(scene, _END, large.id, "approved", 2, large.entry_id, CHECKER, CHECKER) == (
        "ck_resolution_ends_two_checkers"
    )
    # Who did not check, or said no, is no approval; and the number needed is the proposal's.
    assert await refused(scene, _END, large.id, "approved", 2, large.entry_id, CHECKER, OTHER) == (
        "fk_resolution_ends_second_checker"
    )
    await scene.connection.execute(_CHECK, large.id, OTHER, MAKER, "rejected")
    assert await refused(scene, _END, large.id, "approved", 2, large.entry_id, CHECKER, OTHER) == (
        "fk_resolution_ends_second_checker"
    )
    assert await refused(scene, _END, large.id, "approved", 1, large.entry_id, CHECKER, None) == (
        "fk_resolution_ends_resolution_id"
    )
    assert await refused(scene, _END, small.id, "approved", 0, small.entry_id, None, None) == (
        "fk_resolution_ends_resolution_id"
    )


async def test_only_a_reversal_is_made_by_a_rule(scene: Scene) -> None:
    one = await scene.decided(await scene.found("LEDGER_ONLY"))
    who = "ck_resolutions_maker_or_rule"
    new = uuid4()

    assert await refused(scene, _RESOLUTION, new, 2, None, "a rule", 0, None, one.id) == who
    assert await refused(scene, _RESOLUTION, new, 2, MAKER, "a rule", 0, one.id, one.id) == who
    assert await refused(scene, _RESOLUTION, new, 2, None, "a rule", 1, one.id, one.id) == who
    assert await refused(scene, _RESOLUTION, new, 2, None, "", 0, one.id, one.id) == who
    assert await refused(scene, _RESOLUTION, new, 2, MAKER, "", 0, None, one.id) == who
    assert await refused(scene, _RESOLUTION, new, 1, MAKER, "", 1, None, one.id) == (
        "uq_resolutions_break_id_number"
    )
    assert await refused(scene, _RESOLUTION, new, 2, "nobody", "", 1, None, one.id) == "fk_resolutions_maker"


async def test_an_entry_is_approved_once_whatever_proposes_it(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.decided(break_id)
    first = await scene.propose(break_id, reverses=one.id)
    await scene.check(first, CHECKER, CheckerVerdict.REJECTED)
    second = await scene.propose(break_id, reverses=one.id)
    assert (await scene.check(second)).outcome is ProposalOutcome.APPROVED

    assert first.entry_id == second.entry_id
    await scene.connection.execute(_CHECK, first.id, OTHER, MAKER, "approved")
    values = (first.id, "approved", 1, first.entry_id, OTHER, None)
    assert await refused(scene, _END, *values) == "pk_resolution_ends"
    await scene.root.execute("DELETE FROM reconciliation.resolution_ends WHERE resolution_id = $1", first.id)
    assert await refused(scene, _END, *values) == "uq_resolution_ends_one_entry"


async def test_decisions_are_rows_that_nobody_changes(scene: Scene) -> None:
    await scene.decided(await scene.found("LEDGER_ONLY"))
    columns = {
        "resolutions": "amount = 0",
        "resolution_checks": "verdict = 'rejected'",
        "resolution_ends": "outcome = 'lapsed'",
        "closed_days": "digest = ''",
        "break_events": "actor = 'night'",
    }
    for table, change in columns.items():
        name = f"reconciliation.{table}"
        update, delete = f"UPDATE {name} SET {change}", f"DELETE FROM {name}"  # noqa: S608 - our own words
        for statement in (update, delete, f"TRUNCATE {name}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await scene.connection.execute(statement)


@pytest.mark.parametrize("who", [MAKER, CHECKER])
async def test_a_decision_rests_on_nobody_who_has_left(scene: Scene, who: str) -> None:
    break_id = await scene.found("LEDGER_ONLY", amount=LARGE, exposure=LARGE)
    one = await scene.propose(break_id)
    await scene.check(one)
    await scene.root.execute(LEFT, who)
    with pytest.raises(UnfitError, match=f"{who} may decide nothing any more"):
        await scene.check(one, OTHER)
    assert await scene.balances() == {}
    assert (await scene.check(one, OTHER, CheckerVerdict.REJECTED)).outcome is ProposalOutcome.REJECTED


async def test_somebody_who_has_left_approves_no_break(scene: Scene) -> None:
    one = await scene.propose(await scene.found("LEDGER_ONLY"))
    await scene.root.execute(LEFT, CHECKER)
    with pytest.raises(UnfitError, match=f"{CHECKER} may decide nothing any more"):
        await scene.check(one)
    assert (await scene.check(one, OTHER)).outcome is ProposalOutcome.APPROVED
