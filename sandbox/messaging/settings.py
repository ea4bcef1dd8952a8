"""What the simulated SMS gateway is started with."""

from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sandbox.kit.institution.settings import InstitutionSettings


class SmsSettings(InstitutionSettings):
    """Settings of the simulated SMS gateway, from the environment as `EKPAY_SMS_<NAME>`.

    `sender_id` is the one masking name that may send. A late message arrives after `late_seconds`.
    """

    model_config = SettingsConfigDict(env_prefix="EKPAY_SMS_", frozen=True)
    journal_name: ClassVar[str] = "sms.jsonl"

    api_token: SecretStr = SecretStr("sms-sandbox")
    sender_id: str = "EKPAY"
    late_seconds: float = Field(default=30.0, ge=0)
