from pathlib import Path

import pytest

from connectors.manifest import Manifest, read_manifest
from tests.wire.conftest import HandClock

CONFIG = Path(__file__).parents[2] / "config"
MANIFESTS = tuple(read_manifest(path) for path in sorted((CONFIG / "connectors").glob("*.toml")))


def the_manifest(connector_id: str) -> Manifest:
    return next(manifest for manifest in MANIFESTS if manifest.id == connector_id)


@pytest.fixture
def bkash() -> Manifest:
    return the_manifest("bkash")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()
