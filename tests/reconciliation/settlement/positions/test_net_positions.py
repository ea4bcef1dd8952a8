"""Net positions sum to zero, lose nothing, and depend on no order, repetition or later decision."""

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.settlement.positions.lines import (
    ConflictingLineError,
    LineKind,
    SettlementLine,
    carry_forward,
    unique_lines,
    withdraw_lines,
)
from reconciliation.settlement.positions.net_positions import (
    NetPosition,
    sheet_of,
    unexplained_rest,
    value_dates,
)
from tests.reconciliation.settlement.sample_lines import (
    BANK,
    BKASH,
    COURIER,
    CYCLES,
    DESCO,
    EKSHOP,
    MON,
    NPSB,
    PARTIES,
    SUN,
    TUE,
    line,
    many_lines,
)

LATER = date(2026, 6, 1)


def held(party: object, amount: int, source: str, **more: object) -> SettlementLine:
    return line(party, amount, source, agreed_on=None, because="AMOUNT", **more)  # type: ignore[arg-type]


def test_a_sheet_explains_each_position() -> None:
    lines = [
        line(NPSB, 100_000, "n1"),
        line(NPSB, -1_323, "n1", kind=LineKind.FEE),
        line(NPSB, -30_000, "n2", kind=LineKind.REFUND),
        line(NPSB, -5_000, "n3", kind=LineKind.CHARGEBACK),
        held(NPSB, 7_000, "n4"),
        line(DESCO, -50_000, "d1"),
        held(DESCO, -9_000, "d2"),
        line(EKSHOP, -12_000, "m1"),
        line(EKSHOP, 150, "m1", kind=LineKind.FEE),
        line(COURIER, -2_000, "m1"),
        line(BANK, -40, "p1", kind=LineKind.COMMISSION),
    ]
    sheet = sheet_of(MON, lines, CYCLES)
    assert {position.party: position for position in sheet.positions} == {
        NPSB: NetPosition(NPSB, 107_000, 0, -1_323, -30_000, -5_000, held=7_000, net=63_677),
        DESCO: NetPosition(DESCO, 0, -59_000, held=-9_000, net=-50_000),
        EKSHOP: NetPosition(EKSHOP, 0, -12_000, 150, net=-11_850),
        COURIER: NetPosition(COURIER, 0, -2_000, net=-2_000),
        BANK: NetPosition(BANK, commissions=-40, net=-40),
    }
    assert sheet.ours.net == -(63_677 - 50_000 - 11_850 - 2_000 - 40)
    assert [(one.source, one.amount, one.because) for one in sheet.suspense.lines] == [
        ("d2", -9_000, "AMOUNT"),
        ("n4", 7_000, "AMOUNT"),
    ]
    assert unexplained_rest(sheet) == 0


def test_what_is_decided_later_is_released_in_a_later_window() -> None:
    agreed = line(NPSB, 7_000, "n1", agreed_on=MON, because="AMOUNT")
    first, second = sheet_of(MON, [agreed], CYCLES), sheet_of(TUE, [agreed], CYCLES)
    assert first.positions == (NetPosition(NPSB, 7_000, held=7_000),)
    assert (first.suspense.held, first.suspense.closing) == (7_000, 7_000)
    assert second.positions == (NetPosition(NPSB, released=7_000, net=7_000),)
    assert (second.suspense.opening, second.suspense.released, second.suspense.closing) == (7_000, 7_000, 0)
    assert unexplained_rest(first) == unexplained_rest(second) == 0


def test_what_is_dropped_leaves_suspense_and_moves_nobody() -> None:
    dropped = line(NPSB, 7_000, "n1", agreed_on=None, dropped_on=MON, because="DUP_IN_FILE")
    second = sheet_of(TUE, [dropped], CYCLES)
    assert second.positions == ()
    assert (second.suspense.opening, second.suspense.dropped, second.suspense.lines) == (7_000, 7_000, ())


@given(many_lines())
def test_every_window_sums_to_zero(lines: list[SettlementLine]) -> None:
    for day in value_dates(lines, CYCLES):
        sheet = sheet_of(day, lines, CYCLES)
        assert unexplained_rest(sheet) == 0
        assert sum(one.net for one in sheet.positions) + sheet.ours.net == 0


@given(many_lines())
def test_nothing_is_lost_between_gross_and_net(lines: list[SettlementLine]) -> None:
    net: Counter[object] = Counter()
    claimed = closing = dropped = 0
    for day in value_dates(lines, CYCLES):
        sheet = sheet_of(day, lines, CYCLES)
        assert sheet.suspense.opening == closing, "a window begins with what the one before left"
        closing = sheet.suspense.closing
        dropped += sheet.suspense.dropped
        claimed += sum(one.claimed_amount for one in sheet.positions)
        net.update({one.party: one.net for one in sheet.positions})
    for party in PARTIES:
        agreed = (one for one in lines if one.agreed_on is not None and one.cycle.party == party)
        assert net[party] == sum(one.amount for one in agreed)
    assert claimed == sum(one.amount for one in lines)
    assert claimed == sum(net.values()) + closing + dropped


@given(many_lines(), st.data())
def test_order_and_repetition_change_nothing(lines: list[SettlementLine], data: st.DataObject) -> None:
    again = data.draw(st.permutations(lines)) + lines[:3]
    for day in value_dates(lines, CYCLES):
        assert sheet_of(day, again, CYCLES) == sheet_of(day, lines, CYCLES)


@given(many_lines())
def test_a_later_decision_leaves_an_earlier_window_as_it_was(lines: list[SettlementLine]) -> None:
    open_still = [replace(one, agreed_on=None, dropped_on=None) for one in lines]
    decided = [replace(one, agreed_on=LATER) for one in open_still]
    for day in value_dates(open_still, CYCLES):
        assert sheet_of(day, decided, CYCLES) == sheet_of(day, open_still, CYCLES)


@pytest.mark.parametrize("column", ["gross_in", "fees", "held", "released", "net"])
def test_a_changed_figure_leaves_a_rest(column: str) -> None:
    sheet = sheet_of(MON, [line(NPSB, 100, "n1"), held(BKASH, 50, "b1")], CYCLES)
    first, *others = sheet.positions
    wrong = replace(first, **{column: getattr(first, column) + 1})
    assert unexplained_rest(replace(sheet, positions=(wrong, *others))) > 0


def test_a_line_may_not_say_two_things() -> None:
    with pytest.raises(ConflictingLineError):
        unique_lines([line(NPSB, 100), line(NPSB, 101)])
    with pytest.raises(ConflictingLineError):
        line(NPSB, 100, dropped_on=SUN)
    with pytest.raises(ConflictingLineError):
        line(NPSB, 100, seen_on=MON)


def test_a_corrected_row_is_taken_back_and_told_anew() -> None:
    before = [line(NPSB, 100, "npsb_1:1"), held(NPSB, 40, "npsb_1:2")]
    now = [line(NPSB, 90, "npsb_1_c1:1", seen_on=MON, agreed_on=MON)]
    after = carry_forward(before, now, MON)
    assert {(one.source, one.amount, one.agreed_on, one.dropped_on) for one in after} == {
        ("npsb_1:1", 100, SUN, None),
        ("npsb_1:1 withdrawn", -100, MON, None),
        ("npsb_1:2", 40, None, MON),
        ("npsb_1_c1:1", 90, MON, None),
    }
    assert sheet_of(MON, after, CYCLES).positions[0].net == 100
    assert sheet_of(TUE, after, CYCLES).positions[0].net == -10


def tonight(one: SettlementLine) -> SettlementLine:
    """A row of a correction, first seen in the last of all nights."""
    agreed, dropped = (night and LATER for night in (one.agreed_on, one.dropped_on))
    return replace(one, source=f"c:{one.source}", seen_on=LATER, agreed_on=agreed, dropped_on=dropped)


@given(many_lines(), many_lines(), st.data())
def test_after_corrections_only_what_counts_now_is_left(
    before: list[SettlementLine], now: list[SettlementLine], data: st.DataObject
) -> None:
    stays = data.draw(st.sets(st.sampled_from(before)) if before else st.just(set()))
    now = [*[tonight(one) for one in now], *stays]
    after = carry_forward(before, now, LATER)
    for day in value_dates(before, CYCLES):
        if day <= LATER:
            assert sheet_of(day, after, CYCLES) == sheet_of(day, before, CYCLES), "what is over stays"
    assert carry_forward(after, now, LATER) == after, "a second run of the same night adds nothing"
    assert withdraw_lines(after, [], LATER) == after
    assert carry_forward(after, now, date(2026, 6, 2)) == after
    agreed = sum(one.amount for one in after if one.agreed_on is not None)
    assert agreed == sum(one.amount for one in now if one.agreed_on is not None)


def test_what_was_dropped_can_claim_money_again() -> None:
    before = [held(NPSB, 40, "npsb_1:2")]
    dropped = carry_forward(before, [], MON)
    again = carry_forward(dropped, before, TUE)
    assert [(one.source, one.seen_on, one.dropped_on) for one in again] == [
        ("npsb_1:2", SUN, MON),
        ("npsb_1:2 reopened", TUE, None),
    ]
    assert carry_forward(again, before, LATER) == again


def test_a_first_decision_and_the_first_night_stay() -> None:
    (kept,) = carry_forward([line(NPSB, 5)], [line(NPSB, 5, seen_on=MON, agreed_on=MON)], MON)
    assert kept == line(NPSB, 5)
    (released,) = carry_forward([held(NPSB, 5, "r1")], [line(NPSB, 5, seen_on=MON, agreed_on=MON)], MON)
    assert (released.seen_on, released.agreed_on) == (SUN, MON)
    with pytest.raises(ConflictingLineError):
        carry_forward([line(NPSB, 5)], [line(NPSB, 6)], MON)
