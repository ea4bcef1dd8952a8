from pathlib import Path

import pytest

from biller_adapters.manifest import Manifest, read_manifest
from tests.biller_adapters.families.scroll_rest.desco_stage import Staged, staging
from tests.wire.conftest import HandClock

CONFIG = Path(__file__).parents[2] / "config"
MANIFESTS = tuple(read_manifest(path) for path in sorted((CONFIG / "billers").glob("*.toml")))


def the_manifest(biller_id: str) -> Manifest:
    return next(manifest for manifest in MANIFESTS if manifest.id == biller_id)


@pytest.fixture
def desco() -> Manifest:
    return the_manifest("desco_postpaid")


@pytest.fixture
def breb() -> Manifest:
    return the_manifest("breb_postpaid")


@pytest.fixture
def nesco() -> Manifest:
    return the_manifest("nesco_prepaid")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def staged(desco: Manifest) -> Staged:
    return staging(desco)
