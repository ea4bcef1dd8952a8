"""Judged rows become lines: what agrees counts, a break is held under its code, nothing counts twice."""

from pathlib import Path

import pytest

from reconciliation.matching.institution_positions import positions
from reconciliation.settlement.positions.cycles import Cycle, Party, PartyRole
from reconciliation.settlement.positions.institution_lines import JudgedRows, institution_lines
from reconciliation.settlement.positions.lines import LineKind, SettlementLine, carry_forward
from reconciliation.settlement.positions.net_positions import sheet_of, unexplained_rest
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.settlement.sample_lines import BREB, CYCLES, MON, NPSB, SUN, TUE
from tests.reconciliation.small_month import Outcome, SmallMonth

PAID = Movement("000000000001", at("2026-04-05 20:00:00"), 100_000, 1_150)


def judgement(done: Outcome, night: int = -1) -> JudgedRows:
    findings = tuple(one for _, one in done.progress.findings.values())
    rows = done.progress.store.all_rows()
    return JudgedRows(rows, done.nights[night].date, done.setting.kinds, findings)


@pytest.fixture
def npsb_day(tmp_path: Path) -> Outcome:
    """Sunday: one payment agrees, one has another amount, one is told by nobody, one by the bank alone."""
    more = PAID.but(ours="000000000002", theirs="T2")
    silent = PAID.but(ours="000000000003", theirs="T3")
    stranger = PAID.but(ours="000000000004", theirs="T4", gross=5_000, kept=0)
    month = SmallMonth(tmp_path / "m", ["npsb"], days=2).book("npsb", PAID, more, silent)
    return month.send("npsb", [PAID, more.but(gross=100_500), stranger], SUN).run()


def test_what_agrees_counts_and_what_does_not_is_held_by_name(npsb_day: Outcome) -> None:
    lines = institution_lines(judgement(npsb_day), CYCLES)
    told = {
        (one.kind, one.amount, one.agreed_on, one.because)
        for one in lines
        if one.cycle == Cycle(NPSB, SUN, 4) and one.source.startswith("npsb_")
    }
    assert told == {
        (LineKind.PAYMENT, 100_000, MON, ""),
        (LineKind.FEE, -1_150, MON, ""),
        (LineKind.PAYMENT, 100_500, None, "AMOUNT"),
        (LineKind.FEE, -1_150, None, "AMOUNT"),
        (LineKind.PAYMENT, 5_000, None, "FILE_ONLY"),
    }


def test_a_claim_that_only_our_books_know_is_held_in_its_own_cycle(npsb_day: Outcome) -> None:
    ours = [
        one for one in institution_lines(judgement(npsb_day), CYCLES) if one.source.startswith("2026-04-05")
    ]
    assert {(one.cycle, one.kind, one.amount, one.because) for one in ours} == {
        (Cycle(NPSB, SUN, 4), LineKind.PAYMENT, 100_000, "LEDGER_ONLY"),
        (Cycle(NPSB, SUN, 4), LineKind.FEE, -1_150, "LEDGER_ONLY"),
    }


def test_lines_of_files_come_to_what_the_files_settle(npsb_day: Outcome) -> None:
    (told,) = positions(npsb_day.progress.store.all_rows()).filter(institution="npsb").to_dicts()
    lines = [one for one in institution_lines(judgement(npsb_day), CYCLES) if one.source.startswith("npsb_")]
    assert sum(one.amount for one in lines) == told["settled"]
    assert sum(one.amount for one in lines if one.agreed_on is None) == told["suspense"]


def test_a_doubled_row_is_settled_once_and_held_once(tmp_path: Path) -> None:
    month = SmallMonth(tmp_path / "m", ["npsb"], days=2).book("npsb", PAID)
    lines = institution_lines(judgement(month.send("npsb", [PAID, PAID], SUN).run()), CYCLES)
    assert net(lines, NPSB) == PAID.net
    assert sum(one.amount for one in lines if one.because == "DUP_IN_FILE") == PAID.net


def test_a_biller_is_owed_what_it_accepted(tmp_path: Path) -> None:
    first = Movement("EKA00000000000000001", at("2026-04-05 10:00:00"), 70_000)
    second = first.but(ours="EKA00000000000000002", theirs="T2", gross=20_000)
    month = SmallMonth(tmp_path / "m", ["breb_postpaid"], days=2).book("breb_postpaid", first, second)
    done = month.send("breb_postpaid", [first], SUN, cycle=1).run()
    lines = institution_lines(judgement(done), CYCLES)
    assert net(lines, BREB) == -70_000
    assert {(one.amount, one.because) for one in lines if one.agreed_on is None} == {
        (-20_000, "BILLER_NOT_POSTED")
    }


def test_nights_add_up_to_what_counts_at_the_end(tmp_path: Path) -> None:
    """A correction a night later: the sheets of both windows together are the corrected file."""
    month = SmallMonth(tmp_path / "m", ["npsb"], days=3).book("npsb", PAID)
    month = month.send("npsb", [PAID.but(kept=1_100)], SUN)
    first = SmallMonth(tmp_path / "f", ["npsb"], days=1).book("npsb", PAID)
    before = institution_lines(judgement(first.send("npsb", [PAID.but(kept=1_100)], SUN).run()), CYCLES)
    done = month.send("npsb", [PAID], SUN, correction=1, night=1).run()
    after = carry_forward(before, institution_lines(judgement(done, 1), CYCLES), MON)
    sheets = [sheet_of(day, after, CYCLES) for day in (MON, TUE)]
    assert [unexplained_rest(sheet) for sheet in sheets] == [0, 0]
    assert sum(one.net for sheet in sheets for one in sheet.positions) == PAID.net
    assert sheets[1].suspense.lines == ()


def net(lines: tuple[SettlementLine, ...], party: Party) -> int:
    assert party.role in {PartyRole.CONNECTOR, PartyRole.BILLER}
    return sum(one.amount for one in lines if one.agreed_on is not None and one.cycle.party == party)
