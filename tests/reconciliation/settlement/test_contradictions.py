"""A bank that rejects an instruction and executes it: paid once, and no more until two persons decide."""

from datetime import date

import asyncpg
import pytest

from reconciliation.errors import SettlementError
from reconciliation.settlement.instructions.instruction_outcomes import Ending
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.post_outcomes import PostedOutcomes
from reconciliation.settlement.settle_value_date import SettledValueDate
from reconciliation.settlement.store.contradictions import Verdict
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import Stage, booked, pair, report

WED = date(2026, 4, 8)
RTGS = 12_000_000
DESCO = Party(PartyRole.BILLER, "desco_postpaid")
OPEN = "SELECT kind, subject, amount FROM alarms WHERE ended_at IS NULL"


@pytest.fixture
async def given(stage: Stage) -> Stage:
    """DESCO is instructed for Monday."""
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"payable:desco_postpaid": RTGS, "settlement_bank": 3 * RTGS})
    await stage.run(SUN)
    await stage.settle(MON)
    return stage


async def name_of(stage: Stage) -> str:
    names = "SELECT end_to_end_id FROM reconciliation.settlement_instructions ORDER BY value_date LIMIT 1"
    return str(await stage.books.value(names))


async def rejected(stage: Stage) -> PostedOutcomes:
    return await stage.follow(report(await name_of(stage), "RJCT"))


async def debited(stage: Stage, paisa: int = RTGS, night: date = MON) -> PostedOutcomes:
    reference = await name_of(stage)
    stage.rows.append(booked("stmt_sonali", reference, -paisa, night, ordinal=len(stage.rows)))
    await stage.run(night)
    return await stage.follow()


async def owe_more(stage: Stage, paisa: int = RTGS) -> None:
    """DESCO is owed for another bill as well."""
    stage.rows += pair("desco_postpaid", "D2", paisa, ordinal=2)
    await stage.hold({"payable:desco_postpaid": paisa})


def desco(sheet: SettledValueDate) -> tuple[int, int, str]:
    (row,) = [row for row in sheet.rows if row.position.party == DESCO]
    return row.instructed, row.carried_out, row.reason


async def test_a_rejected_instruction_that_the_bank_executed_is_not_paid_again(given: Stage) -> None:
    await rejected(given)
    assert (await given.balances())["payable:desco_postpaid"] == RTGS
    (step,) = (await debited(given)).steps
    assert (step.ending, step.is_owed_again, step.contradicts) == (Ending.SETTLED, False, True)
    assert await given.balances() == {"settlement_bank": 2 * RTGS}
    assert await given.books.audit() is None
    await given.decide(step.end_to_end_id, Verdict.EXECUTED)
    assert DESCO not in {row.position.party for row in (await given.settle(TUE)).rows}
    assert await given.balances() == {"settlement_bank": 2 * RTGS}


async def test_a_contradiction_stops_the_payouts_of_its_payee_alone(given: Stage) -> None:
    await rejected(given)
    given.rows += pair("dhaka_wasa", "W1", 70_000)
    await given.hold({"payable:dhaka_wasa": 70_000})
    await owe_more(given)
    found = await debited(given)
    assert [item.party for item in found.contradictions] == [DESCO]
    sheet = await given.settle(TUE)
    assert desco(sheet) == (0, RTGS, "contradicted")
    assert [row.instructed for row in sheet.rows if row.position.party.name == "dhaka_wasa"] == [70_000]
    await given.decide(await name_of(given), Verdict.EXECUTED)
    await given.run(TUE)
    assert desco(await given.settle(WED)) == (RTGS, 0, "")


async def test_a_contradiction_is_an_alarm_until_it_is_decided(given: Stage) -> None:
    await rejected(given)
    assert await given.books.rows(OPEN) == []
    await debited(given)
    name = await name_of(given)
    assert [tuple(row) for row in await given.books.rows(OPEN)] == [
        ("payout_contradicted", f"instruction {name}", RTGS)
    ]
    assert (await given.follow()).steps == (), "read again, it is the same contradiction"
    await given.decide(name, Verdict.EXECUTED)
    assert await given.books.rows(OPEN) == []
    assert (await given.follow()).contradictions == ()


async def test_money_that_comes_back_ends_a_contradiction_and_is_owed_again(given: Stage) -> None:
    await rejected(given)
    await debited(given)
    (step,) = (await debited(given, -RTGS, TUE)).steps
    assert (step.ending, step.is_owed_again, step.contradicts) == (Ending.REJECTED, True, False)
    assert await given.books.rows(OPEN) == []
    assert await given.balances() == {"settlement_bank": 3 * RTGS, "payable:desco_postpaid": RTGS}
    assert desco(await given.settle(WED)) == (RTGS, 0, "")
    assert await given.books.audit() is None


async def test_what_a_later_sheet_has_brought_in_is_decided_by_two_persons(given: Stage) -> None:
    """Both instructions may go out: our books say so, and the payee is paid nothing more."""
    await rejected(given)
    await given.run(MON)
    assert desco(await given.settle(TUE)) == (RTGS, 0, "")
    (step,) = (await debited(given, night=TUE)).steps
    assert (step.is_owed_again, step.contradicts) == (True, True)
    assert (await given.balances()).get("clearing:rtgs", 0) == 0, "one is paid, one is on its way"
    await owe_more(given)
    await given.run(TUE)
    assert desco(await given.settle(WED)) == (0, RTGS, "contradicted")
    await given.decide(step.end_to_end_id, Verdict.EXECUTED)
    assert await given.balances() == {"settlement_bank": 2 * RTGS, "clearing:rtgs": RTGS}
    assert (await given.follow()).steps == ()
    assert await given.books.audit() is None


async def test_what_our_books_owe_no_more_is_not_reinstated_by_itself(given: Stage) -> None:
    await rejected(given)
    await given.hold({"payable:desco_postpaid": -1})
    (step,) = (await debited(given)).steps
    assert (step.is_owed_again, step.contradicts) == (True, True)
    assert DESCO not in {row.position.party for row in (await given.settle(TUE)).rows}, "decided first"
    await given.decide(step.end_to_end_id, Verdict.EXECUTED)
    assert (await given.balances())["payable:desco_postpaid"] == -1, "the payee owes it"


async def test_a_bank_that_says_both_is_asked_before_anything_is_paid_again(given: Stage) -> None:
    await rejected(given)
    name = await name_of(given)
    (step,) = (await given.follow(report(name, "ACSC", "SETL"))).steps
    assert (step.is_owed_again, step.contradicts) == (True, True)
    await given.run(MON)
    assert DESCO not in {row.position.party for row in (await given.settle(TUE)).rows}
    await given.decide(name, Verdict.REJECTED)
    await given.run(TUE)
    assert desco(await given.settle(WED)) == (RTGS, 0, "")


async def test_an_instruction_that_the_bank_says_it_rejected_is_owed_again(given: Stage) -> None:
    """Accepted first and rejected then: it is owed again by the decision and not before."""
    name = await name_of(given)
    await given.follow(report(name, "ACSC", "SETL"))
    (step,) = (await rejected(given)).steps
    assert (step.is_owed_again, step.contradicts) == (False, True)
    await given.decide(name, Verdict.REJECTED)
    assert (await given.balances())["payable:desco_postpaid"] == RTGS
    assert (await given.follow()).contradictions == ()
    await given.run(MON)
    assert desco(await given.settle(TUE)) == (RTGS, 0, "")


async def test_what_the_statement_books_cannot_be_called_rejected(given: Stage) -> None:
    await rejected(given)
    await debited(given)
    with pytest.raises(SettlementError, match="wait until the money has come back"):
        await given.decide(await name_of(given), Verdict.REJECTED)
    assert len((await given.follow()).contradictions) == 1


async def test_only_what_contradicts_is_decided_and_once(given: Stage) -> None:
    name = await name_of(given)
    with pytest.raises(SettlementError, match=f"{name} waits for no decision; waiting: none"):
        await given.decide(name, Verdict.EXECUTED)
    await rejected(given)
    await debited(given)
    with pytest.raises(SettlementError, match=f"waiting: {name}"):
        await given.decide("EAAAAAAAAAAAAAA", Verdict.EXECUTED)
    await given.decide(name, Verdict.EXECUTED)
    with pytest.raises(SettlementError, match="waits for no decision"):
        await given.decide(name, Verdict.EXECUTED)


async def test_a_banks_file_is_kept_with_the_names_of_two_persons(given: Stage) -> None:
    await rejected(given)
    kept = "SELECT taken_by, approved_by FROM reconciliation.settlement_answer_files"
    assert [tuple(row) for row in await given.books.rows(kept)] == [("Rahima", "Karim")]
    with pytest.raises(asyncpg.CheckViolationError):
        await given.books.tell(
            "INSERT INTO reconciliation.settlement_answer_files (sha256, content, taken_by, approved_by) "
            "SELECT encode(sha256('x'), 'hex'), 'x', 'Rahima', 'Rahima'"
        )


@pytest.mark.parametrize(
    "values",
    [
        pytest.param("true, NULL", id="owed again without its entry"),
        pytest.param("false, gen_random_uuid()", id="taken back what was never rejected"),
    ],
)
async def test_the_database_refuses_a_step_whose_entry_does_not_fit(given: Stage, values: str) -> None:
    statement = f"""
    INSERT INTO reconciliation.settlement_endings (end_to_end_id, revision, ending, moved, why, is_owed_again,
      reinstated_entry_id) VALUES ($1, 1, 'waiting', 0, '', {values})
    """  # noqa: S608 - the test's own
    with pytest.raises(asyncpg.CheckViolationError, match="by an entry of this step"):
        await given.books.tell(statement, await name_of(given))
