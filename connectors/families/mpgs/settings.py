"""The family settings of a manifest of this family, and the secrets that it names."""

import base64
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from connectors.manifest import Manifest
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Section

_SECRETS = frozenset({"merchant_id", "api_password", "webhook_secret"})


class MpgsSettings(Section):
    """The version of the REST interface, the name on the page, and the page's path below the endpoint."""

    rest_version: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}$")]
    merchant_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9 .-]{1,40}$")]
    page_path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_./-]*\{session_id\}$")]


class MpgsSecrets:
    """The secrets of calls and of notifications; a missing one must not stop the other connectors.

    `missing` is the setting without which no call can be made; it is empty where all are set.

    Raises:
        ManifestError: the manifest names other secrets than this family has.
    """

    def __init__(self, manifest: Manifest, environ: Mapping[str, str]) -> None:
        if manifest.secrets.keys() != _SECRETS:
            raise ManifestError(f"{manifest.id}: secrets of this family are {', '.join(sorted(_SECRETS))}")
        names = (manifest.secrets["merchant_id"], manifest.secrets["api_password"])
        self.merchant_id, password = (environ.get(name, "") for name in names)
        self.missing = next((name for name in names if not environ.get(name)), "")
        pair = f"merchant.{self.merchant_id}:{password}".encode("utf-8", "surrogateescape")
        self.authorization = f"Basic {base64.b64encode(pair).decode()}"
        self.webhook_setting = manifest.secrets["webhook_secret"]
        self.webhook = environ.get(self.webhook_setting, "")
