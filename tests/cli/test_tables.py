"""Tables on screens of several widths."""

from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console

from ekpay_switch.cli.terminal import show_table

HEADINGS = ("party", ">in", ">out", "why")
ROWS = [("biller:desco_postpaid", "0.00", "-62863.38", "below_minimum"), ("ours:ours", "1.00", "0.00", "")]


def shown(width: int, monkeypatch: pytest.MonkeyPatch, rows: Sequence[tuple[str, ...]] = ROWS) -> list[str]:
    out = StringIO()
    console = Console(file=out, width=width, markup=False, highlight=False)
    monkeypatch.setattr("ekpay_switch.cli.terminal.screen", lambda: console)
    show_table("Net positions", HEADINGS, rows)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_table_that_fits_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "│ biller:desco_postpaid │ 0.00 │ -62,863.38 │ below_minimum │" in shown(80, monkeypatch)
    assert "│ biller:desco_postpaid │ 0.00 │ -62,863.38 │ below_minimum │" in shown(61, monkeypatch)


def test_what_does_not_fit_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(60, monkeypatch) == [
        "Net positions",
        "biller:desco_postpaid",
        "  out -62,863.38, why below_minimum",
        "ours:ours",
        "  in 1.00",
    ]


def test_a_table_without_rows_is_its_headings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any("party" in line for line in shown(80, monkeypatch, []))
