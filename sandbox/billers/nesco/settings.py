"""What the simulated NESCO is started with."""

from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sandbox.kit.institution.settings import InstitutionSettings


class NescoSettings(InstitutionSettings):
    """Settings of one simulated NESCO, from the environment as `EKPAY_NESCO_<NAME>`.

    `deposit_paisa` is what the vendor paid in before the book began; vends are taken from it.
    """

    model_config = SettingsConfigDict(env_prefix="EKPAY_NESCO_", frozen=True)
    journal_name: ClassVar[str] = "nesco.jsonl"

    password: SecretStr = SecretStr("nesco-sandbox")
    deposit_paisa: int = Field(default=100_000_000_00, ge=0)
