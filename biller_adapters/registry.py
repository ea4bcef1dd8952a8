"""All billers of this installation: reads the manifests and gives each to its family.

The entry point of the group `ekpay.billers` is `build`; a bank's or a biller's own package may bring another.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from biller_adapters.families.prepaid_vend import PrepaidVend
from biller_adapters.families.scroll_rest import ScrollRest
from biller_adapters.families.three_step import ThreeStep
from biller_adapters.manifest import Manifest, read_manifest
from ekpay_switch.ports import BillerAdapter, Billers, Clock, Tokens, Wire
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.surroundings import Surroundings

Family = Callable[[Manifest, Surroundings], BillerAdapter]

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {"prepaid_vend": PrepaidVend, "scroll_rest": ScrollRest, "three_step": ThreeStep}
)


class Catalogue:
    """The port `Billers` over a fixed set of adapters, those that are down or suspended included."""

    def __init__(self, adapters: Sequence[BillerAdapter]) -> None:
        self._all = tuple(sorted(adapters, key=lambda adapter: adapter.profile.id))
        self._by_id = {adapter.profile.id: adapter for adapter in self._all}
        self._by_ekpay_id = {adapter.profile.ekpay_id: adapter for adapter in self._all}
        if len(self._by_ekpay_id) != len(self._all):
            message = "two billers have the same ekPay id"
            raise ManifestError(message)

    def by_ekpay_id(self, ekpay_id: str) -> BillerAdapter | None:
        """The biller that partners call `b025`, or None."""
        return self._by_ekpay_id.get(ekpay_id)

    def by_id(self, biller_id: str) -> BillerAdapter | None:
        """The biller by our own id, or None."""
        return self._by_id.get(biller_id)

    def all(self) -> Sequence[BillerAdapter]:
        """Every biller, by id."""
        return self._all


def adapter_of(manifest: Manifest, around: Surroundings) -> BillerAdapter:
    """The adapter of one manifest.

    Raises:
        ManifestError: no such family, or the family misses something in the manifest.
    """
    family = FAMILIES.get(manifest.family)
    if family is None:
        message = f"{manifest.id}: there is no family {manifest.family}"
        raise ManifestError(message)
    return family(manifest, around)


def build(  # the entry point's signature: the six things a wing of billers may ask for
    config_dir: Path,
    wire: Wire,
    tokens: Tokens,
    clock: Clock,
    environ: Mapping[str, str],
    divisor: float = 1.0,
) -> Billers:
    """Every biller of `config_dir`/billers/*.toml, its times divided by `divisor`.

    Raises:
        ManifestError: a manifest is unusable, or `divisor` is below one; a switch that starts without a
            biller that somebody configured would refuse its payers without a word.
    """
    if divisor < 1:
        message = "the divisor of times must be one or more"
        raise ManifestError(message)
    around = Surroundings(wire, tokens, clock, environ, divisor)
    paths = sorted((config_dir / "billers").glob("*.toml"))
    return Catalogue([adapter_of(read_manifest(path), around) for path in paths])
