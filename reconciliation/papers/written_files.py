"""Files of a paper, moved into place together when all of them are whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


class WrittenFiles:
    """The files that are being written: `scratch` holds them until then, `paths` is where they are after."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.paths: list[Path] = []

    def path(self, name: str) -> Path:
        """Where to write the file of this name."""
        self.paths.append(self.scratch / name)
        return self.paths[-1]


@contextmanager
def written_files(out: Path) -> Iterator[WrittenFiles]:
    """Write files beside `out` and move them into it, or leave nothing where one fails."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".being-written-", dir=out) as folder:
        files = WrittenFiles(Path(folder))
        yield files
        files.paths = [path.replace(out / path.name) for path in files.paths]
