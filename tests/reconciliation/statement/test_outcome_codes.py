"""How a row was paid, by a column of their file: what is read, and the row that says something unknown."""

from datetime import date
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from reconciliation.canonical_row import OutcomeCode
from reconciliation.errors import ConfigurationError
from reconciliation.statement import piecewise_reader
from reconciliation.statement.layout import read_layout, read_layouts
from reconciliation.statement.reader import read_file
from tests.reconciliation.institution_files import Head, Movement, at, bkash

STATEMENTS = Path(__file__).parents[3] / "config" / "statements"
LAYOUTS = read_layouts(STATEMENTS)
SUN = date(2026, 4, 5)
HEADINGS = LAYOUTS["desco_postpaid"].names


def desco(*types: str) -> bytes:
    """A file of one payment of 100.00 for each row type."""
    lines = [",".join(HEADINGS)]
    for number, row_type in enumerate(types, start=1):
        cells = dict.fromkeys(HEADINGS, "") | {
            "seq": str(number),
            "ekpay_txn_id": f"EKP{number}",
            "biller_ack_ref": f"T{number}",
            "paid_at": "2026-04-05T10:00:00+06:00",
            "total": "-100.00" if row_type == "REV" else "100.00",
            "row_type": row_type,
        }
        lines.append(",".join(cells.values()))
    body = "\n".join(lines) + "\n"
    total = sum(-100 if row_type == "REV" else 100 for row_type in types)
    return f"{body}TRAILER,{len(types)},{total}.00,{sha256(body.encode()).hexdigest()}\n".encode()


def read(*types: str) -> pl.DataFrame:
    return read_file(desco(*types), LAYOUTS["desco_postpaid"], "desco_x", SUN).rows


@pytest.mark.parametrize("bytes_min", [0, 1_000_000])
def test_each_word_of_theirs_is_a_code_however_the_file_is_read(
    monkeypatch: pytest.MonkeyPatch, bytes_min: int
) -> None:
    monkeypatch.setattr(piecewise_reader, "BYTES_MIN", bytes_min)
    rows = read("PAY", "PSI", "PLA", "REV")
    assert rows["outcome_code"].to_list() == ["normal", "stand_in", "late_advice", "normal"]
    assert rows["rejected"].null_count() == 4


def test_a_file_without_such_a_column_has_no_codes() -> None:
    row = Movement("EKP1", at("2026-04-05 10:00:00"), 100_000)
    rows = read_file(bkash([row], Head(SUN)), LAYOUTS["bkash"], "bkash_x", SUN).rows
    assert rows["outcome_code"].to_list() == [None]


@pytest.mark.parametrize("bytes_min", [0, 1_000_000])
def test_a_word_that_the_layout_does_not_have_rejects_its_row_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bytes_min: int
) -> None:
    monkeypatch.setattr(piecewise_reader, "BYTES_MIN", bytes_min)
    text = (STATEMENTS / "desco_postpaid.toml").read_text(encoding="utf-8")
    path = tmp_path / "desco_postpaid.toml"
    path.write_text(text.replace(', PLA = "late_advice"', ""), encoding="utf-8")
    rows = read_file(desco("PLA", "PAY"), read_layout(path), "desco_x", SUN).rows
    assert rows["rejected"].to_list() == ["column row_type: 'PLA' is an unknown outcome code", None]
    assert rows["outcome_code"].to_list() == [None, OutcomeCode.NORMAL]


@pytest.mark.parametrize(
    ("layout", "found", "instead", "words"),
    [
        (
            "desco_postpaid",
            'column = "row_type", words',
            'column = "mode", words',
            "no column of the row: mode",
        ),
        ("desco_postpaid", '"late_advice"', '"perhaps"', "outcome.words.PLA"),
        ("stmt_sonali", "\n[", '\noutcome = { column = "x", words = { A = "normal" } }\n[', "only a table"),
    ],
)
def test_a_layout_with_a_wrong_outcome_is_refused(
    tmp_path: Path, layout: str, found: str, instead: str, words: str
) -> None:
    path = tmp_path / f"{layout}.toml"
    text = (STATEMENTS / path.name).read_text(encoding="utf-8")
    assert found in text
    path.write_text(text.replace(found, instead, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        read_layout(path)
