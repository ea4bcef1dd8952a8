"""Files of mirrors: Parquet under their SHA-256, each written once and never changed.

    mirror/<2 hex>/<sha256>        plain lines of one institution and window, in the order of their ordinals
    mirror/.being-written-*        an unfinished file of a process that died; never read

A file counts only for what a row of `reconciliation.mirrors` binds to it, and only while its bytes, its
number of lines and its gross are those of the row.
"""

import os
import time
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import mkstemp
from typing import Final

import polars as pl

from reconciliation.engine.row_store import sync_to_disk
from reconciliation.mirror.mirror_bindings import MirrorBinding

SIGHT: Final = ("reference", "gross", "net")
SCHEMA: Final = pl.Schema(
    {"reference": pl.String(), "gross": pl.Int64(), "net": pl.Int64(), "instant": pl.Datetime("us", "UTC")}
)
_UNFINISHED: Final = ".being-written-"
# An unfinished file of this age is abandoned.
_ABANDONED_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class MirrorFault:
    """Why a file is not used."""

    reason: str


@dataclass(frozen=True, slots=True)
class MirrorFolder:
    """The folder of an installation; reading makes nothing in it."""

    path: Path

    @classmethod
    def of(cls, home: Path) -> "MirrorFolder":
        """The folder under `EKPAY_HOME`."""
        return cls(home / "reconciliation" / "mirror")

    def place(self, digest: str) -> Path:
        """The path of the file with this digest."""
        return self.path / digest[:2] / digest

    def read(self, bound: MirrorBinding, *, with_instants: bool = True) -> pl.DataFrame | MirrorFault:
        """The lines that a row binds, or the fault for which its file is not used."""
        try:
            content = self.place(bound.sha256).read_bytes()
        except OSError as problem:
            return MirrorFault(
                "the file is missing" if isinstance(problem, FileNotFoundError) else str(problem)
            )
        if sha256(content).hexdigest() != bound.sha256:
            return MirrorFault("its bytes are not those that were written")
        return _lines_in(content, bound, list(SCHEMA) if with_instants else list(SIGHT))

    def write(self, lines: pl.DataFrame) -> str:
        """Write lines through to the disk and return their digest; an existing file is written anew."""
        buffer = BytesIO()
        # The cheapest to read and to hash together of what Polars writes, and the smallest (ADR 0064).
        lines.write_parquet(buffer, compression="zstd", compression_level=1, statistics=False)
        content = buffer.getbuffer()
        digest = sha256(content).hexdigest()
        place = self.place(digest)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made with mode 0600: others cannot read it.
        handle, unfinished = mkstemp(prefix=_UNFINISHED, dir=self.path)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).rename(place)
        sync_to_disk(place.parent)
        sync_to_disk(self.path)
        return digest

    def sweep(self) -> None:
        """Delete unfinished files that are older than a day."""
        for path in self.path.glob(f"{_UNFINISHED}*"):
            if path.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                path.unlink(missing_ok=True)


def _lines_in(content: bytes, bound: MirrorBinding, columns: list[str]) -> pl.DataFrame | MirrorFault:
    try:
        lines = pl.read_parquet(BytesIO(content), columns=columns)
    except pl.exceptions.PolarsError as problem:
        return MirrorFault(f"it cannot be read: {str(problem).splitlines()[0]}")
    if lines.schema != {name: SCHEMA[name] for name in columns}:
        return MirrorFault("it has other columns")
    if (lines.height, lines["gross"].sum()) != (bound.rows, bound.gross):
        return MirrorFault(f"it holds {lines.height} lines, not the {bound.rows} of its row, or another sum")
    return lines
