"""Who we are to Nagad: the merchant's number, our private key, Nagad's public key.

A missing or unusable one stops this connector alone, and what is said of it names its setting and nothing
that stands in it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.families.nagad.encryption import Seal, private_key, public_key
from connectors.manifest import Manifest
from ekpay_switch.ports.world import NotSent
from ekpay_switch.wing_kit.manifest_file import ManifestError

_SECRETS = ("merchant_id", "private_key", "gateway_key")
_MERCHANT_ID = re.compile(r"[A-Za-z0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What every call is made with."""

    merchant_id: str = field(repr=False)
    seal: Seal = field(repr=False)


def read_credentials(manifest: Manifest, environ: Mapping[str, str]) -> Credentials | NotSent:
    """What the settings hold, or why nothing can be sent.

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
    own, theirs = private_key(own_text), public_key(their_text)
    if own is None:
        return NotSent(f"{settings['private_key']} holds no RSA key in base64")
    if theirs is None:
        return NotSent(f"{settings['gateway_key']} holds no RSA key in base64")
    return Credentials(merchant_id, Seal(own, theirs))
