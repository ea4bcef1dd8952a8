"""The configuration of a demo: only the times that it names are shorter, and only where it says so."""

import tomllib
from pathlib import Path

import pytest

import sandbox
from sandbox.rehearsals.demo.deciding.shortened_times import (
    SHORTENED_TIMES,
    ShortenedTime,
    UnknownSectionError,
    copy_with_shortened_times,
    with_setting,
    write_configuration,
)
from sandbox.rehearsals.installation.ekpay_command import CommandFailedError

CONFIG = Path(str(sandbox.__file__)).parent.parent / "config"
DOCUMENT = """version = "1"
[alarms.one]
owner = "finance"
after_hours = 24.0 # a day

[alarms.two]
after_hours = 72.0
"""


def test_a_setting_is_replaced_in_its_section_alone() -> None:
    changed = with_setting(DOCUMENT, ShortenedTime("a.toml", "alarms.one", "after_hours", "0.1"))

    assert tomllib.loads(changed) == {
        "version": "1",
        "alarms": {"one": {"owner": "finance", "after_hours": 0.1}, "two": {"after_hours": 72.0}},
    }


def test_a_setting_that_is_not_there_is_added() -> None:
    changed = with_setting(DOCUMENT, ShortenedTime("a.toml", "alarms.two", "due", "[1, 2]"))

    assert tomllib.loads(changed)["alarms"]["two"] == {"due": [1, 2], "after_hours": 72.0}


def test_a_section_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownSectionError, match=r"a.toml has no \[timing\]"):
        with_setting(DOCUMENT, ShortenedTime("a.toml", "timing", "x", "1"))


def test_the_copy_differs_by_the_shortened_times_alone(tmp_path: Path) -> None:
    copy_with_shortened_times(CONFIG, tmp_path)

    files = {path.relative_to(CONFIG): path for path in CONFIG.rglob("*") if path.is_file()}
    changed = {
        str(name) for name, path in files.items() if (tmp_path / name).read_bytes() != path.read_bytes()
    }
    assert changed == {time.file for time in SHORTENED_TIMES}
    for time in SHORTENED_TIMES:
        section = tomllib.loads((tmp_path / time.file).read_text())
        for name in time.section.split("."):
            section = section[name]
        assert section[time.name] == tomllib.loads(f"x = {time.text}")["x"]


async def test_the_configuration_in_use_is_the_one_that_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKPAY_CONFIG", str(tmp_path / "empty"))
    with pytest.raises(CommandFailedError, match="empty is no folder"):
        await write_configuration(tmp_path / "copy")
