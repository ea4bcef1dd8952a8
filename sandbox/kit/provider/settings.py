"""What the institutions of a family are started with."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sandbox.kit.institution.settings import ACCOUNTS_MAX, InstitutionSettings

ENVIRONMENT_PREFIX = "EKPAY_SANDBOX_GATEWAY_"

Seconds = Annotated[float, Field(ge=0)]
Divisor = Annotated[float, Field(gt=0)]


class ProviderSettings(InstitutionSettings):
    """Settings of all institutions, from the environment as `EKPAY_SANDBOX_GATEWAY_<NAME>`.

    Every institution of every family has the same user, password and signing secret; each family has a
    journal of its own. `public_url` is where a browser finds the payer's page, if not where it is served. The
    waits between pushes and the lives of pages are those of the institution, divided by `push_times_divisor`
    and `page_times_divisor`. A payment that is pending settles after `pending_seconds`, a refund that is in
    work after `refund_seconds`. `hang_seconds` is how long a hanging call hangs before its connection closes.

    Some institutions take no address for the return and for pushes in their calls: the merchant has
    registered one address with them. These are `registered_return_url` and `registered_push_url`, in which
    `{house}` stands for the institution; without them the browser stays and nothing is pushed.
    """

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True)

    accounts: int = Field(default=2_000, ge=1, le=ACCOUNTS_MAX)
    password: SecretStr = SecretStr("gateway-sandbox")
    secret: SecretStr = SecretStr("gateway-sandbox-secret")
    pin: str = "12121"
    otp: str = "123456"
    balance_paisa: int = Field(default=1_000_000_000, ge=0)
    merchant_name: str = "ekPay"
    public_url: str | None = None
    registered_return_url: str = ""
    registered_push_url: str = ""
    pending_seconds: Seconds = 120.0
    refund_seconds: Seconds = 60.0
    hang_seconds: Seconds = 35.0
    push_times_divisor: Divisor = 1.0
    page_times_divisor: Divisor = 1.0

    def journal_of(self, family: str) -> Path:
        """Where the book of a family is kept, one JSON object a line."""
        return self.home / f"gateway_{family}.jsonl"
