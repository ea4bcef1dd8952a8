"""The section `family_settings` of a manifest of this family, one model a dialect."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from connectors.families.bank_redirect.credits import Share, refuse_unless_whole
from ekpay_switch.wing_kit.manifest_sections import Section, SettingName

_Hosts = Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?( [a-z0-9.-]+(:[0-9]+)?)*$")]


class DbblSettings(Section):
    """DBBL: one interface for all its cards and for Rocket, told apart by `card_type`.

    `page_hosts` are the hosts of the payer's page, separated by blanks, with a port where it is not 443;
    their subdomains are allowed. `client_ip_setting` names the setting with the address by which the bank
    knows us; without it `client_ip_default` is sent, which is the sandbox's.
    """

    dialect: Literal["dbbl"]
    page_hosts: _Hosts
    card_type: Annotated[str, Field(pattern=r"^[1-6]$")]
    client_ip_setting: SettingName
    client_ip_default: Annotated[str, Field(pattern=r"^[0-9a-f.:]+$")]


class SpgSettings(Section):
    """Sonali: `credits` are the accounts that every payment is split over.

    The payer's page is below `landing_setting`'s address, or below the endpoint where that is not set.
    `contact_number` is sent as the payer's number: ours, since we disclose no payer's.
    """

    dialect: Literal["spg"]
    page_hosts: _Hosts
    landing_setting: SettingName
    # TOML has lists, which a strict model does not accept as a tuple.
    credits: Annotated[tuple[Share, ...], Field(min_length=1, strict=False)]
    contact_number: Annotated[str, Field(pattern=r"^[0-9]{5,15}$")]

    @field_validator("credits")
    @classmethod
    def _credits_add_up(cls, shares: tuple[Share, ...]) -> tuple[Share, ...]:
        refuse_unless_whole(shares)
        return shares


class CitySettings(Section):
    """City Bank: the two settings hold the paths of the client certificate and of its key, PEM both."""

    dialect: Literal["city"]
    page_hosts: _Hosts
    client_certificate_setting: SettingName
    client_key_setting: SettingName
