"""Reading config/journal.toml: which accounts may meet in an entry that two persons write by hand."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ekpay_switch.config_files.toml_file import read_config_file
from ekpay_switch.domain.decisions.journal import JournalChart


class _JournalFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str = Field(min_length=1, max_length=32)
    pairs: list[list[str]]


def read_journal_chart(path: Path) -> JournalChart:
    """The chart of a file.

    Raises:
        ValueError: the file is malformed.
        UnknownAccountError: it names a kind of account that there is not.
    """
    file = read_config_file(path, _JournalFile)
    return JournalChart.of(file.pairs)
