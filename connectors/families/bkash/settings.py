"""The section `family_settings` of a manifest of this family."""

from typing import Annotated

from pydantic import Field

from ekpay_switch.wing_kit.manifest_sections import Section, SettingName


class FamilySettings(Section):
    """Where the payer's page may be, and what notifications are checked against.

    `page_hosts` are domains with blanks between them; their subdomains count. `sns_topic_setting` names the
    setting with the one topic that is ours, `sns_certificate_setting` the one that lets a sandbox serve the
    certificate of its notifications.
    """

    page_hosts: Annotated[str, Field(pattern=r"^[a-z0-9.-]+( [a-z0-9.-]+)*$")]
    sns_topic_setting: SettingName
    sns_certificate_setting: SettingName
