"""The section `family_settings` of a manifest of this family."""

from typing import Annotated, Literal

from pydantic import Field

from ekpay_switch.wing_kit.manifest_sections import Section, SettingName


class NagadSettings(Section):
    """The hosts of the payer's page, and the values of Nagad's own headers.

    `page_hosts` are domains, with their ports, separated by blanks; their subdomains are allowed.
    `client_address_setting` names the setting with our IPv4 address; `client_address` is sent where it is not
    set.
    """

    page_hosts: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?( [a-z0-9.-]+(:[0-9]+)?)*$")]
    api_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,20}$")]
    client_type: Literal["PC_WEB", "MOBILE_WEB", "MOBILE_APP", "WALLET_WEB_VIEW", "BILL_KEY"]
    client_address: Annotated[str, Field(pattern=r"^[0-9.]{7,15}$")]
    client_address_setting: SettingName
