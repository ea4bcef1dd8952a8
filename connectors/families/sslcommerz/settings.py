"""The section `family_settings` of manifests of this family, one model for each dialect."""

from typing import Annotated, Literal

from pydantic import Field

from ekpay_switch.wing_kit.manifest_sections import Section

_Sent = Annotated[str, Field(min_length=1, max_length=255)]


class CommonSettings(Section):
    """The hosts of the payer's page, and fixed values for required members about the payer.

    `page_hosts` are domains separated by blanks; their subdomains are allowed. All others are sent unchanged
    with every payment.
    """

    page_hosts: Annotated[str, Field(pattern=r"^[a-z0-9.-]+( [a-z0-9.-]+)*$")]
    cus_name: _Sent
    cus_email: _Sent
    cus_add1: _Sent
    cus_city: _Sent
    cus_postcode: _Sent
    cus_country: _Sent
    cus_phone: _Sent

    def sent_fields(self) -> dict[str, str]:
        """The fields that are sent unchanged."""
        return {name: str(text) for name, text in self if name not in {"dialect", "page_hosts"}}


class V4Settings(CommonSettings):
    """SSLCommerz itself (connectors.md 3.2)."""

    dialect: Literal["v4"]
    product_category: _Sent
    product_name: _Sent
    product_profile: _Sent
    shipping_method: _Sent


class AamarPaySettings(CommonSettings):
    """aamarPay (connectors.md 5)."""

    dialect: Literal["aamarpay"]
    cus_add2: _Sent
    cus_state: _Sent
    desc: _Sent
