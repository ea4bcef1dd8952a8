"""Every recorded reply of every manifest, through the adapter that would read it."""

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Example
from biller_adapters.rehearsal import rehearse
from ekpay_switch.domain.money import parse_taka
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


def test_there_is_a_manifest_at_all() -> None:
    assert "desco_postpaid" in {manifest.id for manifest in MANIFESTS}
