"""The section `family_settings` of a manifest of this family."""

from typing import Annotated, Literal

from pydantic import Field

from ekpay_switch.wing_kit.manifest_sections import Seconds, Section, SettingName


class LinkSettings(Section):
    """One bank's link.

    `host_setting` names the setting with the host's address, `host:port`; without it the sandbox's is used.
    The alias is sent in the field `alias_field`. `acquirer` (DE32), `acceptor` (DE42) and `terminal` (DE41)
    identify us to the bank. `processing_code` and `merchant_type` are DE3 and DE18 of a request. A link
    idle for `echo_idle_seconds` is tested with an echo.
    """

    host_setting: SettingName
    host_default: Annotated[str, Field(pattern=r"^(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}$")]
    alias_field: Literal["2", "102"]
    acquirer: Annotated[str, Field(pattern=r"^[0-9]{1,11}$")]
    acceptor: Annotated[str, Field(pattern=r"^[A-Z0-9]{15}$")]
    terminal: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,8}$")]
    processing_code: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    merchant_type: Annotated[str, Field(pattern=r"^[0-9]{4}$")]
    echo_idle_seconds: Seconds = 60
    connect_seconds: Seconds = 5
    network_answer_seconds: Seconds = 10
