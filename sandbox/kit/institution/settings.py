"""What every simulated institution is started with; credentials come from the environment."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ACCOUNTS_MAX = 10_000_000
"""More normal accounts would grow into the magic ranges."""


class InstitutionSettings(BaseSettings):
    """Settings of one institution.

    Every field may come from the environment under the subclass's prefix; values given by the
    caller win. `slow_seconds` is how long a slow answer waits.
    """

    model_config = SettingsConfigDict(frozen=True)
    journal_name: ClassVar[str]

    home: Path = Path(".ekpay/sandbox")
    seed: int = Field(default=7, ge=0)
    accounts: int = Field(default=20_000, ge=1, le=ACCOUNTS_MAX)
    slow_seconds: float = Field(default=8.0, ge=0)
    user: str = "ekpay"

    @property
    def journal_path(self) -> Path:
        """Where the book is kept, one JSON object a line."""
        return self.home / self.journal_name
