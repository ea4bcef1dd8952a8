"""The settings of the seven hosts, beyond those of every family of providers."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from sandbox.kit.provider.settings import ProviderSettings, Seconds

Port = Annotated[int, Field(ge=0, le=65_535)]


class HostSettings(ProviderSettings):
    """Settings of this family, from the environment as `EKPAY_SANDBOX_GATEWAY_<NAME>`.

    `host_ports` names the TCP port of an institution, as JSON by its id; 0 takes a free one. An institution
    that is not named listens as many ports above the consent pages as it does in the document. The business
    day of every host turns at `cut_over_hour` in Dhaka. An alias is good for `alias_seconds`, divided as the
    life of pages is. With `is_repeat_94` the host answers the repeat of a 0200 with 94, otherwise as it
    answered the first.
    """

    host_ports: Mapping[str, Port] = Field(default_factory=dict)
    cut_over_hour: int = Field(default=22, ge=0, le=23)
    alias_seconds: Seconds = 600.0
    is_repeat_94: bool = False
