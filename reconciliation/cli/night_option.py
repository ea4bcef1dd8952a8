"""A night as it is typed: four digits, two and two. Other forms of a date, such as weeks, are refused."""

import re
from datetime import date
from typing import Final

import typer

_FORM: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def typed_night(text: str) -> date:
    """Return the date that was typed.

    Raises:
        typer.BadParameter: it is none, or is written otherwise.
    """
    try:
        day = date.fromisoformat(text) if _FORM.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise typer.BadParameter("not a night such as 2026-11-25")
    return day
