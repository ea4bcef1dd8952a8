"""The file of a position: what is believed of it, and that processes take turns."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from ekpay_switch.domain.positions import Head, Position
from ekpay_switch.persistence.positions.position_file import PositionFile, PositionFileError

POSITION = Position(
    "ekpay", 2**63, 1, {0: Head(2**40, bytes(range(32))), 12: Head(1, b"\0")}, {"payments": UUID(int=7)},
    datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> PositionFile:
    written = PositionFile(tmp_path / "positions", "ekpay", bytes(32))
    with written.lock_if_free():
        written.write(POSITION)
    return written


def test_what_is_written_is_read_and_belongs_to_nobody_else(file: PositionFile) -> None:
    read = file.read()
    assert read is not None
    assert read.position == POSITION
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.age_seconds < 60
    file.path.unlink()
    assert file.read() is None
    assert file.age_seconds == float("inf")


@pytest.mark.parametrize("change", [b"x", b"", b"\0" * 10, b'{"heads":{}}\nabc\n'])
def test_a_changed_file_is_not_believed(change: bytes, file: PositionFile) -> None:
    file.path.write_bytes(change)
    with pytest.raises(PositionFileError, match="was changed"):
        file.read()


def test_a_bit_of_it_is_enough(file: PositionFile) -> None:
    written = bytearray(file.path.read_bytes())
    written[20] ^= 1
    file.path.write_bytes(written)
    with pytest.raises(PositionFileError, match="was changed"):
        file.read()


def test_a_file_that_another_master_key_signed_is_not_believed(file: PositionFile) -> None:
    other = PositionFile(file.path.parent, "ekpay", bytes([1]) * 32)
    with pytest.raises(PositionFileError, match="another master key"):
        other.read()


def test_a_link_and_a_folder_are_no_file(file: PositionFile, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    file.path.rename(copy)
    file.path.symlink_to(copy)
    with pytest.raises(PositionFileError, match="symbolic"):
        file.read()
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(PositionFileError):
        file.read()


def test_a_name_with_a_slash_stays_in_the_folder(tmp_path: Path) -> None:
    assert PositionFile(tmp_path, "../x", b"").path.parent == tmp_path


async def test_one_after_the_other_holds_the_lock(file: PositionFile) -> None:
    async with file.lock():
        with file.lock_if_free() as is_ours:
            assert not is_ours
        waiting = asyncio.create_task(_hold(file))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def _hold(file: PositionFile) -> None:
    async with file.lock():
        pass
