"""A verified copy of a whole running server, with PostgreSQL's manifest of its files and one of ours.

Ours is written last: a folder without it is no backup, whatever it holds.
"""

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.positions import Position
from ekpay_switch.persistence.embedded.roles import replace_file
from ekpay_switch.persistence.positions.position_file import as_json

COPY, MANIFEST = "base", "ekpay-backup.json"
_SERVER_MANIFEST = "backup_manifest"
_ITS_OWN_CHECKSUM = b'"Manifest-Checksum"'
_LINES_SHOWN = 5


class BackupError(SwitchError):
    """There is no backup; the text says why."""


@dataclass(frozen=True, slots=True)
class BackupTools:
    """How PostgreSQL's own programs reach the server: their folder, its address, and their environment."""

    programs: Path
    address: Sequence[str]
    environment: Mapping[str, str]


def make_backup_folder(folder: Path, data: Path) -> None:
    """Make the folder of a backup, for its owner alone; an empty one may stand.

    Raises:
        BackupError: something is in it, or it lies within the data that are copied.
    """
    if folder.resolve().is_relative_to(data.resolve()):
        raise BackupError(f"out: {folder} lies within the database")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"out: {folder} is not empty, name another one")
    folder.chmod(0o700)


def copy_server(tools: BackupTools, folder: Path, position: Position) -> None:
    """Copy the server and verify what was written; payments go on meanwhile.

    The copy holds `position`, which was read before, and what was committed until its end.

    Raises:
        BackupError: the copy failed or is damaged; the folder has no manifest then.
    """
    copy = folder / COPY
    options = ["--wal-method=stream", "--checkpoint=fast", "--manifest-checksums=SHA256", "--no-password"]
    _run(tools, ["pg_basebackup", *tools.address, f"--pgdata={copy}", *options])
    verify_copy(tools, copy)
    manifest = {
        **as_json(position),
        "copy": COPY,
        "backup_manifest_sha256": _sha256(copy / _SERVER_MANIFEST),
    }
    replace_file(folder / MANIFEST, json.dumps(manifest, indent=2) + "\n", 0o600)


def verify_copy(tools: BackupTools, copy: Path) -> None:
    """Compare every file with PostgreSQL's manifest, and read the log that the copy needs.

    Ours and not `pg_verifybackup`, which the wheel of the embedded server has as a program that crashes.

    Raises:
        BackupError: a file is missing or differs, or the log has a gap.
    """
    written = (copy / _SERVER_MANIFEST).read_bytes()
    manifest = json.loads(written)
    checked = written[: written.rindex(_ITS_OWN_CHECKSUM)]
    if hashlib.sha256(checked).hexdigest() != manifest["Manifest-Checksum"]:
        raise BackupError(f"{copy / _SERVER_MANIFEST} was changed")
    for line in manifest["Files"]:
        file = copy / _path(line)
        if not file.is_file():
            raise BackupError(f"{file} is missing")
        if _sha256(file) != line["Checksum"]:
            raise BackupError(f"{file} is damaged")
    for part in manifest["WAL-Ranges"]:
        bounds = [
            f"--timeline={part['Timeline']}",
            f"--start={part['Start-LSN']}",
            f"--end={part['End-LSN']}",
        ]
        _run(tools, ["pg_waldump", "--quiet", f"--path={copy / 'pg_wal'}", *bounds])


def _path(line: Mapping[str, Any]) -> str:
    if "Path" in line:
        return str(line["Path"])
    return bytes.fromhex(line["Encoded-Path"]).decode(errors="surrogateescape")


def _run(tools: BackupTools, command: Sequence[str]) -> None:
    program = tools.programs / command[0]
    if not program.is_file():
        raise BackupError(f"{command[0]} is not installed beside PostgreSQL's other programs")
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs, no shell
        [str(program), *command[1:]],
        env=dict(tools.environment) | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        last_lines = "; ".join((done.stderr or done.stdout).strip().splitlines()[-_LINES_SHOWN:])
        raise BackupError(f"{command[0]} failed ({done.returncode}): {last_lines}")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
