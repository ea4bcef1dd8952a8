"""What the simulated bKash is started with."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sandbox.kit.institution.settings import InstitutionSettings

Seconds = Annotated[float, Field(ge=0)]


class BkashSettings(InstitutionSettings):
    """Settings of one simulated bKash, from the environment as `EKPAY_BKASH_<NAME>`.

    `grants_an_hour` is how many tokens an app gets before it is blocked for an hour; 0 never blocks.
    `hang_seconds` is how long a call hangs before its connection closes: longer than the 30 s that callers
    have to wait. `duplicate_seconds` is how long an invoice number stays taken. `public_url` is where
    a browser finds the payer's page, if not where it is served. Notifications go to `sns_endpoint`.
    """

    model_config = SettingsConfigDict(env_prefix="EKPAY_BKASH_", frozen=True)
    journal_name: ClassVar[str] = "bkash.jsonl"

    password: SecretStr = SecretStr("bkash-sandbox")
    app_key: str = "bkash-sandbox-app"
    app_secret: SecretStr = SecretStr("bkash-sandbox-secret")
    grants_an_hour: int = Field(default=2, ge=0)
    pin: str = "12121"
    otp: str = "123456"
    balance_paisa: int = Field(default=10_000_000, ge=0)
    fee_basis_points: int = Field(default=150, ge=0, le=10_000)
    merchant_name: str = "ekPay"
    short_code: str = "50022"
    public_url: str | None = None
    duplicate_seconds: Seconds = 300.0
    hang_seconds: Seconds = 35.0
    sns_endpoint: str | None = None
    sns_topic_arn: str = "arn:aws:sns:ap-southeast-1:000000000000:bkash-sandbox"
    sns_retry_seconds: tuple[Seconds, ...] = (1, 2, 5, 20, 60, 300, 1_200, 3_600)
