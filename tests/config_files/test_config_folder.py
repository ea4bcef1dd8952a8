"""Which configuration is found, what a folder of it needs, and the copy that people edit."""

import shutil
from pathlib import Path

import pytest

from ekpay_switch.cli.billers.profiles import profiles_of
from ekpay_switch.config_files.config_folder import (
    NEEDED_FILES,
    ConfigFolderError,
    check_config_folder,
    differences,
    file_names,
    write_shipped_files,
)
from ekpay_switch.settings import read_settings
from ekpay_switch.shipped_folders import CONFIG


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with nothing set."""
    monkeypatch.delenv("EKPAY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_setting_goes_before_the_current_folder_and_that_before_what_is_shipped(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_settings().config == CONFIG
    (empty_folder / "config").mkdir()
    assert read_settings().config == empty_folder / "config"
    monkeypatch.setenv("EKPAY_CONFIG", "/elsewhere")
    assert read_settings().config == Path("/elsewhere")


def test_a_mount_that_is_missing_is_not_replaced_by_the_defaults(empty_folder: Path) -> None:
    (empty_folder / "config").symlink_to("nowhere")
    assert read_settings().config == empty_folder / "config"
    with pytest.raises(ConfigFolderError, match="config is no folder"):
        check_config_folder(read_settings().config)


def test_a_file_of_that_name_is_no_configuration(empty_folder: Path) -> None:
    (empty_folder / "config").write_text("of somebody else")
    assert read_settings().config == CONFIG


def test_each_part_that_is_missing_is_named_with_the_folder(tmp_path: Path) -> None:
    check_config_folder(CONFIG)
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    (folder / "fees.toml").unlink()
    shutil.rmtree(folder / "connectors")
    with pytest.raises(ConfigFolderError) as refused:
        check_config_folder(folder)
    assert f"{folder} lacks fees.toml, connectors/*.toml:" in str(refused.value)
    assert set(NEEDED_FILES) <= set(file_names(CONFIG))


def test_an_empty_configuration_is_no_empty_list(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKPAY_CONFIG", str(empty_folder))
    with pytest.raises(Exception, match=f"{empty_folder}/billers holds no manifest of a biller"):
        profiles_of(read_settings())


def test_a_copy_is_whole_and_replaces_nothing_unasked(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "config"
    assert write_shipped_files(folder) == len(file_names(CONFIG))
    assert differences(folder) == {}
    (folder / "fees.toml").write_text("mine")
    (folder / "routing.toml").unlink()
    (folder / "billers" / "new.toml").write_text("mine")
    edited = {"billers/new.toml": "added", "fees.toml": "changed", "routing.toml": "missing"}
    assert differences(folder) == edited
    with pytest.raises(ConfigFolderError, match=r"exist already, so nothing was written"):
        write_shipped_files(folder)
    assert differences(folder) == edited
    write_shipped_files(folder, replace=True)
    assert differences(folder) == {"billers/new.toml": "added"}
