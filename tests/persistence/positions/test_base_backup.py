"""What is found in a copy of a server that is not what the server sent."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from ekpay_switch.persistence.positions.base_backup import (
    BackupError,
    BackupTools,
    make_backup_folder,
    verify_copy,
)

TOOLS = BackupTools(Path(sys.executable).parent, [], {})
LOG_NEEDED = {"Timeline": 1, "Start-LSN": "0/1", "End-LSN": "0/2"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of two files, one with a name that is no UTF-8."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "1").write_bytes(b"rows")
    (tmp_path / "\udcff").write_bytes(b"odd")
    _write_manifest(tmp_path)
    return tmp_path


def _write_manifest(copy: Path, *ranges: dict[str, object]) -> None:
    lines: list[dict[str, object]] = [
        {"Path": "base/1", "Checksum": hashlib.sha256(b"rows").hexdigest()},
        {"Encoded-Path": "ff", "Checksum": hashlib.sha256(b"odd").hexdigest()},
    ]
    body = json.dumps({"Files": lines, "WAL-Ranges": ranges})[:-1] + ",\n"
    checksum = hashlib.sha256(body.encode()).hexdigest()
    (copy / "backup_manifest").write_text(f'{body}"Manifest-Checksum": "{checksum}"}}\n')


def test_a_whole_copy_is_taken(copy: Path) -> None:
    # Whatever is wrong with a copy raises, as below; the copy itself is not touched.
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    verify_copy(TOOLS, copy)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_a_damaged_file_and_a_missing_one_are_named(copy: Path) -> None:
    (copy / "base" / "1").write_bytes(b"r0ws")
    with pytest.raises(BackupError, match="base/1 is damaged"):
        verify_copy(TOOLS, copy)
    (copy / "base" / "1").unlink()
    with pytest.raises(BackupError, match="base/1 is missing"):
        verify_copy(TOOLS, copy)


def test_a_changed_manifest_is_found(copy: Path) -> None:
    manifest = copy / "backup_manifest"
    manifest.write_text(manifest.read_text().replace("base/1", "base/2"))
    with pytest.raises(BackupError, match="backup_manifest was changed"):
        verify_copy(TOOLS, copy)


def test_a_log_that_cannot_be_read_is_no_backup(copy: Path, tmp_path: Path) -> None:
    _write_manifest(copy, LOG_NEEDED)
    with pytest.raises(BackupError, match="pg_waldump is not installed"):
        verify_copy(TOOLS, copy)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pg_waldump").write_text("#!/bin/sh\necho gap >&2\nexit 1\n")
    (programs / "pg_waldump").chmod(0o700)
    with pytest.raises(BackupError, match=r"pg_waldump failed \(1\): gap"):
        verify_copy(BackupTools(programs, [], {}), copy)


def test_a_backup_goes_into_an_empty_folder_outside_of_the_database(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with pytest.raises(BackupError, match="within the database"):
        make_backup_folder(data / "backup", data)
    out = tmp_path / "out"
    make_backup_folder(out, data)
    make_backup_folder(out, data)
    assert out.stat().st_mode & 0o777 == 0o700
    (out / "ekpay-backup.json").touch()
    with pytest.raises(BackupError, match="not empty"):
        make_backup_folder(out, data)
