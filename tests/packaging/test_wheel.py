"""The wheel: what is in it, and that it runs from an empty folder where no checkout can be imported."""

import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = "ekpay_switch"
BUNDLED = ("biller_adapters", "config", "connectors", "migrations", "reconciliation", "sandbox")
BUILD = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
# What no other test of a command can see: that each plugin is found without a checkout, in children too.
USE_EVERYTHING = """
import os, subprocess, sys
from importlib.metadata import entry_points
import ekpay_switch
from ekpay_switch.persistence.migrate import VERSIONS
from reconciliation.reports.pdf import set_as_pdf

for group in ("apps", "app_summaries", "audits", "billers", "connectors", "early_imports", "status"):
    points = entry_points(group=f"ekpay.{group}")
    assert points, group
    for point in points:
        assert point.load(), point
        assert "/ekpay_switch/bundle/" in sys.modules[point.module].__file__, point
assert list(VERSIONS.glob("*/0001*.py"))
subprocess.run([sys.executable, "-m", "sandbox", "--help"], check=True, stdout=subprocess.DEVNULL)
child = "import reconciliation.reports.typeset; print('%PDF-found')"
print(set_as_pdf({}, (sys.executable, "-c", child)).decode())
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that holds the wheel and the libraries it needs, and an empty folder to work in."""

    wheel: Path
    programs: Path
    empty_folder: Path

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What one of its programs answers in the empty folder, with an environment of nothing."""
        command = [str(self.programs / name), *arguments]
        return subprocess.run(  # noqa: S603 - our own wheel
            command,
            cwd=self.empty_folder,
            env={"COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )


def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    source, environment, empty_folder = folder / "source", folder / "environment", folder / "empty"
    empty_folder.mkdir()
    built_from = {CORE, *BUNDLED, "setup.py", "pyproject.toml", "README.md", "LICENSE"}
    for name in tracked_files():
        if name.split("/", 1)[0] in built_from:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-c", BUILD], cwd=source, check=True, capture_output=True)  # noqa: S603
    (wheel,) = (source / "dist").glob("*.whl")
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, capture_output=True
    )
    programs = environment / "bin"
    libraries = Path(sysconfig.get_path("purelib"))
    subprocess.run(  # noqa: S603
        [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--offline", "--no-deps",
         "--no-cache", "--python", str(programs / "python"), str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    # A path in such a file brings libraries, but not the finder of the editable install that is among them.
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "libraries.pth").write_text(f"{libraries}\n")
    return Installed(wheel, programs, empty_folder)


def test_the_wheel_holds_every_file_of_its_folders_under_names_of_our_own(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    shipped = {name for name in names if ".dist-info/" not in name}
    expected = set()
    for name in tracked_files():
        top = name.split("/", 1)[0]
        if top == CORE:
            expected.add(name)
        elif top in BUNDLED:
            expected.add(f"{CORE}/bundle/{name}")
    assert shipped == expected
    assert {name.split("/", 1)[0].split("-")[0] for name in names} == {CORE}
    assert not [name for name in names if "/tests/" in name]


def test_the_commands_run_from_an_empty_folder(installed: Installed) -> None:
    assert installed.run("ekpay", "--version").stdout == "ekpay 0.1.0\n"
    written = installed.run("ekpay", "config", "init")
    assert written.returncode == 0, written.stderr
    fees = (installed.empty_folder / "config" / "fees.toml").read_bytes()
    assert fees == (ROOT / "config" / "fees.toml").read_bytes()
    shown = installed.run("ekpay", "config", "show")
    assert str(installed.empty_folder / "config") in shown.stdout


def test_plugins_children_and_migrations_are_found(installed: Installed) -> None:
    done = installed.run("python", "-c", USE_EVERYTHING)
    assert (done.stdout.strip(), done.stderr) == ("%PDF-found", "")


def test_the_wings_take_no_name_where_the_switch_is_not_imported(installed: Installed) -> None:
    for name in ("sandbox", "connectors", "migrations", "reconciliation", "biller_adapters"):
        assert f"No module named '{name}'" in installed.run("python", "-c", f"import {name}").stderr
