"""How a night may be typed."""

from datetime import date

import pytest
import typer

from reconciliation.cli.night_option import typed_night


def test_a_night_is_year_month_and_day() -> None:
    assert typed_night("2026-11-25") == date(2026, 11, 25)


@pytest.mark.parametrize(
    "text",
    ["", "20261125", "2026-W48-3", "2026-11-31", "2026-1-1", "25.11.2026", "2026-11-25 ", "২০২৬-১১-২৫"],
)
def test_every_other_form_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="not a night such as"):
        typed_night(text)
