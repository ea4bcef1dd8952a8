"""Sheets as they are written down: nothing lost on the way, whatever is owed, passed or bounded."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciliation.settlement.instructions import beftn
from reconciliation.settlement.instructions.creditor_instructions import (
    RemainderReason,
    carry_whole_sheet,
    instructions_of,
)
from reconciliation.settlement.instructions.value_date_record import (
    files_of,
    passed_value_dates,
    settle_positions,
    sheet_digest,
)
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.lines import SettlementLine, carry_forward
from reconciliation.settlement.positions.net_positions import OURS, explain_position, sheet_of, value_dates
from tests.reconciliation.settlement.instructions.test_messages import CREATED
from tests.reconciliation.settlement.sample_lines import (
    BREB,
    CYCLES,
    DESCO,
    EKSHOP,
    MON,
    NPSB,
    PARTIES,
    REGISTRY,
    SUN,
    TUE,
    line,
    many_lines,
)

books = st.dictionaries(st.sampled_from(PARTIES), st.integers(-(10**11), 10**12), max_size=4)


@given(many_lines(), st.dictionaries(st.sampled_from(PARTIES), st.integers(-(10**9), 10**9)), books)
def test_every_line_of_a_sheet_says_what_became_of_it(
    lines: list[SettlementLine], carried: dict[Party, int], owed: dict[Party, int]
) -> None:
    for day in value_dates(lines, CYCLES):
        sheet = sheet_of(day, lines, CYCLES)
        for outgoing in (
            instructions_of(sheet, REGISTRY, carried, lambda party: owed.get(party, 0)),
            carry_whole_sheet(sheet, carried),
        ):
            rows = settle_positions(sheet, outgoing, carried)
            assert [row.rest for row in rows] == [0] * len(rows)
            assert sum(row.position.net for row in rows) == 0
            assert rows[-1].position.party == OURS
            assert {
                row.position.party: row.carried_out for row in rows if row.carried_out
            } == outgoing.carried_amounts
            assert all(
                row.instructed <= max(0, owed.get(row.position.party, 0)) for row in rows if row.instructed
            )


@given(
    many_lines(), st.sets(st.sampled_from([date(2026, 4, 6) + timedelta(days=step) for step in range(15)]))
)
def test_a_chain_of_value_dates_loses_nothing(lines: list[SettlementLine], settled_on: set[date]) -> None:
    """Whichever value dates are settled: what is instructed and left at the end is all that was owed."""
    carried: dict[Party, int] = {}
    paid = by_itself = net = 0
    for day in value_dates(lines, CYCLES):
        sheet = sheet_of(day, lines, CYCLES)
        outgoing = (
            instructions_of(sheet, REGISTRY, carried)
            if day in settled_on
            else carry_whole_sheet(sheet, carried)
        )
        rows = settle_positions(sheet, outgoing, carried)
        paid += sum(row.instructed for row in rows)
        by_itself += sum(row.pays_itself for row in rows)
        net += sum(row.position.net for row in rows[:-1])
        carried = dict(outgoing.carried_amounts)
    assert paid + sum(carried.values()) - by_itself == -net


@given(many_lines(), many_lines(), st.dates(date(2026, 4, 1), date(2026, 5, 5)), st.permutations(range(24)))
def test_what_is_seen_after_a_sheet_never_changes_it(
    before: list[SettlementLine], after: list[SettlementLine], value_date: date, order: list[int]
) -> None:
    """Rows of later nights, rows that are gone and rows decided later all belong to later value dates."""
    first = sheet_of(value_date, before, CYCLES)
    now = [
        SettlementLine(
            one.cycle, f"later {one.source}", one.kind, one.amount, value_date, agreed_on=value_date
        )
        for one in after
    ]
    later = carry_forward(before, now, max(value_date, date(2026, 5, 6)))
    shuffled = [later[place] for place in order if place < len(later)] + list(later[24:])
    assert sheet_of(value_date, shuffled, CYCLES).positions == first.positions
    assert sheet_digest(settle_positions(first, carry_whole_sheet(first), {})) == sheet_digest(
        settle_positions(sheet_of(value_date, later, CYCLES), carry_whole_sheet(first), {})
    )


def test_nobody_is_paid_beyond_what_our_books_owe() -> None:
    sheet = sheet_of(MON, [line(EKSHOP, -5_000), line(DESCO, -10_000_000)], CYCLES)
    out = instructions_of(sheet, REGISTRY, {}, {EKSHOP: 4_999, DESCO: 999}.get)  # type: ignore[arg-type]
    assert [(one.creditor.party, one.amount) for one in out.instructions] == [("ekshop", 4_999)]
    assert {one.party: (one.amount, one.reason) for one in out.remainders} == {
        EKSHOP: (1, RemainderReason.LESS_IN_BOOKS),
        DESCO: (10_000_000, RemainderReason.LESS_IN_BOOKS),
    }
    assert out.carried_amounts == {EKSHOP: 1, DESCO: 10_000_000}


def test_a_value_date_that_passed_pays_nobody() -> None:
    sheet = sheet_of(MON, [line(EKSHOP, -5_000), line(BREB, 70), line(NPSB, 90)], CYCLES)
    out = carry_whole_sheet(sheet, {DESCO: 3})
    assert (out.instructions, out.carried_amounts) == ((), {EKSHOP: 5_000, BREB: -70, DESCO: 3})
    assert {one.party: one.reason for one in out.remainders}[EKSHOP] is RemainderReason.PUT_OFF
    assert passed_value_dates((SUN, MON, TUE), TUE, None) == (SUN, MON)
    assert passed_value_dates((SUN, MON, TUE), TUE, SUN) == (MON,)


def test_lines_behind_a_position_add_up_to_it() -> None:
    lines = [line(EKSHOP, -5_000), line(EKSHOP, 70, "r2", agreed_on=None, because="AMOUNT"), line(BREB, -9)]
    found = explain_position(EKSHOP, MON, lines, CYCLES)
    (position,) = [one for one in sheet_of(MON, lines, CYCLES).positions if one.party == EKSHOP]
    told = {"gross_out": 0, "held": 0, "net": 0}
    for one in found:
        for column, paisa in one.shares:
            told[column] += paisa
    assert told == {"gross_out": position.gross_out, "held": position.held, "net": position.net}
    assert explain_position(EKSHOP, TUE, lines, CYCLES) == ()


def test_each_rail_has_its_file() -> None:
    sheet = sheet_of(MON, [line(EKSHOP, -5_000), line(DESCO, -10_000_000)], CYCLES)
    files = files_of(instructions_of(sheet, REGISTRY), REGISTRY.debtor, CREATED)
    assert [(one.rail, one.entries, one.amount) for one in files] == [
        ("beftn", 1, 5_000),
        ("rtgs", 1, 10_000_000),
    ]
    assert files[0].hash_total == beftn.check_batch(files[0].content).hash_total
    assert files_of(carry_whole_sheet(sheet), REGISTRY.debtor, CREATED) == ()
