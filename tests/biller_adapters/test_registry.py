from pathlib import Path

import pytest

from biller_adapters.registry import build
from ekpay_switch.flows.bills.fetch_bill import chosen_parameters
from ekpay_switch.ports.billers import Billers
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.conftest import CONFIG, MANIFESTS
from tests.wire.conftest import HandClock

DESCO = (CONFIG / "billers" / "desco_postpaid.toml").read_text(encoding="utf-8")


def built(config_dir: Path = CONFIG, divisor: float = 1.0) -> Billers:
    clock = HandClock()
    return build(config_dir, HttpWire(clock), InMemoryTokens(), clock, {}, divisor)


def written(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "billers").mkdir()
    for name, text in files.items():
        (tmp_path / "billers" / f"{name}.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_biller_is_found_by_either_id() -> None:
    billers = built()
    desco = billers.by_ekpay_id("b025")
    assert desco is not None
    assert billers.by_id("desco_postpaid") is desco
    assert desco in billers.all()


def test_every_biller_of_this_installation_is_there() -> None:
    ids = {manifest.id: manifest.ekpay_id for manifest in MANIFESTS if manifest.route_of is None}
    assert [(adapter.profile.id, adapter.profile.ekpay_id) for adapter in built().all()] == sorted(
        ids.items()
    )
    assert (
        ids.items() >= {"breb_postpaid": "b9001", "desco_postpaid": "b025", "nesco_prepaid": "b9002"}.items()
    )


@pytest.mark.parametrize(
    ("biller_id", "member", "default"),
    [("ldtax", "owner_type", "citizen"), ("eporcha_khatian", "delivery", "counter")],
)
def test_what_clients_of_ekpay_do_not_send_has_a_default(biller_id: str, member: str, default: str) -> None:
    biller = built().by_id(biller_id)
    assert biller is not None
    of_ekpay = {
        field.wire_name: field.example
        for field in biller.profile.parameters
        if not field.wire_name.startswith("x_")
    }
    chosen = chosen_parameters(biller.profile, of_ekpay)
    assert isinstance(chosen, dict)
    assert chosen[member] == default


def test_an_unknown_biller_is_none() -> None:
    assert built().by_ekpay_id("b999") is None
    assert built().by_id("nobody") is None


def test_a_biller_that_is_down_is_still_listed(tmp_path: Path) -> None:
    down = DESCO.replace('status = "active"', 'status = "down"')
    billers = built(written(tmp_path, desco_postpaid=down))
    assert [adapter.profile.status for adapter in billers.all()] == ["down"]


def test_times_are_divided_for_everybody() -> None:
    desco = built(divisor=20).by_id("desco_postpaid")
    assert desco is not None
    assert desco.profile.timing.answer_seconds == 1


def test_a_divisor_below_one_is_refused() -> None:
    with pytest.raises(ManifestError, match="one or more"):
        built(divisor=0.5)


def test_one_ekpay_id_belongs_to_one_biller(tmp_path: Path) -> None:
    twin = DESCO.replace('id = "desco_postpaid"', 'id = "desco_twin"', 1)
    with pytest.raises(ManifestError, match="same ekPay id"):
        built(written(tmp_path, desco_postpaid=DESCO, desco_twin=twin))


def test_an_unknown_family_is_named(tmp_path: Path) -> None:
    other = DESCO.replace('family = "scroll_rest"', 'family = "carrier_pigeon"')
    with pytest.raises(ManifestError, match="carrier_pigeon"):
        built(written(tmp_path, desco_postpaid=other))
