"""What docs/operations/peers.md says is installed is what the locks pin by hash; nothing is fetched here."""

import json
import re
from pathlib import Path

import pytest

PEERS = Path(__file__).parent
LOCKS = PEERS / "locks"
DOCUMENT = (PEERS.parents[1] / "docs" / "operations" / "peers.md").read_text(encoding="utf-8")
ROWS = {
    (name, source): version
    for name, version, source in re.findall(
        r"^\| [^|]+ \| `([^`]+)` \| ([0-9.]+) \| [^|]+ \| (PyPI|npm) \|$", DOCUMENT, re.MULTILINE
    )
}
PYTHON = sorted(path.stem for path in LOCKS.glob("*.lock"))
NODE = sorted(path.parent.name for path in LOCKS.glob("*/package-lock.json"))


def test_every_client_is_in_the_table_and_has_a_lock() -> None:
    assert {name for name, source in ROWS if source == "PyPI"} == set(PYTHON)
    assert {name for name, source in ROWS if source == "npm"} == set(NODE)


@pytest.mark.parametrize("name", PYTHON)
def test_a_package_from_pypi_is_pinned_with_all_that_it_needs(name: str) -> None:
    text = (LOCKS / f"{name}.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9-]+)==([^ ;]+)", text, re.MULTILINE)
    assert ROWS[name, "PyPI"] == dict(pins)[name]
    blocks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins)
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("name", NODE)
def test_a_package_from_npm_is_pinned_with_all_that_it_needs(name: str) -> None:
    packages = json.loads((LOCKS / name / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert packages[f"node_modules/{name}"]["version"] == ROWS[name, "npm"]
    assert all("integrity" in package for place, package in packages.items() if place)


def test_every_peer_is_run_by_the_one_command() -> None:
    listed = (PEERS / "__main__.py").read_text(encoding="utf-8")
    peers = {path.stem for path in PEERS.glob("*_against_sandbox.py")}
    assert {name for name in peers if f"    {name},\n" in listed} == peers
