"""All connectors of this installation: reads the manifests and builds each connector by its family.

The entry point of the group `ekpay.connectors` is `build`; a bank's own package may add another.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Unpack

from connectors.families.bank_redirect.connector import BankRedirect
from connectors.families.bkash.connector import Bkash
from connectors.families.iso8583.connector import HostLink
from connectors.families.mpgs.connector import Mpgs
from connectors.families.nagad.connector import Nagad
from connectors.families.sslcommerz.connector import Sslcommerz
from connectors.families.token_init_status.connector import TokenInitStatus
from connectors.manifest import Manifest, read_manifest
from ekpay_switch.ports.connectors import Connector, Connectors
from ekpay_switch.ports.world import Clock, Tokens, Wire
from ekpay_switch.wing_kit.context import FamilyContext, OptionalPorts
from ekpay_switch.wing_kit.manifest_file import ManifestError

Family = Callable[[Manifest, FamilyContext], Connector]

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "bank_redirect": BankRedirect,
        "bkash": Bkash,
        "iso8583": HostLink,
        "mpgs": Mpgs,
        "nagad": Nagad,
        "token_init_status": TokenInitStatus,
        "sslcommerz": Sslcommerz,
    }
)


class Catalogue:
    """The port `Connectors` over a fixed set, those that are down or suspended included."""

    def __init__(self, connectors: Sequence[Connector]) -> None:
        self._all = tuple(sorted(connectors, key=lambda connector: connector.profile.id))
        self._by_id = {connector.profile.id: connector for connector in self._all}

    def by_id(self, connector_id: str) -> Connector | None:
        """The connector by our own id, or None."""
        return self._by_id.get(connector_id)

    def all(self) -> Sequence[Connector]:
        """Every connector, by id."""
        return self._all


def connector_of(manifest: Manifest, context: FamilyContext) -> Connector:
    """The connector of one manifest.

    Raises:
        ManifestError: the family is unknown, or it refuses the manifest.
    """
    family = FAMILIES.get(manifest.family)
    if family is None:
        raise ManifestError(f"{manifest.id}: there is no family {manifest.family}")
    return family(manifest, context)


def build(  # the entry point's signature: six parameters, and further ports by name
    config_dir: Path,
    wire: Wire,
    tokens: Tokens,
    clock: Clock,
    environ: Mapping[str, str],
    divisor: float = 1.0,
    **more: Unpack[OptionalPorts],
) -> Connectors:
    """Every connector of `config_dir`/connectors/*.toml, its times divided by `divisor`.

    Raises:
        ManifestError: a manifest is unusable, or `divisor` is below one.
    """
    if divisor < 1:
        raise ManifestError("the divisor of times must be one or more")
    context = FamilyContext(wire, tokens, clock, environ, divisor, **more)
    paths = sorted((config_dir / "connectors").glob("*.toml"))
    return Catalogue([connector_of(read_manifest(path), context) for path in paths])
