"""Who the one partner of this switch is, and on what terms."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ENVIRONMENT_PREFIX = "EKPAY_SANDBOX_UPSTREAM_"


class PartnerSettings(BaseSettings):
    """The partner, from the environment as `EKPAY_SANDBOX_UPSTREAM_<NAME>`.

    Every message is sealed with the secret, 32 ASCII characters. `fee_paisa` is taken off the prefund
    with each bill; `prefund_paisa` is what stood there when the book was begun.
    """

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True)

    secret: SecretStr = Field(
        default=SecretStr("upstream-sandbox-secret-32-chars"), min_length=32, max_length=32
    )
    nd_id: str = "NS8801"
    syndct_id: str = "s8801"
    fee_paisa: int = Field(default=575, ge=0)
    prefund_paisa: int = Field(default=10_000_000_000, ge=0)
