"""All billers of this installation: reads the manifests and builds each adapter by its family.

The entry point of the group `ekpay.billers` is `build`; a bank's or a biller's own package may add another.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Unpack

from biller_adapters.families.a_challan import AChallan
from biller_adapters.families.aggregator import Aggregator
from biller_adapters.families.application_fee import ApplicationFee
from biller_adapters.families.batch_file import BatchFile
from biller_adapters.families.direct_rest import DirectRest
from biller_adapters.families.prepaid_vend import PrepaidVend
from biller_adapters.families.scroll_rest import ScrollRest
from biller_adapters.families.syndicate_client import SyndicateClient
from biller_adapters.families.three_step import ThreeStep
from biller_adapters.families.treasury_echallan import TreasuryEchallan
from biller_adapters.families.xml_vend import XmlVend
from biller_adapters.manifest import Manifest, read_manifest
from biller_adapters.two_routes import TwoRoutes
from ekpay_switch.ports.billers import BillerAdapter, Billers
from ekpay_switch.ports.world import Clock, Tokens, Wire
from ekpay_switch.wing_kit.context import FamilyContext, OptionalPorts
from ekpay_switch.wing_kit.manifest_file import ManifestError

Family = Callable[[Manifest, FamilyContext], BillerAdapter]

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "a_challan": AChallan,
        "aggregator": Aggregator,
        "batch_file": BatchFile,
        "application_fee": ApplicationFee,
        "direct_rest": DirectRest,
        "prepaid_vend": PrepaidVend,
        "scroll_rest": ScrollRest,
        "syndicate_client": SyndicateClient,
        "three_step": ThreeStep,
        "treasury_echallan": TreasuryEchallan,
        "xml_vend": XmlVend,
    }
)


class Catalogue:
    """The port `Billers` over a fixed set of adapters, those that are down or suspended included."""

    def __init__(self, adapters: Sequence[BillerAdapter]) -> None:
        self._all = tuple(sorted(adapters, key=lambda adapter: adapter.profile.id))
        self._by_id = {adapter.profile.id: adapter for adapter in self._all}
        self._by_ekpay_id = {adapter.profile.ekpay_id: adapter for adapter in self._all}
        if len(self._by_ekpay_id) != len(self._all):
            raise ManifestError("two billers have the same ekPay id")

    def by_ekpay_id(self, ekpay_id: str) -> BillerAdapter | None:
        """The biller that partners call `b025`, or None."""
        return self._by_ekpay_id.get(ekpay_id)

    def by_id(self, biller_id: str) -> BillerAdapter | None:
        """The biller by our own id, or None."""
        return self._by_id.get(biller_id)

    def all(self) -> Sequence[BillerAdapter]:
        """Every biller, by id."""
        return self._all


def adapter_of(manifest: Manifest, context: FamilyContext) -> BillerAdapter:
    """The adapter of one manifest.

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
) -> Billers:
    """Every biller of `config_dir`/billers/*.toml, its times divided by `divisor`.

    Raises:
        ManifestError: a manifest is unusable, or `divisor` is below one. A switch must not start without a
            configured biller, whose payers it would refuse.
    """
    if divisor < 1:
        raise ManifestError("the divisor of times must be one or more")
    context = FamilyContext(wire, tokens, clock, environ, divisor, **more)
    paths = sorted((config_dir / "billers").glob("*.toml"))
    return Catalogue(_with_routes([read_manifest(path) for path in paths], context))


def _with_routes(manifests: Sequence[Manifest], context: FamilyContext) -> list[BillerAdapter]:
    """The billers, each with its second route where there is one; a route is no biller of its own.

    A route that is not active is left out, but its manifest must be usable.
    """
    billers = {
        manifest.id: adapter_of(manifest, context) for manifest in manifests if manifest.route_of is None
    }
    routed: set[str] = set()
    for manifest in manifests:
        if manifest.route_of is None:
            continue
        if manifest.route_of not in billers or manifest.route_of in routed:
            raise ManifestError(
                f"{manifest.id}: {manifest.route_of} is no biller, or has a second route already"
            )
        routed.add(manifest.route_of)
        two_routes = TwoRoutes(billers[manifest.route_of], adapter_of(manifest, context))
        if manifest.status == "active":
            billers[manifest.route_of] = two_routes
    return list(billers.values())
