"""A row is never left out of a file while another file, which would bring it, is still to come."""

from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.rehearsals.day.file_writer import Night, deposit_files_of
from sandbox.rehearsals.day.injected_errors import InjectionRequest, NothingToInjectError
from sandbox.rehearsals.day.institutions import INSTITUTIONS
from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import FIRST
from tests.sandbox.rehearsals.day.sample_books import day_of

STRUCK = FIRST + timedelta(days=1)  # a Thursday
A_FILE_MISSING, A_FILE_CUT, A_ROW_LEFT_OUT = (
    InjectionRequest(code, "npsb") for code in (Code.FILE_MISSING, Code.CONTROL_TOTAL, Code.LEDGER_ONLY)
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (A_FILE_MISSING, A_ROW_LEFT_OUT),
        (A_ROW_LEFT_OUT, A_FILE_MISSING),
        (A_FILE_CUT, A_ROW_LEFT_OUT),
        (A_ROW_LEFT_OUT, A_FILE_CUT),
    ],
    ids=str,
)
def test_no_row_is_left_out_where_another_file_is_still_to_come(
    tmp_path: Path, first: InjectionRequest, second: InjectionRequest
) -> None:
    books = {provider.id: day_of(provider, 8, STRUCK) for provider in INSTITUTIONS.values()}
    with pytest.raises(NothingToInjectError, match=str(second)):
        deposit_files_of(books, Night(STRUCK, tmp_path / "home", tmp_path / "out", (first, second)))
    alone = deposit_files_of(books, Night(STRUCK, tmp_path / "home", tmp_path / "out", (second,)))
    assert [one.code for one in alone.injected] == [second.code]
