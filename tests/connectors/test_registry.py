from pathlib import Path

import pytest

from connectors.registry import build
from ekpay_switch.flows.merchants.merchant_document import instrument_lookup
from ekpay_switch.plugins import load_connectors
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.connectors.conftest import CONFIG
from tests.wire.conftest import HandClock

BKASH = (CONFIG / "connectors" / "bkash.toml").read_text(encoding="utf-8")


def built(config_dir: Path = CONFIG, divisor: float = 1.0) -> Connectors:
    clock = HandClock()
    return build(config_dir, HttpWire(clock), InMemoryTokens(), clock, {}, divisor)


def written(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "connectors").mkdir()
    for name, text in files.items():
        (tmp_path / "connectors" / f"{name}.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_connector_is_found_by_its_id() -> None:
    connectors = built()
    bkash = connectors.by_id("bkash")
    assert bkash is not None
    assert bkash in connectors.all()
    assert connectors.by_id("nobody") is None


def test_merchants_read_a_gateway_for_each_connector_and_ekpays_own_where_it_is_recorded() -> None:
    connectors = built()
    instrument_of = instrument_lookup(connectors)
    gateways = {
        connector.profile.id: instrument_of(connector.profile.id).gateway for connector in connectors.all()
    }
    assert len(set(gateways.values())) == len(gateways) == 25
    assert all(gateways.values())
    assert (gateways["bkash"], gateways["nagad"]) == ("bKash-msbksh", "Nagad-nagad")


def test_the_switch_finds_the_wing_by_its_entry_point() -> None:
    clock = HandClock()
    found = load_connectors(CONFIG, HttpWire(clock), InMemoryTokens(), clock, 1.0)
    assert "bkash" in {connector.profile.id for connector in found.all()}
    assert found.by_id("nobody") is None


def test_a_connector_that_is_down_is_still_listed(tmp_path: Path) -> None:
    down = BKASH.replace('status = "active"', 'status = "down"')
    assert [one.profile.status for one in built(written(tmp_path, bkash=down)).all()] == ["down"]


def test_without_secrets_a_connector_is_there_all_the_same() -> None:
    assert built().by_id("bkash") is not None


def test_times_are_divided_for_everybody() -> None:
    bkash = built(divisor=16).by_id("bkash")
    assert bkash is not None
    assert bkash.profile.timing.answer_seconds == 2


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('family = "bkash"', 'family = "carrier_pigeon"', "carrier_pigeon"),
        ('app_key = "EKPAY_BKASH_APP_KEY"', 'key = "EKPAY_BKASH_APP_KEY"', "secrets of this family"),
        ('page_hosts = "bka.sh bkash.com"', 'page_hosts = "https://bka.sh"', "page_hosts"),
        ('page_hosts = "bka.sh bkash.com"', "", "page_hosts"),
    ],
)
def test_what_the_family_misses_is_named(tmp_path: Path, old: str, new: str, names: str) -> None:
    with pytest.raises(ManifestError, match=names):
        built(written(tmp_path, bkash=BKASH.replace(old, new)))


def test_a_divisor_below_one_is_refused() -> None:
    with pytest.raises(ManifestError, match="one or more"):
        built(divisor=0.5)
