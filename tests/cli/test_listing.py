"""A list in its three forms, by a command that knows of none of them."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from io import StringIO
from typing import Annotated
from uuid import UUID

import pytest
import typer
from rich.console import Console

from ekpay_switch.cli.listing import PrintedList, prints_list, show_csv
from ekpay_switch.cli.main import carry_out
from ekpay_switch.cli.terminal import dhaka, taka

PAYMENT = UUID("01a226cb-60f6-7084-ab82-1d332c5cb031")
AT = datetime(2026, 4, 5, 20, 30, tzinfo=UTC)


class Colour(StrEnum):
    RED = "red"


RECORD = {
    "payment": PAYMENT, "note": "=1+1", "amount": 12_345_678, "at": AT, "is_open": True, "why": None,
    "colour": Colour.RED, "names": ["a", "b"],
}  # fmt: skip
ROW = (dhaka(AT), str(PAYMENT), "desco_prepaid", "BANK-2026-04-05-0000000000017", taka(12_345_678), "")
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    app = typer.Typer()

    @app.command()
    @prints_list
    def shops(town: Annotated[str, typer.Option(help="Only of it.")] = "Dhaka") -> PrintedList:
        """List shops."""
        headings = ("created (Dhaka)", "payment", "biller", "reference", ">total", "why")
        records = [RECORD] if town == "Dhaka" else []
        return PrintedList("Shops", headings, [ROW] if records else [], records, ("payment",), [f"in {town}"])

    def type_in(*words: str) -> tuple[int, str, str]:
        code = carry_out(app, words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return type_in


def test_for_programs_it_is_json(typed: Typed) -> None:
    code, out, _ = typed("--json")
    assert code == 0
    assert json.loads(out) == [
        RECORD | {"payment": str(PAYMENT), "at": "2026-04-05T20:30:00+00:00", "colour": "red"}
    ]


def test_for_spreadsheets_it_is_csv_without_formulas(typed: Typed) -> None:
    code, out, _ = typed("--csv")
    assert code == 0
    assert list(csv.DictReader(StringIO(out))) == [
        {
            "payment": str(PAYMENT), "note": "'=1+1", "amount": "12345678", "at": "2026-04-05T20:30:00+00:00",
            "is_open": "true", "why": "", "colour": "red", "names": '["a", "b"]',
        }
    ]  # fmt: skip
    assert typed("--csv", "--town", "Bogura")[1] == "payment\n"


def test_for_people_it_is_a_table_with_its_notes(typed: Typed) -> None:
    code, out, _ = typed()
    assert code == 0
    assert out.endswith("in Dhaka\n")
    (line,) = [line for line in out.splitlines() if str(PAYMENT) in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == [*ROW[:4], "1,23,456.78", ""]


def test_two_forms_at_once_are_refused(typed: Typed) -> None:
    assert typed("--json", "--csv")[::2] == (2, "ekpay: Invalid value: either --json or --csv, not both\n")


def test_records_of_several_shapes_share_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_csv([{"a": 1}, {"a": 2, "b": 3}])
    assert capsys.readouterr().out == "a,b\n1,\n2,3\n"


def test_eighty_columns_cut_no_id(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    out = StringIO()
    console = Console(file=out, width=80, markup=False, highlight=False)
    monkeypatch.setattr("ekpay_switch.cli.terminal.screen", lambda: console)
    assert typed()[0] == 0
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "Shops",
        "2026-04-06 02:30:00",
        f"  payment {PAYMENT}, biller desco_prepaid, reference",
        "  BANK-2026-04-05-0000000000017, total 1,23,456.78",
    ]
