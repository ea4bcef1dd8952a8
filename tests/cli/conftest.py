"""`ekpay` as people type it, over an embedded database of its own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ekpay_switch.cli.main import build, carry_out
from ekpay_switch.settings import Settings
from tests.cli.command_result import Ekpay, Typed
from tests.cli.migrated_home import a_home
from tests.cli.two_persons import install_founders


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """One database for all tests here, whose books are always sound: some of them audit it."""
    with a_home() as home:
        asyncio.run(install_founders(home))
        yield home


@pytest.fixture
def own_home() -> Iterator[Path]:
    """A home of one test alone: no other test has put partners into it that are sealed by no key of it."""
    with a_home() as home:
        yield home


@pytest.fixture
def ekpay(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ekpay:
    """Types a command; keyword arguments are environment variables for it alone."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"EKPAY_{name.upper()}", raising=False)
    for name in (
        "EKPAY_STAFF_PASSPHRASE",
        "EKPAY_APPROVER_PASSPHRASE",
        "EKPAY_STAFF_CODE",
        "EKPAY_TRACEBACK",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EKPAY_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")

    def type_in(*words: str, **environment: str) -> Typed:
        capsys.readouterr()
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            code = carry_out(build(words), words)
        captured = capsys.readouterr()
        return Typed(code, captured.out, captured.err)

    return type_in
