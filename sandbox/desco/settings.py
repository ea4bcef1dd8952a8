"""What the simulator is started with; credentials come from the environment."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ACCOUNTS_MAX = 10_000_000
"""Normal accounts end below 20000000, far from the magic ranges at 91000000."""


class DescoSettings(BaseSettings):
    """Settings of one simulator process.

    Every field may come from the environment as `EKPAY_DESCO_<NAME>`; values given by the caller
    win. `slow_seconds` is how long a slow save waits before it answers.
    """

    model_config = SettingsConfigDict(env_prefix="EKPAY_DESCO_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8190, ge=0, le=65_535)
    home: Path = Path(".ekpay/sandbox")
    seed: int = Field(default=7, ge=0)
    accounts: int = Field(default=20_000, ge=1, le=ACCOUNTS_MAX)
    slow_seconds: float = Field(default=8.0, ge=0)
    user: str = "ekpay"
    password: SecretStr = SecretStr("desco-sandbox")
    bank_code: str = "EKP"

    @property
    def journal_path(self) -> Path:
        """Where the book is kept, one JSON object a line."""
        return self.home / "desco.jsonl"
