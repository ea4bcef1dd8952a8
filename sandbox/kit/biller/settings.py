"""What the institutions of a family are started with."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sandbox.kit.institution.settings import ACCOUNTS_MAX, InstitutionSettings

ENVIRONMENT_PREFIX = "EKPAY_SANDBOX_COUNTER_"


class BillerSettings(InstitutionSettings):
    """Settings of all counters, from the environment as `EKPAY_SANDBOX_COUNTER_<NAME>`.

    Every institution of every family has the same user and password; each family has a journal of its own.
    """

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True)

    accounts: int = Field(default=2_000, ge=1, le=ACCOUNTS_MAX)
    password: SecretStr = SecretStr("counter-sandbox")

    def journal_of(self, family: str) -> Path:
        """Where the book of a family is kept, one JSON object a line."""
        return self.home / f"{family}.jsonl"
