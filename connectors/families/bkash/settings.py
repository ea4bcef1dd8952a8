"""The section `family_settings` of a manifest of this family."""

from typing import Annotated

from pydantic import Field

from ekpay_switch.wing_kit.manifest_sections import Section, SettingName


class BkashSettings(Section):
    """The hosts of the payer's page, and the settings for checking notifications.

    `page_hosts` are domains separated by blanks; their subdomains are allowed. `sns_topic_setting` names the
    setting with our SNS topic, `sns_certificate_setting` the setting by which a sandbox serves the
    certificate of its notifications.
    """

    page_hosts: Annotated[str, Field(pattern=r"^[a-z0-9.-]+( [a-z0-9.-]+)*$")]
    sns_topic_setting: SettingName
    sns_certificate_setting: SettingName
