"""What became of instructions: answers and entries, matched by end-to-end id and amount."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.errors import UnreadableFileError
from reconciliation.settlement.instructions import bank_answers as answers
from reconciliation.settlement.instructions.bank_answers import AnswerKind, BankAnswer
from reconciliation.settlement.instructions.instruction_outcomes import (
    BankRecords,
    Ending,
    InstructionOutcome,
    MatchedInstructions,
    StatementSide,
    match_instructions,
    returned_ids,
)
from reconciliation.settlement.instructions.instruction_steps import initial_step, next_step
from reconciliation.settlement.instructions.pacs009 import message_id
from reconciliation.statement.formats import camt
from reconciliation.statement.formats.account_entries import AccountStatement, StatementEntry
from tests.reconciliation.institution_files import Credit, Head, stmt_sonali
from tests.reconciliation.settlement.sample_lines import BREB, DESCO, EKSHOP, MON, TUE, instruction

ONE = instruction(DESCO, 10_000_000)
NAME = ONE.end_to_end_id
MESSAGE = message_id(MON)


def entry(amount: int, ordinal: int = 1, reference: str = NAME, **more: object) -> StatementEntry:
    plain = StatementEntry(ordinal, MON, MON, amount, "BDT", reference, f"SB{ordinal}", "", is_reversal=False)
    return replace(plain, **more)  # type: ignore[arg-type]


def statement(*entries: StatementEntry, identification: str = "S1") -> AccountStatement:
    return AccountStatement(identification, "9900000000001", 1, None, None, entries)


def told(
    statements: Sequence[AccountStatement] = (), said: Sequence[BankAnswer] = (), as_of: date = TUE
) -> BankRecords:
    return BankRecords(said, statements, StatementSide.DEBTOR, as_of, {MESSAGE: frozenset({NAME})})


def outcome(
    *entries: StatementEntry, said: Sequence[BankAnswer] = (), as_of: date = TUE
) -> InstructionOutcome:
    (only,) = match_instructions([ONE], told([statement(*entries)] if entries else [], said, as_of)).outcomes
    return only


def answer(said: AnswerKind, name: str = NAME, reason: str = "") -> BankAnswer:
    return BankAnswer(MESSAGE, name, said, reason)


@pytest.mark.parametrize(
    ("amounts", "ending", "difference"),
    [
        ([-10_000_000], Ending.SETTLED, 0),
        ([-6_000_000, -4_000_000], Ending.SETTLED, 0),
        ([-9_999_999], Ending.SHORT, -1),
        ([-10_000_000, -10_000_000], Ending.OVER, 10_000_000),
        ([-10_000_000, 10_000_000], Ending.REJECTED, -10_000_000),
        ([10_000_000], Ending.SHORT, -20_000_000),
        ([], Ending.MISSING, -10_000_000),
    ],
)
def test_money_decides(amounts: list[int], ending: Ending, difference: int) -> None:
    found = outcome(*(entry(amount, number) for number, amount in enumerate(amounts, start=1)))
    assert (found.ending, found.difference) == (ending, difference)


def test_nothing_is_missing_before_its_value_date_is_over() -> None:
    assert outcome(as_of=MON).ending is Ending.WAITING
    assert outcome(as_of=MON, said=[answer(AnswerKind.ACCEPTED)]).ending is Ending.WAITING
    assert outcome(said=[answer(AnswerKind.ACCEPTED)]).ending is Ending.MISSING, "accepted is not settled"


def test_a_no_without_money_is_rejected() -> None:
    matched = match_instructions([ONE], told(said=[answer(AnswerKind.REJECTED, reason="AC04")]))
    (found,) = matched.outcomes
    assert (found.ending, found.answers[0].reason) == (Ending.REJECTED, "AC04")


def test_a_no_beside_a_yes_is_not_paid_again() -> None:
    matched = match_instructions([ONE], told(said=[answer(AnswerKind.REJECTED), answer(AnswerKind.ACCEPTED)]))
    assert matched.outcomes[0].ending is Ending.MISSING


def test_money_that_moved_in_spite_of_a_no_is_shown() -> None:
    found = outcome(entry(-10_000_000), said=[answer(AnswerKind.REJECTED)])
    assert (found.ending, found.contradicts) == (Ending.SETTLED, True)
    assert not outcome(entry(-10_000_000), said=[answer(AnswerKind.ACCEPTED)]).contradicts


def test_an_answer_about_the_message_is_about_all_of_it() -> None:
    assert outcome(said=[answer(AnswerKind.REJECTED, name="")]).ending is Ending.REJECTED
    other = match_instructions([ONE], told(said=[BankAnswer("OTHER", "", AnswerKind.REJECTED)]))
    assert other.outcomes[0].ending is Ending.MISSING
    assert [one.message_id for one in other.answers] == ["OTHER"]


def test_what_belongs_to_no_instruction_is_handed_back() -> None:
    stranger, foreign = entry(-1, 1, "E2"), entry(-10_000_000, 2, currency="USD")
    matched = match_instructions(
        [ONE], told([statement(stranger, foreign)], [answer(AnswerKind.ACCEPTED, name="E2")])
    )
    assert matched.outcomes[0].ending is Ending.MISSING
    assert (set(matched.entries), len(matched.answers)) == ({stranger, foreign}, 1)


def test_the_creditor_sees_the_same_money_with_the_other_sign() -> None:
    seen = replace(told([statement(entry(10_000_000))]), side=StatementSide.CREDITOR)
    assert match_instructions([ONE], seen).outcomes[0].ending is Ending.SETTLED


def test_entries_are_taken_from_camt_as_the_wing_reads_it() -> None:
    content = stmt_sonali([Credit(-10_000_000, NAME), Credit(500, "X")], Head(MON), opening=20_000_000)
    matched = match_instructions([ONE], told(camt.read(content)))
    assert matched.outcomes[0].ending is Ending.SETTLED
    assert [one.reference for one in matched.entries] == ["X"]


TWO = [ONE, instruction(BREB, 7_000_000)]


def of_message(*entries: StatementEntry, said: Sequence[BankAnswer] = ()) -> list[tuple[Ending, int]]:
    names = frozenset(one.end_to_end_id for one in TWO)
    heard = BankRecords(said, [statement(*entries)], StatementSide.DEBTOR, TUE, {MESSAGE: names})
    found = {one.instruction.creditor.creditor: one for one in match_instructions(TWO, heard).outcomes}
    return [(found[party].ending, found[party].moved_amount) for party in (DESCO, BREB)]


def test_one_entry_may_book_a_whole_message() -> None:
    assert of_message(entry(-17_000_000, 1, MESSAGE)) == [
        (Ending.SETTLED, 10_000_000),
        (Ending.SETTLED, 7_000_000),
    ]
    back = entry(17_000_000, 2, MESSAGE)
    assert of_message(entry(-17_000_000, 1, MESSAGE), back) == [(Ending.REJECTED, 0), (Ending.REJECTED, 0)]


def test_a_message_may_be_booked_without_what_was_rejected() -> None:
    told_no = of_message(entry(-7_000_000, 1, MESSAGE), said=[answer(AnswerKind.REJECTED)])
    assert told_no == [(Ending.REJECTED, 0), (Ending.SETTLED, 7_000_000)]


def test_an_entry_of_a_message_that_comes_to_another_amount_is_handed_back() -> None:
    assert of_message(entry(-16_999_999, 1, MESSAGE)) == [(Ending.MISSING, 0), (Ending.MISSING, 0)]


moves = st.lists(st.integers(-20_000_000, 20_000_000), max_size=4)


@given(moves, moves, st.lists(st.sampled_from(list(AnswerKind)), max_size=3), st.data())
def test_order_and_repetition_change_nothing(
    first: list[int], second: list[int], said: list[AnswerKind], data: st.DataObject
) -> None:
    others = [ONE, instruction(BREB, 10_000_000), instruction(EKSHOP, 5_000)]
    statements = [
        statement(*(entry(amount, place) for place, amount in enumerate(moved, start=1)), identification=name)
        for name, moved in (("S1", first), ("S2", second))
    ]
    heard = [answer(one) for one in said]
    plain = match_instructions(others, told(statements, heard))
    again = match_instructions(
        data.draw(st.permutations(others)),
        told(data.draw(st.permutations(statements * 2)), data.draw(st.permutations(heard * 2))),
    )
    assert again.outcomes == plain.outcomes
    assert again.entries == plain.entries
    booked = {one.instruction.end_to_end_id: one.moved_amount for one in plain.outcomes}
    assert booked[NAME] == -sum(first) - sum(second)
    assert len(plain.outcomes) == len(others), "each instruction has one ending"


def report(root: str, kind: str, inner: str) -> bytes:
    return (
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}"><{root}>'
        f"<GrpHdr><MsgId>A1</MsgId></GrpHdr>{inner}</{root}></Document>"
    ).encode()


TRANSFERS = (
    f"<OrgnlEndToEndId>{NAME}</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
    "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf></TxInfAndSts>"
    "<TxInfAndSts><OrgnlTxId>E2</OrgnlTxId><TxSts>ACSC</TxSts>"
    "<StsRsnInf><Rsn><Prtry>SETL</Prtry></Rsn></StsRsnInf></TxInfAndSts>"
    "<TxInfAndSts><OrgnlInstrId>E3</OrgnlInstrId><TxSts>NEWS</TxSts></TxInfAndSts>"
)
GROUP = f"<OrgnlGrpInfAndSts><OrgnlMsgId>{MESSAGE}</OrgnlMsgId>"


def test_a_report_about_transfers_between_banks_is_read() -> None:
    inner = f"{GROUP}<GrpSts>PART</GrpSts></OrgnlGrpInfAndSts><TxInfAndSts>{TRANSFERS}"
    assert answers.parse_report(report("FIToFIPmtStsRpt", "pacs.002.001.10", inner)) == (
        answer(AnswerKind.PENDING, name=""),
        answer(AnswerKind.REJECTED, reason="AC04"),
        answer(AnswerKind.ACCEPTED, name="E2", reason="SETL"),
        answer(AnswerKind.UNKNOWN, name="E3"),
    )


def test_a_report_to_a_customer_is_read() -> None:
    inner = f"{GROUP}</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><TxInfAndSts>{TRANSFERS}</OrgnlPmtInfAndSts>"
    found = answers.parse_report(report("CstmrPmtStsRpt", "pain.002.001.10", inner))
    assert [one.kind for one in found] == [AnswerKind.REJECTED, AnswerKind.ACCEPTED, AnswerKind.UNKNOWN]
    assert {one.message_id for one in found} == {MESSAGE}


@pytest.mark.parametrize("content", [b"<Document/>", b"", b"<!DOCTYPE a><Document/>"])
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        answers.parse_report(content)


def test_no_instructions_have_no_outcomes() -> None:
    assert match_instructions([], told()) == MatchedInstructions((), (), ())


@pytest.mark.parametrize("may_reinstate", [True, False])
def test_money_that_leaves_again_after_it_came_back_contradicts_unless_it_is_owed_no_more(
    may_reinstate: bool,  # noqa: FBT001 - the case
) -> None:
    left, back, again = entry(-ONE.amount), entry(ONE.amount, 2), entry(-ONE.amount, 3)
    step = initial_step(NAME)
    for entries in ((left,), (left, back), (left, back, again)):
        following = next_step(step, outcome(*entries), may_reinstate=may_reinstate)
        assert following is not None
        step = following
    assert (step.moved_amount, step.is_owed_again, step.contradicts) == (
        ONE.amount,
        not may_reinstate,
        not may_reinstate,
    )
    assert ("again" in step.reason) is not may_reinstate


WHOLE = ONE.amount


@given(
    st.lists(
        st.tuples(st.sampled_from([-WHOLE, WHOLE, WHOLE - 1, -1]), st.sampled_from([MON, TUE])), max_size=4
    )
)
def test_only_one_debit_of_the_whole_and_one_credit_of_it_afterwards_are_a_return(
    lines: list[tuple[int, date]],
) -> None:
    entries = [
        entry(amount, number, booked_on=day, value_date=day)
        for number, (amount, day) in enumerate(lines, start=1)
    ]
    days = dict(lines)
    is_pair = sorted(amount for amount, _ in lines) == [-WHOLE, WHOLE]
    is_returned = is_pair and days[-WHOLE] <= days[WHOLE]
    assert returned_ids([ONE], [statement(*entries)]) == ({NAME} if is_returned else set())


def test_a_return_is_proven_by_lines_with_the_id_in_our_currency_alone() -> None:
    debit, credit = entry(-WHOLE), entry(WHOLE, 2)
    assert returned_ids([ONE], [statement(debit, credit), statement(debit, credit)]) == {NAME}, "sent twice"
    for other in (replace(credit, currency="USD"), replace(credit, reference=MESSAGE)):
        assert returned_ids([ONE], [statement(debit, other)]) == set()
