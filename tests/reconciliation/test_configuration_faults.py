"""What whoever edited a file under config/ is told of a mistake in it."""

from pathlib import Path

import pytest

from reconciliation.errors import ConfigurationError
from reconciliation.nightly.night_configuration import read_night_settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'cut_off_minutes = "soon"\nmemory_limit = "1GB"\nhorizon_days = 40\n',
            ["cut_off_minutes: Input should"],
        ),
        ('memory_limit = "1GB"\n', ["cut_off_minutes: Field required; horizon_days: Field required"]),
        ("cut_off_minutes = [", ["Invalid value", "end of document"]),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_setting(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    path = tmp_path / "reconciliation.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        read_night_settings(path)
    words = str(refused.value)
    assert words.startswith("reconciliation.toml: ")
    assert all(one in words for one in said)
    assert "\n" not in words
    assert "http" not in words
