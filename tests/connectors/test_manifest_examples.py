"""Every recorded reply of every manifest, through the connector that would read it."""

import pytest

from connectors.manifest import Manifest
from connectors.manifest_parts import Example
from connectors.rehearsal import rehearse
from ekpay_switch.domain.money import parse_taka
from tests.connectors.conftest import MANIFESTS


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
    assert understood.lines == example.lines


def test_there_is_a_manifest_at_all() -> None:
    assert "bkash" in {manifest.id for manifest in MANIFESTS}
