"""Our credentials at Nagad: the merchant id, our private key and Nagad's public key.

A missing or unusable one stops this connector only, and its message names the setting, never its value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.families.nagad.encryption import MessageEncryption, private_key, public_key
from connectors.manifest import Manifest
from ekpay_switch.ports.world import NotSent
from ekpay_switch.wing_kit.manifest_file import ManifestError

_SECRETS = ("merchant_id", "private_key", "gateway_key")
_MERCHANT_ID = re.compile(r"[A-Za-z0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of every call."""

    merchant_id: str = field(repr=False)
    encryption: MessageEncryption = field(repr=False)


def read_credentials(manifest: Manifest, environ: Mapping[str, str]) -> Credentials | NotSent:
    """The credentials in the settings, or why nothing can be sent.

    Raises:
        ManifestError: the manifest names other secrets than this family needs.
    """
    if set(_SECRETS) != manifest.secrets.keys():
        raise ManifestError(f"{manifest.id}: secrets of this family are {', '.join(_SECRETS)}")
    settings = manifest.secrets
    missing = next((settings[name] for name in _SECRETS if not environ.get(settings[name])), "")
    if missing:
        return NotSent(f"{missing} is not set")
    merchant_id, own_text, their_text = (environ[settings[name]].strip() for name in _SECRETS)
    if not _MERCHANT_ID.fullmatch(merchant_id):
        return NotSent(f"{settings['merchant_id']} holds no merchant's number")
    own_key, gateway_key = private_key(own_text), public_key(their_text)
    if own_key is None:
        return NotSent(f"{settings['private_key']} holds no RSA key in base64")
    if gateway_key is None:
        return NotSent(f"{settings['gateway_key']} holds no RSA key in base64")
    return Credentials(merchant_id, MessageEncryption(own_key, gateway_key))
