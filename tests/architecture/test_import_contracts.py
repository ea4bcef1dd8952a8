"""Every import contract of pyproject.toml is broken once on purpose, to see it bite."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]

# By contract: where an offending module is put, and what it imports. A wrong import is caught behind innocent
# ones too, so one contract is broken through a chain.
OFFENCES = {
    "core-reads-downwards": {"ekpay_switch/domain/offence.py": "ekpay_switch.ports.world"},
    "rooms-stand-on-ports": {"ekpay_switch/persistence/offence.py": "ekpay_switch.wire"},
    "edges-reach-in-through-flows": {"ekpay_switch/api/offence.py": "ekpay_switch.persistence"},
    "rooms-never-call-up": {"ekpay_switch/persistence/offence.py": "ekpay_switch.flows"},
    "pure-core-knows-no-framework": {"ekpay_switch/domain/offence.py": "sqlalchemy"},
    "core-is-above-no-ground-floor": {"ekpay_switch/domain/offence.py": "ekpay_switch.settings"},
    "ports-know-no-framework": {"ekpay_switch/ports/offence.py": "sqlalchemy"},
    "rooms-of-persistence-read-downwards": {
        "ekpay_switch/persistence/routing/offence.py": "ekpay_switch.persistence.refunds.rows"
    },
    "ground-floor-imports-nothing-of-ours": {"ekpay_switch/security/offence.py": "ekpay_switch.ports.world"},
    "flows-reach-out-through-ports": {
        "ekpay_switch/flows/offence.py": "ekpay_switch.innocent",
        "ekpay_switch/innocent.py": "aiohttp",
    },
    "wings-may-import-the-kit": {"ekpay_switch/wing_kit/offence.py": "ekpay_switch.wire"},
    "core-knows-no-wing": {"ekpay_switch/flows/offence.py": "biller_adapters"},
    "only-reconciliation-is-heavy": {"ekpay_switch/api/offence.py": "polars"},
    "wings-do-not-know-each-other": {"connectors/offence.py": "biller_adapters"},
    "adapters-answer-and-nothing-else": {"biller_adapters/offence.py": "ekpay_switch.persistence"},
    "reconciliation-reads-and-never-pays": {"reconciliation/offence.py": "ekpay_switch.flows"},
    "rooms-of-reconciliation-read-downwards": {
        "reconciliation/engine/offence.py": "reconciliation.month.month_folder"
    },
    "settlement-reads-downwards": {
        "reconciliation/settlement/positions/offence.py": "reconciliation.settlement.store.settlement_lines"
    },
    "statement-reads-downwards": {
        "reconciliation/statement/values/offence.py": "reconciliation.statement.layout"
    },
    "families-do-not-know-each-other": {
        "biller_adapters/families/offence.py": "biller_adapters.families.victim",
        "biller_adapters/families/victim.py": "typing",
    },
    "sandbox-knows-nothing-of-ours": {"sandbox/offence.py": "ekpay_switch.domain.money"},
    "nobody-imports-the-sandbox": {"biller_adapters/offence.py": "sandbox"},
}


def contracts() -> list[str]:
    return [contract["id"] for contract in SETTINGS["contracts"]]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product's packages and its settings, to break."""
    copy = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in SETTINGS["root_packages"]:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@contextmanager
def offending(tree: Path, modules: dict[str, str]) -> Iterator[None]:
    """The tree with those modules in it."""
    for name, imported in modules.items():
        (tree / name).write_text(f"import {imported}\n", encoding="utf-8")
    try:
        yield
    finally:
        for name in modules:
            (tree / name).unlink()


def lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # The copy must win over the product itself, which is installed from its own folder.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tree), "COLUMNS": "200"}
    command = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [command, "--no-logo", *options],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_contract_is_broken_on_purpose() -> None:
    assert sorted(OFFENCES) == sorted(contracts())


def test_the_product_keeps_every_contract(tree: Path) -> None:
    verdict = lint(tree)
    assert verdict.returncode == 0, verdict.stdout
    assert f"{len(contracts())} kept, 0 broken" in verdict.stdout


@pytest.mark.parametrize("contract", OFFENCES)
def test_an_offence_breaks_its_contract(tree: Path, contract: str) -> None:
    modules = OFFENCES[contract]
    with offending(tree, modules):
        verdict = lint(tree, "--contract", contract)
    assert verdict.returncode == 1, verdict.stdout
    assert "0 kept, 1 broken" in verdict.stdout
    offender = next(iter(modules)).removesuffix(".py").replace("/", ".")
    assert offender in verdict.stdout
