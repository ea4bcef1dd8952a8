"""`sandbox sftp` without the extra: the sandbox is there, and the one command says what it lacks."""

import subprocess
import sys

WITHOUT = (
    "import sys; sys.modules['asyncssh'] = None; from sandbox.commands import app; app(prog_name='sandbox')"
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ourselves


def test_the_sandbox_starts_without_asyncssh() -> None:
    shown = run("sftp", "--help")
    assert shown.returncode == 0
    assert "read only" in shown.stdout


def test_the_command_says_what_it_lacks() -> None:
    refused = run("sftp", "--port", "0")
    assert refused.returncode == 1
    assert refused.stderr == "cannot start: asyncssh is not installed, run make setup\n"
