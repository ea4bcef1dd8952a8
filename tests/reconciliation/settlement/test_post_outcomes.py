"""Credits of connectors and debits of our own instructions on the statements of banks, posted once."""

from datetime import date

import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from reconciliation.canonical_row import BROKEN, FAILED, LEDGER, MATCHED
from reconciliation.resolutions.break_audit import first_broken
from reconciliation.settlement.instructions.instruction_outcomes import Ending
from reconciliation.settlement.positions.payout_credits import FundsComparison
from reconciliation.settlement.post_outcomes import PostedOutcomes
from reconciliation.settlement.store.expected_debits import expected_debits, returns_of
from tests.reconciliation.settlement.sample_lines import MON, SUN, THU, TUE
from tests.reconciliation.settlement.stage import Stage, booked, expected, pair, report, row

# The files of Thursday to Saturday are paid by one credit on Sunday, less the bank's charge.
SAT, WED = date(2026, 4, 4), date(2026, 4, 8)
BATCH = "NEXUS20260405"
OWED, CHARGE = 1_500_000, 1_150
RTGS = 12_000_000


def three_files() -> list[dict[str, object]]:
    """Case 18: three files of one payout, which come to 1,500,000 together."""
    rows = []
    for day, net in ((2, 700_000), (3, 500_000), (4, 300_000)):
        origin = f"dbbl_nexus_202604{day:02d}_01.csv"
        rows += pair("dbbl_nexus", f"N{day}", net, file=origin, business_date=date(2026, 4, day), ordinal=day)
    return rows


@pytest.fixture
async def paid(stage: Stage) -> Stage:
    """The three files are loaded, and the credit is expected on Sunday."""
    stage.rows = [*three_files(), expected("stmt_sonali", BATCH, OWED - CHARGE, SUN)]
    await stage.hold({"receivable:dbbl_nexus": OWED})
    await stage.run(SAT)
    return stage


async def credited(stage: Stage, paisa: int, night: date = SUN) -> PostedOutcomes:
    stage.rows.append(booked("stmt_sonali", BATCH, paisa, night, ordinal=len(stage.rows)))
    await stage.run(night)
    return await stage.follow()


async def test_a_credit_is_three_files_less_the_charge(paid: Stage) -> None:
    found = await credited(paid, OWED - CHARGE)
    (credit,) = found.credits
    assert (credit.funds, credit.difference) == (FundsComparison.AS_EXPECTED, 0)
    assert await paid.balances() == {"settlement_bank": OWED - CHARGE, "bank_charges": CHARGE}
    assert await paid.books.audit() is None


async def test_a_paisa_that_is_missing_is_named_and_stays_owed(paid: Stage) -> None:
    (credit,) = (await credited(paid, OWED - CHARGE - 1)).credits
    assert (credit.funds, credit.difference) == (FundsComparison.SHORT, -1)
    assert await paid.balances() == {
        "settlement_bank": OWED - CHARGE - 1,
        "bank_charges": CHARGE,
        "receivable:dbbl_nexus": 1,
    }


async def test_a_paisa_too_many_is_named_and_nobody_has_it(paid: Stage) -> None:
    (credit,) = (await credited(paid, OWED - CHARGE + 1)).credits
    assert (credit.funds, credit.difference) == (FundsComparison.OVER, 1)
    assert (await paid.balances())["suspense:dbbl_nexus"] == 1


async def test_what_is_missing_comes_later_and_only_the_difference_is_posted(paid: Stage) -> None:
    await credited(paid, OWED - CHARGE - 1)
    found = await credited(paid, 1, TUE)
    assert [one.funds for one in found.new_credits] == [FundsComparison.AS_EXPECTED]
    assert await paid.balances() == {"settlement_bank": OWED - CHARGE, "bank_charges": CHARGE}
    assert [moment for moment, _, _ in await paid.journal()].count("payout_received") == 3 + 2


async def test_asked_again_nothing_is_posted(paid: Stage) -> None:
    await credited(paid, OWED - CHARGE)
    posted = await paid.journal()
    again = await paid.follow()
    assert (again.new_credits, len(again.credits)) == ((), 1)
    await paid.run(SUN)
    assert (await paid.follow()).new_credits == ()
    assert await paid.journal() == posted


async def test_a_statement_that_was_corrected_is_posted_as_a_difference(paid: Stage) -> None:
    await credited(paid, OWED)
    paid.rows[-1] = booked("stmt_sonali", BATCH, OWED - CHARGE, SUN, origin="stmt_sonali_20260405_01_c1.xml")
    await paid.run(SUN)
    await paid.follow()
    assert await paid.balances() == {"settlement_bank": OWED - CHARGE, "bank_charges": CHARGE}


async def test_a_credit_that_a_corrected_statement_leaves_out_is_taken_back_and_may_come_again(
    paid: Stage,
) -> None:
    await credited(paid, OWED - CHARGE)
    booked_row = paid.rows.pop()
    await paid.run(SUN)
    (gone,) = (await paid.follow()).new_credits
    assert (gone.credited, gone.funds) == (0, FundsComparison.SHORT)
    assert await paid.balances() == {"receivable:dbbl_nexus": OWED}
    assert (await paid.follow()).new_credits == ()
    paid.rows.append(booked_row)
    await paid.run(SUN)
    assert [one.funds for one in (await paid.follow()).new_credits] == [FundsComparison.AS_EXPECTED]
    assert await paid.balances() == {"settlement_bank": OWED - CHARGE, "bank_charges": CHARGE}
    assert await paid.books.audit() is None


async def test_what_came_and_is_not_agreed_stands_in_suspense_until_it_is(stage: Stage) -> None:
    stranger = row("dbbl_nexus", "X", 5_000, origin="dbbl_nexus_20260404_01.csv", ordinal=9, verdict=BROKEN)
    stage.rows = [*three_files(), stranger, expected("stmt_sonali", BATCH, OWED + 5_000 - CHARGE, SUN)]
    await stage.hold({"receivable:dbbl_nexus": OWED})
    await stage.run(SAT)
    await credited(stage, OWED + 5_000 - CHARGE)
    assert (await stage.balances()).get("receivable:dbbl_nexus", 0) == 0
    assert (await stage.balances())["suspense:dbbl_nexus"] == 5_000
    # On Tuesday our books know it: what stood in suspense goes against what the connector owes us.
    stage.rows[stage.rows.index(stranger)] = stranger | {"verdict": MATCHED}
    stage.rows += [row("dbbl_nexus", "X", 5_000, source=LEDGER, origin="lines-2", ordinal=9)]
    await stage.hold({"receivable:dbbl_nexus": 5_000})
    await stage.run(TUE)
    await stage.follow()
    assert await stage.balances() == {"settlement_bank": OWED + 5_000 - CHARGE, "bank_charges": CHARGE}
    assert await stage.books.audit() is None


async def test_a_paisa_that_their_file_rounds_up_is_rounding(stage: Stage) -> None:
    stage.rows = [
        row("dbbl_nexus", "N1", 98_678, origin="dbbl_nexus_20260404_01.csv"),
        row("dbbl_nexus", "N1", 98_677, source=LEDGER, origin="lines-1"),
        expected("stmt_sonali", BATCH, 98_678 - CHARGE, SUN),
    ]
    await stage.hold({"receivable:dbbl_nexus": 98_677})
    await stage.run(SAT)
    (credit,) = (await credited(stage, 98_678 - CHARGE)).credits
    assert (credit.receivable, credit.rounding, credit.suspense) == (98_677, 1, 0)
    assert "receivable:dbbl_nexus" not in await stage.balances()


async def test_a_payout_of_which_no_statement_tells_is_waited_for(paid: Stage) -> None:
    assert [one.key for one in (await paid.follow()).waiting] == []
    await paid.run(SUN)
    found = await paid.follow()
    assert ([one.key for one in found.waiting], found.credits) == ([BATCH], ())
    assert await paid.journal() == []


# ---- our own instructions


@pytest.fixture
async def given(stage: Stage) -> Stage:
    """DESCO is instructed for Monday."""
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"payable:desco_postpaid": RTGS, "settlement_bank": 3 * RTGS})
    await stage.run(SUN)
    await stage.settle(MON)
    return stage


async def name_of(stage: Stage) -> str:
    return str(await stage.books.value("SELECT end_to_end_id FROM reconciliation.settlement_instructions"))


async def debited(stage: Stage, paisa: int, night: date = MON) -> PostedOutcomes:
    reference = await name_of(stage)
    stage.rows.append(booked("stmt_sonali", reference, -paisa, night, ordinal=len(stage.rows)))
    await stage.run(night)
    return await stage.follow()


async def test_what_the_bank_books_is_cleared(given: Stage) -> None:
    found = await debited(given, RTGS)
    assert [step.ending for step in found.steps] == [Ending.SETTLED]
    assert await given.balances() == {"settlement_bank": 2 * RTGS}
    assert (await given.follow()).steps == ()
    assert await given.books.audit() is None


async def test_an_accepted_instruction_waits_for_the_money(given: Stage) -> None:
    heard = await given.follow(report(await name_of(given), "ACSC", "SETL"))
    assert [(step.ending, step.reason) for step in heard.steps] == [(Ending.WAITING, "accepted SETL")]
    await given.run(TUE)
    assert [step.ending for step in (await given.follow()).steps] == [Ending.MISSING]
    assert (await given.balances())["clearing:rtgs"] == RTGS


async def test_money_that_comes_back_is_owed_again(given: Stage) -> None:
    await debited(given, RTGS)
    found = await debited(given, -RTGS, TUE)
    assert [(step.ending, step.is_owed_again) for step in found.steps] == [(Ending.REJECTED, True)]
    assert await given.balances() == {"settlement_bank": 3 * RTGS, "payable:desco_postpaid": RTGS}
    assert given.office is not None
    issued = await given.settle(WED)
    assert [one.instructed for one in issued.rows if one.instructed] == [RTGS]


async def test_an_answer_about_nothing_of_ours_is_handed_back(given: Stage) -> None:
    found = await given.follow(report("EAAAAAAAAAAAAAA", "RJCT"))
    assert [one.end_to_end_id for one in found.strangers] == ["EAAAAAAAAAAAAAA"]
    assert found.steps == ()


async def test_the_night_expects_a_debit_for_each_instruction_that_stands(given: Stage) -> None:
    connection = await given.office.connect()
    try:
        (told,) = (await expected_debits(connection)).to_dicts()
        assert (told["institution"], told["net"], told["business_date"]) == ("stmt_sonali", -RTGS, MON)
        assert told["origin"] == f"instruction {told['reference']}"
        await given.follow(report(await name_of(given), "RJCT"))
        assert (await expected_debits(connection)).is_empty()
        await debited(given, RTGS)
        assert (await expected_debits(connection)).to_dicts() == [told], "the bank has executed it after all"
    finally:
        await connection.close()


async def expected_origins(stage: Stage) -> dict[str, tuple[int, bool]]:
    """Net and whether it is withdrawn, of each row that the night expects, by the end of its origin."""
    connection = await stage.office.connect()
    try:
        rows = (await expected_debits(connection)).to_dicts()
    finally:
        await connection.close()
    name = f"instruction {await name_of(stage)}"
    return {row["origin"].removeprefix(name): (row["net"], row["status"] == FAILED) for row in rows}


async def test_the_night_expects_a_return_that_our_own_steps_have(given: Stage) -> None:
    await debited(given, RTGS)
    assert await expected_origins(given) == {"": (-RTGS, False)}
    await debited(given, -RTGS, TUE)
    assert await expected_origins(given) == {"": (-RTGS, False), " returned": (RTGS, False)}
    # A corrected statement drops the return, and a later one has it after all.
    returned = given.rows.pop()
    await given.run(WED)
    await given.follow()
    withdrawn = {"": (-RTGS, False), " returned withdrawn": (RTGS, True)}
    assert await expected_origins(given) == withdrawn
    given.rows.append(returned)
    await given.run(THU)
    await given.follow()
    assert await expected_origins(given) == withdrawn | {" returned 2": (RTGS, False)}


async def test_a_debit_that_a_corrected_statement_drops_is_no_return(given: Stage) -> None:
    """No line is left under the id, so the night expects the debit alone."""
    await debited(given, RTGS)
    given.rows.pop()
    await given.run(WED)
    assert [step.ending for step in (await given.follow()).steps] == [Ending.MISSING]
    assert await expected_origins(given) == {"": (-RTGS, False)}


@pytest.mark.parametrize("paisa", [RTGS - 1, RTGS + 1])
async def test_a_return_of_another_amount_is_not_expected(given: Stage, paisa: int) -> None:
    await debited(given, RTGS)
    await debited(given, -paisa, TUE)
    assert await expected_origins(given) == {"": (-RTGS, False)}


@generated(st.lists(st.none() | st.integers(0, 3), max_size=6))
def test_a_return_is_proven_by_the_whole_amount_out_and_back(moved: list[int | None]) -> None:
    """Nothing that moved in part, that was never seen to move, or that a correction drops is a return."""
    steps = "".join("x" if paisa is None else str(paisa) for paisa in moved)
    assert returns_of(moved, 3) == steps.count("30")


async def booked_at_once(stage: Stage, *lines: tuple[int, date]) -> PostedOutcomes:
    """One run reads all these lines of the instruction, each with its amount and day."""
    reference = await name_of(stage)
    for paisa, day in lines:
        stage.rows.append(booked("stmt_sonali", reference, paisa, day, ordinal=len(stage.rows)))
    await stage.run(WED)
    return await stage.follow()


async def test_a_debit_and_its_return_in_one_run_are_a_step_each(given: Stage) -> None:
    found = await booked_at_once(given, (-RTGS, MON), (RTGS, TUE))
    assert [(step.ending, step.moved_amount, step.is_owed_again) for step in found.steps] == [
        (Ending.SETTLED, RTGS, False),
        (Ending.REJECTED, 0, True),
    ]
    assert await given.balances() == {"settlement_bank": 3 * RTGS, "payable:desco_postpaid": RTGS}
    assert await expected_origins(given) == {"": (-RTGS, False), " returned": (RTGS, False)}
    assert (await given.follow()).steps == ()
    assert await given.books.audit() is None
    connection = await given.office.connect("audit")
    assert await first_broken(connection) is None
    await connection.close()


@pytest.mark.parametrize(
    "lines",
    [
        [(-RTGS, MON), (RTGS - 1, TUE)],
        [(RTGS, MON), (-RTGS, TUE)],
        [(-RTGS + 1, MON), (-1, MON), (RTGS, TUE)],
        [(-RTGS, MON), (RTGS, TUE), (-RTGS, TUE), (RTGS, TUE)],
    ],
)
async def test_lines_of_one_run_that_prove_no_return_are_one_step(
    given: Stage, lines: list[tuple[int, date]]
) -> None:
    """Another amount, money that came before it had left, and more than two lines."""
    assert len((await booked_at_once(given, *lines)).steps) == 1
    assert " returned" not in await expected_origins(given)


async def test_an_instruction_that_was_rejected_before_has_one_step_of_both_lines(given: Stage) -> None:
    """What the night expected of it ended with the rejection."""
    await given.follow(report(await name_of(given), "RJCT"))
    assert (await booked_at_once(given, (-RTGS, MON), (RTGS, TUE))).steps == ()
    assert await expected_origins(given) == {}


async def test_a_rejection_of_one_run_with_both_lines_leaves_no_contradiction(given: Stage) -> None:
    """The bank has executed what it rejected, and taken it back."""
    reference = await name_of(given)
    for paisa, day in ((-RTGS, MON), (RTGS, TUE)):
        given.rows.append(booked("stmt_sonali", reference, paisa, day, ordinal=len(given.rows)))
    await given.run(WED)
    found = await given.follow(report(reference, "RJCT"))
    assert [(step.moved_amount, step.contradicts) for step in found.steps] == [(RTGS, True), (0, False)]
    assert found.contradictions == ()
    assert await given.books.value("SELECT count(*) FROM alarms WHERE ended_at IS NULL") == 0
