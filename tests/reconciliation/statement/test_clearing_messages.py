"""Files of ISO 8583 messages: frames, elements as data, the trailer's totals, places by message and field."""

import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.canonical_row import BRINGS, SUCCESS, TAKES_BACK
from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import Reading, read_file
from tests.reconciliation.statement.clearing_files import blocked, message, part, rdw, vbs
from tests.reconciliation.statement.clearing_layouts import CARD_LAYOUT as LAYOUT
from tests.reconciliation.statement.clearing_layouts import (
    FIRST,
    HEAD,
    SECOND,
    card_layout,
    messages,
    presentment,
    tail,
)

SUN = date(2026, 4, 5)


def reading(content: bytes, **more: object) -> Reading:
    return read_file(content, card_layout(**more), "cards_in_x", SUN)


def test_messages_become_rows() -> None:
    told = reading(vbs(messages(FIRST, SECOND)))
    assert told.rows.select("ours", "direction", "status", "gross", "fee", "net", "currency").rows() == [
        ("000000000001", BRINGS, SUCCESS, 100_000, 1_725, 98_275, "BDT"),
        ("000000000002", TAKES_BACK, SUCCESS, -40_000, 0, -40_000, "BDT"),
    ]
    assert set(told.rows["instant"]) == {datetime(2026, 4, 5, 17, 59, 58, tzinfo=UTC)}
    assert told.controls["stated.rows"] == told.controls["counted.rows"] == "2"
    assert told.controls["stated.gross"] == told.controls["counted.gross"] == "140000"
    assert told.header["id"] == "0022604050000000001"


@pytest.mark.parametrize(
    ("frame", "framed", "encoding"),
    [
        ("blocked", blocked, "ascii"),
        ("rdw", rdw, "ascii"),
        ("vbs", vbs, "cp500"),
        ("blocked", blocked, "cp500"),
    ],
)
def test_every_frame_and_encoding_tells_the_same(
    frame: str, framed: Callable[[Sequence[bytes]], bytes], encoding: str
) -> None:
    many = [presentment(f"{number:012d}") for number in range(1, 40)]
    content = framed(messages(*many, encoding=encoding))
    plain = reading(vbs(messages(*many)))
    assert reading(content, frame=frame, encoding=encoding).rows.equals(plain.rows)


@given(st.integers(min_value=0, max_value=2_000))
def test_a_file_that_is_cut_anywhere_is_refused(keep: int) -> None:
    for frame, framed in (("vbs", vbs), ("blocked", blocked), ("rdw", rdw)):
        whole = framed(messages(FIRST, SECOND))
        if keep < len(whole):
            with pytest.raises(UnreadableFileError):
                reading(whole[:keep], frame=frame)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for frame in ("vbs", "blocked", "rdw"):
        with pytest.raises(UnreadableFileError):
            reading(content, frame=frame)


def test_a_trailer_with_another_count_or_sum_refuses_the_file() -> None:
    for wrong in (tail([FIRST, SECOND], 3), tail([FIRST]) | {48: tail([FIRST, FIRST])[48]}):
        told = [
            message("1644", HEAD),
            message("1240", FIRST),
            message("1240", SECOND),
            message("1644", wrong),
        ]
        with pytest.raises(ControlTotalError):
            reading(vbs(told))


def refusal(*told: bytes) -> UnreadableFileError:
    with pytest.raises(UnreadableFileError) as caught:
        reading(vbs(told))
    return caught.value


GOOD = messages(FIRST)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([GOOD[0], GOOD[1]], "message 2: no trailer"),
        ([GOOD[1], GOOD[2]], "message 1: no header"),
        ([GOOD[0], GOOD[0], GOOD[2]], "message 2: no message that the layout knows"),
        ([GOOD[0], GOOD[1] + b"1", GOOD[2]], "message 2, field DE49: Extra data after last field"),
        (
            [GOOD[0], message("1240", FIRST | {63: "x"}), GOOD[2]],
            "message 2, field DE63: an element that the layout lacks",
        ),
        (
            [GOOD[0], message("1240", FIRST | {4: "00000010000x"}), GOOD[2]],
            "message 2, field amount: '00000010000x' is no amount",
        ),
        (
            [GOOD[0], message("1240", FIRST | {49: "978"}), GOOD[2]],
            "message 2, field currency: '978' is an unknown word",
        ),
        (
            [GOOD[0], message("1240", FIRST | {48: part("0146", "0") + part("0999", "1")}), GOOD[2]],
            "message 2, field DE48: a part '0999'",
        ),
        (
            [GOOD[0], message("1240", FIRST | {48: part("0146", "0") * 2}), GOOD[2]],
            "message 2, field DE48: a part '0146'",
        ),
        (
            [GOOD[0], message("1240", FIRST | {48: "0146009x"}), GOOD[2]],
            "message 2, field DE48: a part '0146'",
        ),
        (
            [GOOD[0], message("1240", FIRST | {48: part("0105", "x")}), GOOD[2]],
            "message 2, field id: an unknown column",
        ),
    ],
)
def test_a_refusal_names_message_and_field(told: list[bytes], said: str) -> None:
    assert str(refusal(*told)).startswith(said)


def test_what_stands_behind_the_end_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="behind the end"):
        reading(vbs(GOOD) + b"@")
    with pytest.raises(UnreadableFileError, match="padding"):
        reading(blocked(GOOD)[:-2] + b"xx", frame="blocked")


def test_a_length_that_nobody_sends_is_not_waited_for() -> None:
    with pytest.raises(UnreadableFileError, match="a length of 2147483647 bytes"):
        reading(b"\x7f\xff\xff\xff" + bytes(10))
    with pytest.raises(UnreadableFileError, match="no record descriptor"):
        reading(b"\x00\x04\x00\x00", frame="rdw")


def test_a_time_that_cannot_be_read_rejects_its_row_alone() -> None:
    wrong = FIRST | {12: "261332000000"}
    assert reading(vbs(messages(wrong, SECOND))).rows["rejected"].to_list() == [
        "column at: no such time",
        None,
    ]


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ("\n2 = {", "\n129 = {"),
        ("\n2 = {", "\n1 = {"),
        ('name = "kind"', 'name = "pan"'),
        ('row = { MTI = "1240", DE24 = "200" }', 'row = { MTI = "1240", DE25 = "200" }'),
        ('"kind", "amount"', '"sort", "amount"'),
        ('trailer = { MTI = "1644", DE24 = "695" }', ""),
        ('container = "iso8583"', 'container = "text"'),
    ],
)
def test_a_layout_that_cannot_be_meant_is_refused(found: str, instead: str) -> None:
    assert found in LAYOUT
    with pytest.raises(ValueError, match="validation error"):
        Layout.model_validate(tomllib.loads(LAYOUT.replace(found, instead, 1)))
