from pathlib import Path

import pytest

from biller_adapters.manifest import Manifest, read_manifest
from tests.biller_adapters.desco_stage import Staged, staging
from tests.wire.conftest import HandClock

CONFIG = Path(__file__).parents[2] / "config"
MANIFESTS = tuple(read_manifest(path) for path in sorted((CONFIG / "billers").glob("*.toml")))


@pytest.fixture
def desco() -> Manifest:
    return next(manifest for manifest in MANIFESTS if manifest.id == "desco_postpaid")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def staged(desco: Manifest) -> Staged:
    return staging(desco)
