"""A connector's file of notices is read whole, or each wrong cell is named."""

from datetime import date

import pytest

from ekpay_switch.cli.disputes.notice_file import COLUMNS, Notice, NoticeFileError, read_notices
from ekpay_switch.domain.money import Money

HEADING = ",".join(COLUMNS)


def _file(*lines: str) -> bytes:
    return "\n".join((HEADING, *lines)).encode()


def test_every_notice_is_read_with_what_it_says() -> None:
    notices = read_notices(
        _file(
            "D-1,notified,TRX1,1689.77,2026-12-09,card 4111 1111 1111 1111,,",
            "D-1,money_held,,,,,CB-1,letter of 2 December",
            "D-1,evidence_requested,,,2026-12-12,,,mail",
            "D-1,won,,,,,,mail of 20 December",
        )
    )
    due = date(2026, 12, 9)
    assert notices[0] == Notice(2, "D-1", "notified", "TRX1", Money(168_977), due, "card 4111 11** **** 1111")
    assert [notice.event for notice in notices[1:]] == ["money_held", "evidence_requested", "won"]
    assert (notices[1].movement, notices[3].word) == ("CB-1", "mail of 20 December")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "line 1: the columns are"),
        (b"\xff", "no CSV in UTF-8"),
        (_file(), "0 notices"),
        (_file("D-1,accepted,,,,,,x"), "line 2, event: one of notified"),
        (_file("D-1,won,,,,,,x,surplus"), "line 2, event"),
        (_file("D-1,won,,,,,,"), "line 2, word: missing"),
        (_file(",won,,,,,,x"), "line 2, dispute: missing"),
        (_file("D-1,won,,,,,CB-1,x"), "line 2, movement: not of a notice that is won"),
        (_file("D-1,notified,T,0,2026-12-09,x,,"), "line 2, amount: taka above zero"),
        (_file("D-1,notified,T,1e27,2026-12-09,x,,"), "line 2, amount"),
        (_file("D-1,notified,T,1,9 December,x,,"), "line 2, due: a date"),
        (_file("D-1,won,,,,,,a\x07b"), "line 2, word: visible"),
        (_file(f"{'D' * 201},won,,,,,,x"), "line 2, dispute: at most 200 letters"),
        (_file(f"D-1,money_held,,,,,{'9' * 40_000},x"), "line 2, movement: at most 200 letters"),
        (_file(f"D-1,notified,{'9' * 201},1,2026-12-09,x,,"), "line 2, collected: at most 200 letters"),
        (_file("D-1,won,,,,,,x", "D-2,lost,,,,,,"), "line 3, word: missing"),
        (b"x" * 5_000_001, "more than 5000000 bytes"),
        (HEADING.encode() + b"\n" + b"D,won,,,,,,x\n" * 5_001, "5001 notices"),
    ],
)
def test_a_file_with_anything_wrong_is_refused_by_line_and_column(content: bytes, why: str) -> None:
    with pytest.raises(NoticeFileError, match=why):
        read_notices(content)
