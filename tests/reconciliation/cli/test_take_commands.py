"""Files that somebody puts into the inbox by hand: whole, never over another, and only by a name we know."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import pytest
import typer
from typer.testing import CliRunner

from reconciliation.cli import take_commands as upload
from reconciliation.cli.take_commands import take_all
from reconciliation.digests import file_digest
from reconciliation.errors import SourceError
from reconciliation.intake import inbox_delivery as sources
from reconciliation.intake.inbox_delivery import (
    InboxDelivery,
    StillWaitingError,
    parse_expected_name,
)
from reconciliation.nightly.inbox import Inbox
from reconciliation.results.night_folders import NightFolders
from reconciliation.statement.layout import read_layouts

CONFIG = Path(__file__).parents[3] / "config"
NAME = "bkash_20260405_01.csv"


@dataclass
class Given:
    home_folder: Path
    config: Path = CONFIG


@pytest.fixture
def given(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str = NAME, content: bytes = b"rows") -> Path:
        folder = tmp_path / "given"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_bytes(content)
        return path

    return write


def inbox(home: Path) -> dict[str, bytes]:
    folder = home / "reconciliation" / "inbox" / "upload"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def taken(home: Path, *files: Path) -> list[str]:
    return [what for *_, what in take_all(home, CONFIG, list(files))]


def test_a_copy_is_laid_into_the_inbox(tmp_path: Path, given: Callable[..., Path]) -> None:
    path = given()
    assert taken(tmp_path, path) == ["taken"]
    assert inbox(tmp_path) == {NAME: b"rows"}
    assert path.read_bytes() == b"rows"
    assert list((tmp_path / "reconciliation" / "arriving").iterdir()) == []
    # It is a copy, not the same file under another name.
    path.write_bytes(b"changed")
    assert inbox(tmp_path) == {NAME: b"rows"}


def test_the_night_finds_it_there(tmp_path: Path, given: Callable[..., Path]) -> None:
    taken(tmp_path, given())
    (waiting,) = Inbox(NightFolders.of(tmp_path)).waiting_files()
    assert (waiting.path.name, waiting.source) == (NAME, "upload")


def test_the_same_bytes_again_change_nothing(tmp_path: Path, given: Callable[..., Path]) -> None:
    assert taken(tmp_path, given(), given()) == ["taken", "waits already"]
    assert inbox(tmp_path) == {NAME: b"rows"}


def test_other_bytes_wait_until_the_first_are_judged(tmp_path: Path, given: Callable[..., Path]) -> None:
    taken(tmp_path, given())
    with pytest.raises(StillWaitingError, match="judged first"):
        taken(tmp_path, given(content=b"other"))
    assert inbox(tmp_path) == {NAME: b"rows"}
    assert list((tmp_path / "reconciliation" / "arriving").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("settlement.csv", "no name of a settlement file"),
        ("bkash_20260231_01.csv", "names no date"),
        ("nobody_20260405_01.csv", "no layout of an institution nobody"),
        ("bkash_20260405_01.xlsx", "files of bkash end in .csv"),
        ("bkash_20260405_01_c" + "1" * 120 + ".csv", "a name of 143 letters"),
    ],
)
def test_a_name_that_nobody_understands_is_refused(
    tmp_path: Path, given: Callable[..., Path], name: str, said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        taken(tmp_path, given(), given(name))
    assert not (tmp_path / "reconciliation").exists(), "nothing is taken unless all are understood"


def test_a_correction_has_a_name_of_its_own() -> None:
    name = parse_expected_name("bkash_20260405_01_c2.csv", read_layouts(CONFIG / "statements"))
    assert (name.correction, name.key.institution) == (2, "bkash")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(SourceError, match="is no file"):
        taken(tmp_path, tmp_path / NAME)


def test_a_file_that_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    landing = InboxDelivery.of(tmp_path, "upload")
    assert landing.copy_stream(BytesIO(b"x" * 10), NAME, 10)
    with pytest.raises(SourceError, match="more than 9 bytes"):
        landing.copy_stream(BytesIO(b"x" * 10), "bkash_20260405_01_c1.csv", 9)
    assert set(inbox(tmp_path)) == {NAME}
    assert list(landing.arriving_folder.iterdir()) == []


def test_a_name_is_in_the_inbox_only_when_its_bytes_are(tmp_path: Path, given: Callable[..., Path]) -> None:
    """Whatever happens before the link, the inbox is as it was."""
    for step in ("os.fsync", "os.link"):
        with patch(step, side_effect=OSError("the disk is full")), pytest.raises(OSError, match="is full"):
            taken(tmp_path, given())
        assert inbox(tmp_path) == {}
        assert list((tmp_path / "reconciliation" / "arriving").iterdir()) == []
    assert taken(tmp_path, given()) == ["taken"]


def test_a_digest_is_that_of_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 100)
    whole = file_digest(path)
    monkeypatch.setattr(sources, "_CHUNK", 7)
    assert file_digest(path) == whole


def run(home: Path, *arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    upload.register(app)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["take", *arguments], obj=Given(home))
    return result.exit_code, result.output


def test_the_command_says_what_it_took(tmp_path: Path, given: Callable[..., Path]) -> None:
    code, said = run(tmp_path, str(given()))
    assert code == 0
    assert all(word in said for word in (NAME, "bkash", "2026-04-05", "taken"))
    code, said = run(tmp_path, str(given("strange.csv")))
    assert code == 1
    assert "strange.csv is no name of a settlement file" in said
