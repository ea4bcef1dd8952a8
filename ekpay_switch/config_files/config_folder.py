"""The folder of the configuration as a whole: what a switch needs in it, and a copy of the shipped one."""

import shutil
from pathlib import Path

from ekpay_switch.shipped_folders import CONFIG

# What the two processes of the switch read when they start.
NEEDED_FILES = (
    "agents.toml",
    "alarms.toml",
    "calendar.toml",
    "challan_accounts.toml",
    "fees.toml",
    "retention.toml",
    "routing.toml",
)
NEEDED_FOLDERS = ("billers", "connectors")
WAYS_OUT = (
    "set EKPAY_CONFIG to a folder that has it, copy the shipped files with ekpay config init, or work in a "
    "folder without a folder config"
)


class ConfigFolderError(Exception):
    """A configuration cannot be used as it is; the text names the folder and what it lacks."""


def check_config_folder(folder: Path) -> None:
    """Refuse a folder with which no switch can start.

    Raises:
        ConfigFolderError: it lacks a file, or has no manifest; each of them is named.
    """
    if not folder.is_dir():
        raise ConfigFolderError(f"the configuration {folder} is no folder: {WAYS_OUT}")
    lacking = [name for name in NEEDED_FILES if not (folder / name).is_file()]
    lacking += [f"{name}/*.toml" for name in NEEDED_FOLDERS if not any((folder / name).glob("*.toml"))]
    if lacking:
        raise ConfigFolderError(f"the configuration {folder} lacks {', '.join(lacking)}: {WAYS_OUT}")


def write_shipped_files(folder: Path, *, replace: bool = False) -> int:
    """Write the shipped files into this folder, which is made if need be, and return how many there are.

    Other files of the folder stay.

    Raises:
        ConfigFolderError: one of them is there, and `replace` is false; then none is written.
    """
    names = file_names(CONFIG)
    present = [name for name in names if (folder / name).exists()]
    if present and not replace:
        more = f" and {len(present) - 1} more" if len(present) > 1 else ""
        raise ConfigFolderError(
            f"{folder / present[0]}{more} exist already, so nothing was written: name another folder, or "
            "--replace them"
        )
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CONFIG / name, folder / name)
    return len(names)


def differences(folder: Path) -> dict[str, str]:
    """The files in which this folder is not the shipped one, each `changed`, `added` or `missing`."""
    ours, shipped = set(file_names(folder)), set(file_names(CONFIG))
    found = dict.fromkeys(ours - shipped, "added") | dict.fromkeys(shipped - ours, "missing")
    for name in ours & shipped:
        if (folder / name).read_bytes() != (CONFIG / name).read_bytes():
            found[name] = "changed"
    return dict(sorted(found.items()))


def file_names(folder: Path) -> list[str]:
    """The configuration files of a folder, as paths below it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.toml") if path.is_file())
