"""Every recorded reply of every manifest, through the adapter that would read it."""

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Example
from biller_adapters.rehearsal import rehearse
from ekpay_switch.domain.money import parse_taka
from ekpay_switch.wing_kit.manifest_file import ManifestError
from tests.biller_adapters.conftest import MANIFESTS


@pytest.mark.parametrize(
    ("manifest", "example"),
    [
        pytest.param(manifest, example, id=f"{manifest.id}: {example.title}")
        for manifest in MANIFESTS
        for example in manifest.examples
    ],
)
async def test_example_is_understood(manifest: Manifest, example: Example) -> None:
    understood = await rehearse(manifest, example)
    assert understood.verdict == example.expect
    if example.reason is not None:
        assert understood.reason == example.reason
    if example.amount is not None:
        assert understood.amount == parse_taka(example.amount)
    assert understood.tokens == example.tokens


def test_there_is_a_manifest_at_all() -> None:
    assert {"breb_postpaid", "desco_postpaid", "nesco_prepaid"} <= {manifest.id for manifest in MANIFESTS}


async def test_a_renewal_is_rehearsed_by_a_fetch_whose_token_is_refused(breb: Manifest) -> None:
    renewal = next(example for example in breb.examples if example.expect == "renewed")
    polite = tuple(example for example in breb.examples if example.expect != "biller_silent")
    with pytest.raises(ManifestError, match="token is refused"):
        await rehearse(breb.model_copy(update={"examples": polite}), renewal)
