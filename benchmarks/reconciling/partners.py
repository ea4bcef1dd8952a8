"""Partners that send settlement files as one institution of the catalogue does, in a configuration."""

import shutil
from pathlib import Path
from typing import Final

from benchmarks.reconciling import day_of_rows as books

PARTNER: Final = "partner"


def partner_name(number: int) -> str:
    """The name of a partner, numbered from 0."""
    return f"{PARTNER}{number:02d}"


def file_name(number: int) -> str:
    """The name of a partner's file of the day."""
    return f"{partner_name(number)}_{books.DAY:%Y%m%d}_01.csv"


def write_configuration(source: Path, folder: Path, partners: int) -> Path:
    """Copy a configuration into `folder`, with as many partners added; returns the copy."""
    config = folder / "config"
    shutil.copytree(source, config)
    layout = (config / "statements" / f"{books.INSTITUTION}.toml").read_text(encoding="utf-8")
    calendar = config / "calendar.toml"
    lines = calendar.read_text(encoding="utf-8").splitlines(keepends=True)
    place = next(at for at, line in enumerate(lines) if line.startswith(f"{books.INSTITUTION} ="))
    for name in map(partner_name, range(partners)):
        text = layout.replace(f'"{books.INSTITUTION}"', f'"{name}"')
        (config / "statements" / f"{name}.toml").write_text(text, encoding="utf-8")
        lines.append(lines[place].replace(books.INSTITUTION, name, 1))
    # The table of institutions is the last one in the calendar.
    calendar.write_text("".join(lines), encoding="utf-8")
    return config
