"""What the simulated BREB is started with."""

from typing import ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from sandbox.kit.institution.settings import InstitutionSettings


class BrebSettings(InstitutionSettings):
    """Settings of one simulated BREB, from the environment as `EKPAY_BREB_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="EKPAY_BREB_", frozen=True)
    journal_name: ClassVar[str] = "breb.jsonl"

    password: SecretStr = SecretStr("breb-sandbox")
    channel: str = "EKP"
