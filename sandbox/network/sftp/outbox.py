"""Moves files from one flat folder into a folder an institution, each with a marker that it is complete."""

import re
import time
from pathlib import Path

_NAME = re.compile(r"([a-z0-9_]+?)_\d{8}_\d{2}(?:_c\d+)?\.[a-z0-9]+", re.ASCII)
MARKER = ".done"


def move_to_institution_folders(outbox: Path, files: Path, quiet_seconds: float = 0) -> list[str]:
    """Move the files of the outbox into their institutions' folders; files with other names stay.

    Files written less than `quiet_seconds` ago stay too: they may be incomplete. A file sent again under its
    name replaces the first, as at a bank. The marker is made last and removed first.
    """
    moved_names = []
    for path in sorted(outbox.iterdir()) if outbox.is_dir() else []:
        match = _NAME.fullmatch(path.name)
        if match is None or not path.is_file() or time.time() - path.stat().st_mtime < quiet_seconds:
            continue
        folder = files / match[1]
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / (path.name + MARKER)
        marker.unlink(missing_ok=True)
        path.rename(folder / path.name)
        marker.touch()
        moved_names.append(path.name)
    return moved_names
