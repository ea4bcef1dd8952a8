"""Write files row by row: a few thousand rows are kept in memory, and shuffled before they are written."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import IO

from sandbox.rehearsals.month.files.bank_layouts import Ebl, Janata, Npsb, SonaliSpg
from sandbox.rehearsals.month.files.biller_layouts import Achallan, Breb, Desco, Gas, Nesco, Wasa
from sandbox.rehearsals.month.files.layouts import Cover, FileLayout, Totals
from sandbox.rehearsals.month.files.nagad_workbook import Nagad, workbook
from sandbox.rehearsals.month.files.wallet_layouts import (
    Bkash,
    Mcash,
    Nexus,
    Okwallet,
    Sslcommerz,
    UpayLayout,
)
from sandbox.rehearsals.month.model.rows import MonthRow

LAYOUTS: dict[str, FileLayout] = {
    "bkash": Bkash(),
    "nagad": Nagad(),
    "dbbl_nexus": Nexus(),
    "sslcommerz": Sslcommerz(),
    "upay": UpayLayout(),
    "sonali_spg": SonaliSpg(),
    "ebl": Ebl(),
    "janata": Janata(),
    "npsb": Npsb(),
    "okwallet": Okwallet(),
    "mcash": Mcash(),
    "desco_postpaid": Desco(),
    "breb_postpaid": Breb(),
    "nesco_postpaid": Nesco(),
    "dhaka_wasa": Wasa(),
    "jalalabad_gas": Gas(),
    "achallan_generic": Achallan(),
}
_BLOCK_ROWS = 4_096


class RowFile:
    """One file being written; `on_marked_row` is called with the number of each row that has a mark."""

    def __init__(
        self, folder: Path, cover: Cover, seed: int, on_marked_row: Callable[[MonthRow, str], None]
    ) -> None:
        """The file is opened when a block of rows is full, or at the end."""
        self.cover = cover
        self._layout = LAYOUTS[cover.institution.layout]
        self.path = folder / cover.name(self._layout.extension)
        self._on_marked_row = on_marked_row
        self._random = Random(f"{seed} {self.path.name}")  # noqa: S311 - the order of rows is no secret
        self._waiting: list[MonthRow] = []
        self._totals = Totals()
        self._digest = sha256()
        self._written = 0
        self._opened: AbstractContextManager[IO[bytes]] | None = None
        self._stream: IO[bytes] | None = None

    def add(self, row: MonthRow, *, is_only_counted: bool = False) -> None:
        """Take a row; one that is only counted is missing from the body."""
        if self._layout.is_counted:
            self._totals.add(row, is_hashed=self._layout.is_hashed)
        if is_only_counted:
            return
        self._waiting.append(row)
        if len(self._waiting) >= _BLOCK_ROWS:
            self._write_block()

    def close(self) -> None:
        """Write the kept rows, and the trailer."""
        self._write_block()
        tail = self._layout.tail(self._totals, self.cover, self._digest.hexdigest())
        self._write(tail)
        if self._opened is not None:
            self._opened.__exit__(None, None, None)

    def copy_to(self, folder: Path) -> None:
        """Write the same bytes under another name; the file must be closed."""
        shutil.copyfile(self.path, folder / self.path.name)

    def _write_block(self) -> None:
        self._random.shuffle(self._waiting)
        line, cover, lines = self._layout.line, self.cover, []
        for ordinal, row in enumerate(self._waiting, start=self._written + 1):
            lines.append(line(row, ordinal, cover))
            if row.mark is not None:
                self._on_marked_row(row, f"{self.path.name}:{ordinal}")
        self._written += len(lines)
        self._waiting.clear()
        self._write("".join(lines))

    def _write(self, text: str) -> None:
        if self._stream is None:
            self._opened = workbook(self.path) if self.path.suffix == ".xlsx" else self.path.open("wb")
            self._stream = self._opened.__enter__()
            text = self._layout.head(self.cover) + text
        data = text.encode(self._layout.encoding)
        if self._layout.is_digested:
            self._digest.update(data)
        self._stream.write(data)
