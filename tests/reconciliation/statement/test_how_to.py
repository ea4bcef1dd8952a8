"""The layouts that the how-to shows are layouts."""

import re
import tomllib
from pathlib import Path

import pytest

from reconciliation.statement.layout import Layout

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-statement-layout.md"
SHOWN = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_every_kind_is_shown() -> None:
    assert [tomllib.loads(text)["container"] for text in SHOWN] == ["ach", "iso8583", "mt940"]


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_shown_is_a_layout(text: str) -> None:
    raw = tomllib.loads(text)
    assert Layout.model_validate(raw).container == raw["container"]
