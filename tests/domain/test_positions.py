"""Which databases continue a recorded position, and what is missing in those that do not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.positions import (
    DivergenceKind,
    Head,
    Missing,
    Position,
    advance,
    compare,
    is_further,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST, SECOND = Head(1, b"\1"), Head(2, b"\2")
PAYMENT, ATTEMPT = UUID(int=1), UUID(int=2)
RECORDED = Position("ekpay", 7, 1, {3: SECOND, 9: FIRST}, {"payments": PAYMENT, "attempts": ATTEMPT}, AT)


def _why(found: Position, *, standby_synchronous: bool = False) -> DivergenceKind | None:
    divergence = compare(RECORDED, found, Missing(), standby_synchronous=standby_synchronous)
    return None if divergence is None else divergence.why


def test_a_database_that_holds_the_recorded_heads_continues_it() -> None:
    assert _why(replace(RECORDED, heads={3: Head(5, b"\5"), 9: FIRST})) is None
    assert _why(RECORDED) is None


def test_a_missing_head_is_named_with_its_lane_and_sequence() -> None:
    divergence = compare(RECORDED, RECORDED, Missing([9, 3]), standby_synchronous=True)
    assert divergence is not None
    assert divergence.why is DivergenceKind.ENDS_BEFORE
    assert divergence.row == "journal_entries (lane 3, seq 2)"
    assert divergence.text == (
        "the database ends before journal_entries (lane 3, seq 2) and 1 more of 2026-03-01 12:00:00 UTC"
    )
    alone = compare(RECORDED, RECORDED, Missing([9]), standby_synchronous=False)
    assert alone is not None
    assert "more" not in alone.text


def test_a_page_that_was_opened_and_has_no_entry_yet_is_missed_as_well() -> None:
    divergence = compare(RECORDED, RECORDED, Missing([], ["payments", "attempts"]), standby_synchronous=False)
    assert divergence is not None
    assert (divergence.why, divergence.row) == (DivergenceKind.ENDS_BEFORE, f"attempts {ATTEMPT}")


def test_another_server_is_refused_unless_neither_ever_held_an_entry() -> None:
    other = replace(RECORDED, system_identifier=8)
    assert _why(other) is DivergenceKind.OTHER_SYSTEM
    nothing = replace(RECORDED, heads={}, newest={})
    assert (
        compare(nothing, replace(nothing, system_identifier=8), Missing(), standby_synchronous=False) is None
    )
    assert _why(replace(other, heads={})) is DivergenceKind.OTHER_SYSTEM


def test_a_new_timeline_loses_nothing_only_where_every_standby_is_synchronous() -> None:
    promoted, rewound = replace(RECORDED, timeline=2), replace(RECORDED, timeline=0)
    assert _why(promoted) is DivergenceKind.OTHER_TIMELINE
    assert _why(promoted, standby_synchronous=True) is None
    assert _why(rewound, standby_synchronous=True) is DivergenceKind.OTHER_TIMELINE


def test_a_head_never_goes_back() -> None:
    assert advance(None, RECORDED) == RECORDED
    found = replace(RECORDED, heads={3: FIRST, 5: FIRST}, newest={"payments": ATTEMPT})
    held = advance(RECORDED, found)
    assert held.heads == {3: SECOND, 5: FIRST, 9: FIRST}
    assert held.newest == {"payments": ATTEMPT, "attempts": ATTEMPT}
    further = replace(RECORDED, heads={3: Head(4, b"\4"), 9: FIRST})
    assert advance(RECORDED, further) == further


def test_time_alone_is_nothing_to_write() -> None:
    assert is_further(None, RECORDED)
    assert not is_further(RECORDED, replace(RECORDED, at=AT + timedelta(hours=1)))
    assert is_further(RECORDED, replace(RECORDED, timeline=2))
