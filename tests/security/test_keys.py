import base64
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ekpay_switch.security.keys import KEY_FILE, KeyRing, MasterKeyError

KNOWN = base64.b64encode(bytes(range(32))).decode()


def _derive(home: Path) -> bytes:
    return KeyRing.open(home).sub_key("test")


def test_the_first_opening_makes_a_key_that_only_its_owner_may_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = _derive(home)
    file = home / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [found.name for found in home.iterdir()] == [KEY_FILE]
    assert _derive(home) == first


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        keys = set(pool.map(_derive, [tmp_path / "home"] * 12))
    assert len(keys) == 1
    assert [found.name for found in (tmp_path / "home").iterdir()] == [KEY_FILE]


def test_each_purpose_has_a_key_of_its_own() -> None:
    ring = KeyRing.open(Path("unused"), KNOWN)
    assert ring.sub_key("tokens") == KeyRing.open(Path("unused"), KNOWN + "\n").sub_key("tokens")
    assert ring.sub_key("tokens") != ring.sub_key("fields")
    assert bytes(range(32)) not in {ring.sub_key("tokens"), ring.sub_key("")}


def test_a_derived_key_never_changes_between_versions() -> None:
    """What is sealed today must open after every upgrade."""
    derived = KeyRing.open(Path("unused"), KNOWN).sub_key("sealed-fields/1")
    assert derived.hex() == "afc4973d52fff1936e78ba4c54902357503a599bb3659138284ad331e86e1259"


def test_the_ring_shows_no_key() -> None:
    ring = KeyRing(bytes(range(32)))
    assert str(bytes(range(32))) not in repr(ring)
    assert not hasattr(ring, "__dict__")


@pytest.mark.parametrize("text", ["", "secret", "ছ" * 32, base64.b64encode(bytes(31)).decode(), KNOWN + "!"])
def test_a_configured_key_that_is_none_is_refused_without_showing_it(text: str, tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match="EKPAY_MASTER_KEY must hold 32") as refused:
        KeyRing.open(tmp_path, text)
    assert not text or text not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    _derive(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o640)
    with pytest.raises(MasterKeyError, match="chmod 600"):
        _derive(tmp_path)


def test_a_cut_key_file_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / KEY_FILE
    file.write_text("AAAA")
    file.chmod(0o600)
    with pytest.raises(MasterKeyError, match="32 random bytes"):
        _derive(tmp_path)
    assert file.read_text() == "AAAA"


def test_a_key_file_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    _derive(tmp_path / "home")
    other = tmp_path / "other"
    other.mkdir()
    (other / KEY_FILE).symlink_to(tmp_path / "home" / KEY_FILE)
    with pytest.raises(MasterKeyError):
        _derive(other)
