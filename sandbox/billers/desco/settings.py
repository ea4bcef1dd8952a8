"""What the simulated DESCO is started with."""

from typing import ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from sandbox.kit.institution.settings import InstitutionSettings


class DescoSettings(InstitutionSettings):
    """Settings of one simulated DESCO, from the environment as `EKPAY_DESCO_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="EKPAY_DESCO_", frozen=True)
    journal_name: ClassVar[str] = "desco.jsonl"

    password: SecretStr = SecretStr("desco-sandbox")
    bank_code: str = "EKP"
